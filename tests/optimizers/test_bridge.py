"""Optax's protocol, both ways."""

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import optax
import optax.contrib
import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time
from fallline.optimizers import LBFGS, SGD, Adam, ClipByNorm, Clocked, FromOptax, Momentum, to_optax
from fallline.schedules import Cosine, Exponential, Milestones, Step

START = jnp.array([1.0, -2.0, 3.0])
bowl = lambda w: jnp.sum(jnp.array([1.0, 5.0, 20.0]) * w**2)  # noqa: E731


def walk(rule, steps=30, **evidence):
    w, state, rows = START, rule.init(START), []

    @jax.jit
    def step(w, state):
        delta, state = rule.update(jax.grad(bowl)(w), state, w, **evidence)
        return optax.apply_updates(w, delta), state

    for _ in range(steps):
        w, state = step(w, state)
        rows.append(np.asarray(w))
    return np.array(rows)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optax.adam(0.05),
        lambda: optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.01, 0.9, nesterov=True)),
        lambda: optax.sgd(optax.cosine_decay_schedule(0.01, 30)),
        lambda: optax.lion(0.01),
        lambda: optax.contrib.schedule_free_sgd(0.01),
    ],
)
def test_any_transformation_walks_as_it_does_by_itself(make):
    np.testing.assert_allclose(walk(FromOptax(make())), walk(make()), rtol=1e-6)


def test_a_users_own_two_functions_are_enough():
    class Halve:
        def init(self, params):
            return ()

        def update(self, gradient, state, params=None):
            return jax.tree.map(lambda w: -0.5 * w, params), state

    np.testing.assert_allclose(walk(FromOptax(Halve()))[3], START / 16)
    assert "FromOptax" not in {cls.__name__ for cls in family("optimizer").values()}
    with pytest.raises(FalllineError, match="has no init and update"):
        FromOptax(3)


def test_optaxs_lbfgs_gets_its_evidence():
    rule = FromOptax(optax.lbfgs())

    @jax.jit
    def step(w, state):
        value, gradient = jax.value_and_grad(bowl)(w)
        delta, state = rule.update(gradient, state, w, value=value, objective=bowl)
        return w + delta, state

    w, state = START, rule.init(START)
    for _ in range(12):
        w, state = step(w, state)
    np.testing.assert_allclose(w, np.zeros(3), atol=1e-3)


def test_ours_within_a_chain():
    ours = optax.chain(optax.clip_by_global_norm(1.0), Adam(0.05), optax.scale(0.5))
    np.testing.assert_allclose(walk(ours), walk(ClipByNorm(Adam(0.025), norm=1.0)), rtol=1e-4)
    evidenced = optax.chain(optax.identity(), to_optax(LBFGS()))

    @jax.jit
    def step(w, state):
        value, gradient = jax.value_and_grad(bowl)(w)
        delta, state = evidenced.update(gradient, state, w, value=value, value_fn=bowl)
        return optax.apply_updates(w, delta), state

    w, state = START, evidenced.init(START)
    for _ in range(8):
        w, state = step(w, state)
    np.testing.assert_allclose(w, np.zeros(3), atol=1e-3)


def test_a_schedule_by_steps_needs_no_clock():
    ours = Momentum(Milestones(((0, 0.01), (10, 0.003)), unit="step"), rate_place="outside")
    theirs = optax.sgd(lambda step: jnp.where(step < 10, 0.01, 0.003), 0.9)
    np.testing.assert_allclose(walk(ours), walk(theirs), rtol=1e-5)
    ours = optax.chain(SGD(Exponential(0.01, rate=0.1, unit="step")))
    np.testing.assert_allclose(walk(ours), walk(optax.sgd(lambda t: 0.01 * jnp.exp(-0.1 * t))), rtol=1e-5)


@pytest.mark.parametrize(("schedule", "what"), [(Cosine(0.01), "progress"), (Step(0.01), "epoch")])
def test_a_schedule_by_epochs_needs_one_and_says_so(schedule, what):
    with pytest.raises(FalllineError, match=f"asks for the {what}.*Clocked"):
        walk(SGD(schedule))


def test_a_clock_tells_epochs_and_the_end():
    clocked = Clocked(SGD(Cosine(0.01)), steps=30)
    theirs = optax.sgd(lambda t: 0.01 * 0.5 * (1 + jnp.cos(jnp.pi * (t + 0.5) / 30)))
    np.testing.assert_allclose(walk(clocked), walk(theirs), rtol=1e-5)
    clocked = Clocked(SGD(Step(0.01, factor=0.5, every=2)), steps_per_epoch=5)
    np.testing.assert_allclose(walk(clocked), walk(optax.sgd(lambda t: 0.01 * 0.5 ** (t // 10))), rtol=1e-5)


def test_time_as_evidence_goes_before_the_own_count():
    half = Time(*map(jnp.float32, (0, 0, 0.5)))
    np.testing.assert_allclose(walk(SGD(Cosine(0.02)), time=half), walk(SGD(0.01)), rtol=1e-5)


@pytest.mark.parametrize(
    "make", [lambda: optax.contrib.sophia(0.1), lambda: optax.contrib.differentially_private_aggregate(1.0, 0.1, 0)]
)
def test_a_rule_that_needs_more_than_there_is_is_refused_in_a_sentence(make):
    with pytest.raises(
        FalllineError, match=r"the Optax rule .* (cannot take a step here|answers with steps of other shapes)"
    ):
        walk(FromOptax(make()), steps=1)


def test_a_rule_that_changes_the_shape_of_the_params_is_refused():
    wider = optax.GradientTransformation(lambda w: (), lambda g, state, w=None: (jnp.concatenate([g, g]), state))
    with pytest.raises(FalllineError, match="steps of other shapes than the params"):
        walk(FromOptax(wider), steps=1)


WEIGHTS = {"w": jnp.array([[1.5, -2.0], [3.0, 0.5]])}
INNER = optax.sgd(0.05)
# What a factory is given for an argument without a default, by the argument's name.
GIVEN = {
    **dict.fromkeys(("inner", "tx", "opt", "optimizer", "base_optimizer", "adv_optimizer", "fast_optimizer"), INNER),
    **dict.fromkeys(("clipping", "max_delta", "max_norm", "threshold", "l2_norm_clip"), 1.0),
    **dict.fromkeys(("every_k_schedule", "sync_period", "max_consecutive_errors"), 2),
    **dict.fromkeys(("max_backtracking_steps", "max_linesearch_steps"), 5),
    "learning_rate": 0.05, "step_size": -0.05, "step_size_fn": lambda count: -0.05, "decay": 0.9, "slow_step_size": 0.5,
    "eta": 0.01, "gamma": 0.55, "noise_multiplier": 0.1, "seed": 0, "key": 0, "mask": {"w": True}, "freeze_mask": {"w": False},
    "should_transform_fn": lambda *args, **extra: True, "measure": lambda updates, *args, **extra: jnp.sum(updates["w"]),
    "measure_name": "total", "transforms": {"a": INNER}, "param_labels": {"w": "a"},
    "f": lambda updates, params=None: jax.tree.map(lambda u: -0.05 * u, updates),
}  # fmt: skip
# Those that need what a step here does not have: gradients at other points or of single rows, other params, an `obj_fn`.
REFUSED = {
    "lookahead", "sam", "differentially_private_aggregate", "dpsgd", "scale_by_muon", "measure_with_ema",
    "hutchinson_estimator_diag_hessian", "sophia",
}  # fmt: skip


def made(factory):
    """A transformation from a factory, or None of what is none, or asks for an argument that GIVEN lacks."""
    try:
        arguments = inspect.signature(factory).parameters.values()
        single = [each for each in arguments if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]
        named = [each.name for each in single if each.default is each.empty or each.name == "key"]
        with warnings.catch_warnings(action="ignore"):
            rule = factory(**{name: GIVEN[name] for name in named})
    except Exception:
        return None
    return rule if all(callable(getattr(rule, each, None)) for each in ("init", "update")) else None


def factories():
    """Every public name of Optax that makes a transformation."""
    for module in (optax, optax.contrib):
        for name, value in sorted(vars(module).items()):
            protocol = inspect.isclass(value) and issubclass(value, tuple)
            if callable(value) and not name.startswith("_") and not protocol and made(value) is not None:
                yield pytest.param(name, value, id=name)


FACTORIES = list(factories())


def test_the_factories_are_found():
    """All that say in their signature that they make one, but for an empty chain, which is none."""
    says = lambda value: str(inspect.signature(value).return_annotation)  # noqa: E731
    functions = [
        each for module in (optax, optax.contrib) for each in vars(module).items() if inspect.isfunction(each[1])
    ]
    annotated = {name for name, value in functions if name[0] != "_" and "GradientTransformation" in says(value)}
    curried = {name for name in annotated if name.startswith("inject_")}  # which make factories
    assert annotated - {each.values[0] for each in FACTORIES} == {"chain"} | curried
    assert len(FACTORIES) > 100


@pytest.mark.parametrize(("name", "factory"), FACTORIES)
def test_every_rule_of_optax_goes_down_or_is_refused_by_name(name, factory):
    """One that only transforms the gradient goes up by itself, and down in a chain that ends with a negative step."""
    valley = lambda tree: jnp.sum((tree["w"] - 0.5) ** 2)  # noqa: E731

    def end(transformation):
        rule, tree = FromOptax(transformation), WEIGHTS
        state = rule.init(tree)
        for _ in range(3):
            value, gradient = valley(tree), {"w": 2 * (tree["w"] - 0.5)}
            delta, state = rule.update(gradient, state, tree, value=value, objective=valley)
            assert bool(jnp.isfinite(delta["w"]).all())
            tree = {"w": tree["w"] + delta["w"]}
        return float(valley(tree))

    if name in REFUSED:
        with pytest.raises(FalllineError, match=r"^the Optax rule '[a-z_(), ]+' (cannot|answers)") as error:
            end(made(factory))
        assert "\n" not in str(error.value)
        return
    start, reached = float(valley(WEIGHTS)), end(made(factory))
    assert reached <= start or end(optax.chain(made(factory), optax.scale(-1e-3))) <= start


def test_a_refusal_names_the_rule_or_its_parts_and_an_error_at_the_start_is_one():
    broken = optax.GradientTransformation(lambda w: w["fast"], lambda g, state, w=None: (g, state))
    with pytest.raises(FalllineError, match=r"^the Optax rule .* cannot begin here \(TypeError: "):
        FromOptax(broken).init(3)
    with pytest.raises(
        FalllineError, match=r"^the Optax rule 'chain\(scale_by_sophia, add_decayed_weights, scale\)' cannot"
    ):
        walk(FromOptax(optax.contrib.sophia(0.1)), steps=1)
