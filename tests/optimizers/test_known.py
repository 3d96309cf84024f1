"""An evaluation that a rule remembers: it saves one, is never another point's, and is counted as what it is."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from fallline.optimizers import LBFGS, SGD, ClipByNorm, SkipNonfinite, WeightAverage, WeightDecay, evaluate, forgotten
from fallline.optimizers.known import known_in
from fallline.schedules import Constant


def rosenbrock(w):
    return jnp.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)


class Counted:
    """A function that counts its evaluations on the host."""

    def __init__(self, f):
        self.f, self.calls = f, []

    def __call__(self, w):
        jax.debug.callback(lambda _: self.calls.append(1), jnp.sum(w))
        return self.f(w)

    @property
    def count(self):
        jax.effects_barrier()
        return len(self.calls)


def stepper(rule, f):
    @jax.jit
    def step(w, state):
        value, gradient, _, anew = evaluate(f, w, state)
        delta, state = rule.update(gradient, state, w, value=value, objective=f, anew=anew)
        return w + delta, state, anew

    return step


@pytest.mark.parametrize("size", [2, 10])
def test_a_descent_takes_as_many_evaluations_as_scipys(size, float64):
    start, f, rule = np.tile([-1.2, 1.0], size // 2), Counted(rosenbrock), LBFGS()
    theirs = scipy.optimize.minimize(
        lambda w: tuple(map(np.asarray, jax.value_and_grad(rosenbrock)(w))),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 1e-6, "ftol": 0.0, "maxcor": 10},
    )
    w, state, step = jnp.asarray(start), rule.init(jnp.asarray(start)), stepper(rule, f)
    anew = []
    while not anew or jnp.max(jnp.abs(known_in(state).gradient)) > 1e-6:
        w, state, new = step(w, state)
        anew.append(bool(new))
    np.testing.assert_allclose(w, np.ones(size), atol=1e-5)
    assert anew == [True] + [False] * (len(anew) - 1)
    assert int(rule.evaluations(state)) == f.count <= 1.2 * theirs.nfev


@pytest.mark.parametrize(
    ("rule", "saves"),
    [
        (SkipNonfinite(LBFGS()), True),
        (WeightAverage(SkipNonfinite(LBFGS()), decay=0.5), True),
        (LBFGS(learning_rate=Constant(1.0)), True),
        (ClipByNorm(LBFGS(), norm=1e-3), True),
        (WeightDecay(LBFGS(), weight_decay=0.1), False),  # the params are not those of the line's end
        (SGD(1e-4), False),
    ],
    ids=["skip", "average", "schedule", "clip", "decay", "sgd"],
)
def test_within_wrappers_it_is_saved_where_the_step_is_the_rules_own(rule, saves):
    f, w = Counted(rosenbrock), jnp.array([-1.2, 1.0])
    state, step = rule.init(w), stepper(rule, f)
    for k in range(4):
        w, state, anew = step(w, state)
        assert bool(anew) == (k == 0 or not saves)
    counted = rule.evaluations(state)
    assert f.count == (4 if counted is None else int(counted))


@pytest.mark.parametrize("change", [lambda w: w.at[1].add(1e-6), lambda w: w * jnp.nan, jnp.zeros_like])
def test_another_point_is_evaluated_anew(change):
    w, rule = jnp.array([-1.2, 1.0]), LBFGS()
    w, state, _ = stepper(rule, rosenbrock)(w, rule.init(w))
    kept, moved = evaluate(rosenbrock, w, state), evaluate(rosenbrock, change(w), state)
    assert not kept.anew
    assert moved.anew
    np.testing.assert_allclose(kept.value, rosenbrock(w), rtol=1e-6)
    np.testing.assert_allclose(moved.value, rosenbrock(change(w)), rtol=1e-6)
    np.testing.assert_allclose(moved.gradient, jax.grad(rosenbrock)(change(w)), rtol=1e-5)


def test_another_objective_is_evaluated_once_the_old_one_is_forgotten():
    w, rule = jnp.array([-1.2, 1.0]), SkipNonfinite(LBFGS())
    w, state, _ = stepper(rule, rosenbrock)(w, rule.init(w))
    other = lambda w: rosenbrock(w) + 7.0  # noqa: E731
    found = evaluate(other, w, forgotten(state))
    assert found.anew
    assert float(found.value) == pytest.approx(float(rosenbrock(w)) + 7.0, rel=1e-6)
    assert jax.tree.structure(forgotten(state)) == jax.tree.structure(state)


def test_a_line_that_leads_nowhere_leaves_what_is_known_as_it_is():
    """The gradient that a wrapper has changed is not the objective's."""
    rule, w = ClipByNorm(LBFGS(evaluations_per_step=1), norm=1e-3), jnp.array([3.0])
    cliff = lambda w: jnp.where(w[0] < 3.0, jnp.inf, w[0])  # noqa: E731
    after, state, _ = stepper(rule, cliff)(w, rule.init(w))
    assert float(after[0]) == 3.0
    assert not known_in(state).holds
    assert evaluate(cliff, after, state).gradient == pytest.approx(1.0)


def test_lanes_evaluate_where_one_of_them_must_and_not_where_none_does():
    rule, starts = LBFGS(), jnp.asarray([[-1.2, 1.0], [3.0, -2.0], [0.0, 7.0]])
    w, state, _ = jax.vmap(stepper(rule, rosenbrock))(starts, jax.vmap(rule.init)(starts))
    f = Counted(rosenbrock)
    mapped = jax.jit(jax.vmap(lambda w, state: evaluate(f, w, state)))
    kept = mapped(w, state)
    assert not kept.anew.any()
    assert f.count == 0
    moved = mapped(w.at[1].add(0.5), state)
    assert moved.anew.tolist() == [False, True, False]
    assert f.count > 0
    np.testing.assert_array_equal(moved.value[0], kept.value[0])
    np.testing.assert_allclose(moved.value, jax.vmap(rosenbrock)(w.at[1].add(0.5)), rtol=1e-5)
