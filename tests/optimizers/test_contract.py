"""What every update rule keeps, whichever it is. A new rule joins by being registered."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fallline.core.block import as_arrays, declared_fields, family
from fallline.core.plain import from_plain, to_plain
from fallline.core.schedule import Time, at_time
from fallline.optimizers import (
    SGD,
    Adam,
    AdamW,
    AveragedMomentum,
    Clocked,
    FromOptax,
    HalfMemory,
    Momentum,
    Nadam,
    Nesterov,
    RMSProp,
    Rprop,
    WeightDecay,
)
from fallline.optimizers.adagrad import AdaGrad
from fallline.schedules import Constant, Cosine

RULES = [
    *(cls() for cls in family("optimizer").values()),
    Momentum(rate_place="outside"),
    Nesterov(rate_place="outside"),
    AveragedMomentum(corrected=True),
    AdaGrad(epsilon_place="inside"),
    Rprop(flip="wait"),
    Rprop(flip="go_on"),
    RMSProp(momentum=0.5, centred=True),
    RMSProp(momentum=0.5, rate_place="outside", epsilon_place="inside"),
    Adam(corrected=False, amsgrad="raw"),
    Adam(epsilon_place="hat", amsgrad="corrected"),
    Adam(epsilon_place="inside"),
    AdamW(decay_by="itself", decayed="all"),
    Nadam(warming=None, average="beta1"),
    WeightDecay(SGD(), decay_by="itself"),
    FromOptax(optax.adam(1e-2)),
    Clocked(Adam(Cosine(1e-2))),
]
EACH = pytest.mark.parametrize("rule", RULES, ids=[f"{i}-{type(rule).__name__}" for i, rule in enumerate(RULES)])
WITHOUT_DECAY = [each for each in RULES if not isinstance(each, WeightDecay | AdamW)]


def tree(dtype=jnp.float32):
    """Params of any shape: nested, a scalar, an empty leaf, an empty layer, three axes."""
    draw = lambda seed, *shape: jnp.asarray(np.random.default_rng(seed).normal(size=shape), dtype)  # noqa: E731
    return {
        "dense_1": {"weight": draw(0, 2, 3), "bias": draw(1, 3)},
        "nothing": {},
        "others": (draw(2, 0, 4), [draw(3), draw(4, 1, 2, 2)]),
    }


def bowl(w):
    return sum(jnp.sum((leaf - 0.25) ** 2) for leaf in jax.tree.leaves(w))


def one(rule, w, state, f=bowl, gradient=None):
    value, g = jax.value_and_grad(f)(w)
    g = g if gradient is None else gradient
    return rule.update(g, state, w, value=value, objective=f, weight=1.0)


def spec(tree):
    return jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), tree)


def check_shapes(rule, dtype):
    w = tree(dtype)
    state = rule.init(w)
    delta, after = jax.eval_shape(lambda w, s: one(rule, w, s), w, state)
    assert spec(delta) == spec(w)
    assert spec(after) == spec(state)
    assert spec(jax.eval_shape(rule.shown, w, state)) == spec(w)


@EACH
def test_shapes_and_dtypes_are_those_of_the_params(rule):
    check_shapes(as_arrays(rule), jnp.float32)
    check_shapes(rule, jnp.float32)


@EACH
def test_double_precision_stays_double(rule, float64):
    check_shapes(as_arrays(rule, np.float64), jnp.float64)


@EACH
def test_params_without_a_leaf(rule):
    w = {"nothing": {}}
    if type(rule).__name__ not in ("Newton", "LBFGS"):  # they need a vector
        assert rule.update(w, rule.init(w), w)[0] == w


@pytest.mark.parametrize("rule", WITHOUT_DECAY, ids=lambda each: type(each).__name__)
def test_no_gradient_is_no_step(rule):
    w = {"weight": jnp.array([1.0, 2.0])}
    state = rule.init(w)
    for _ in range(3):
        delta, state = one(rule, w, state, f=lambda w: jnp.sum(w["weight"] * 0))
        assert not delta["weight"].any()
    assert all(np.isfinite(np.asarray(leaf, np.float32)).all() for leaf in jax.tree.leaves(state))


@EACH
def test_goes_down_a_bowl_and_lanes_equal_each_alone_in_one_program(rule):
    """Three lanes with other numbers in every numeric field; one trace for all of their values."""
    numbers = lambda share: jax.tree.map(  # noqa: E731
        lambda x: x if x.dtype.kind == "i" else x * np.float32(share), as_arrays(rule)
    )
    lanes, traces = [numbers(share) for share in (1.0, 0.9, 0.7)], []

    def run(rule, w):
        traces.append(1)

        def step(carry, _):
            delta, state = one(rule, *carry)
            w = jax.tree.map(lambda w, d: w + d, carry[0], delta)
            return (w, state), bowl(w)

        return jax.lax.scan(step, (w, rule.init(w)), None, 60)

    w, alone = tree(), jax.jit(run)
    each = [alone(lane, w) for lane in lanes]
    assert len(traces) == 1
    for end, values in each:
        assert values[-1] < bowl(w)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(end))
    if type(rule).__name__ in ("Newton", "LBFGS"):
        assert each[0][1][-1] < 1e-8
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *lanes)
    if jax.tree.leaves(stacked):
        _, together = jax.jit(jax.vmap(run, in_axes=(0, None)))(stacked, w)
        for row, (_, values) in zip(together, each, strict=True):
            np.testing.assert_allclose(row[:4], values[:4], rtol=2e-5, atol=1e-6)


@EACH
def test_a_schedule_in_every_field_is_resolved_by_the_rules_own_count(rule):
    """The same steps with numbers and with constants for schedules, which makes the rule count its steps."""
    rule = as_arrays(rule)  # in float32 from the start: 1 - 0.999^t is another number in double precision
    scheduled = jax.tree.map(lambda x: Constant(x) if x.dtype.kind == "f" else x, rule)
    w = {"weight": jnp.array([[1.0, -2.0]])}
    states = [rule.init(w), scheduled.init(w)]
    for _ in range(3):
        (a, states[0]), (b, states[1]) = (one(r, w, s) for r, s in zip((rule, scheduled), states, strict=True))
        np.testing.assert_allclose(a["weight"], b["weight"], rtol=1e-6)
    assert spec(at_time(scheduled, Time(*map(jnp.float32, (0, 0, 0)))).shown(w, states[1])) == spec(w)


@pytest.mark.parametrize("name", family("optimizer"))
def test_a_file_can_hold_it_and_its_declaration_is_whole(name):
    cls = family("optimizer")[name]
    assert from_plain("optimizer", to_plain(cls())) == cls()
    assert "Source: " in cls.__doc__
    assert ">>>" in cls.__doc__
    for field, declared in declared_fields(cls).items():
        assert declared.help, field
        assert declared.role != "number" or declared.usual, field


@pytest.mark.parametrize("cls", [SGD, Momentum, Adam, RMSProp])
def test_a_rule_in_half_precision_goes_the_same_way(cls):
    """Params and memory of bfloat16: two to three digits."""
    if cls().averages:
        state = HalfMemory(cls()).init(jnp.zeros(3))
        assert {jnp.dtype("bfloat16")} == {leaf.dtype for leaf in jax.tree.leaves(getattr(state, cls().averages[0]))}
    g = jnp.array([1.0, -3.0, 0.01])
    rules = (cls(), cls()) if not cls().averages else (cls(), HalfMemory(cls()))
    states = [rule.init(g) for rule in rules]
    for _ in range(20):
        steps = [rule.update(g, state) for rule, state in zip(rules, states, strict=True)]
        states = [state for _, state in steps]
    np.testing.assert_allclose(steps[0][0], steps[1][0], rtol=4e-2)
