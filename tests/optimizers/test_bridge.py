"""Optax's protocol, both ways."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time
from fallline.optimizers import LBFGS, SGD, Adam, ClipByNorm, Clocked, FromOptax, Momentum, to_optax
from fallline.schedules import Cosine, Exponential, Step, Table

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
    ours = Momentum(Table(((0, 0.01), (10, 0.003)), unit="step"), rate_place="outside")
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
