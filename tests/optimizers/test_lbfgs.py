"""L-BFGS against SciPy's, its line search against the conditions that it promises."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from fallline.core.errors import FalllineError
from fallline.optimizers import LBFGS
from fallline.optimizers.line_search import LinePoint, strong_wolfe


def rosenbrock(w):
    return jnp.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)


def descend(rule, f, w, steps, tolerance=0.0):
    """(params, state, steps until the gradient is below the tolerance), in one compiled loop."""

    def step(carry, _):
        w, state, taken = carry
        value, gradient = jax.value_and_grad(f)(w)
        done = jnp.max(jnp.abs(gradient)) <= tolerance
        delta, new = rule.update(gradient, state, w, value=value, objective=f)
        state = jax.tree.map(lambda a, b: jnp.where(done, a, b), state, new)
        return (jnp.where(done, w, w + delta), state, taken + ~done), value

    carry = (w, rule.init(w), jnp.int32(0))
    (w, state, taken), values = jax.jit(lambda: jax.lax.scan(step, carry, None, steps))()
    return w, state, int(taken), np.asarray(values)


@pytest.mark.parametrize("size", [2, 20])
def test_rosenbrocks_valley_as_scipy_walks_it(size, float64):
    start = np.tile([-1.2, 1.0], size // 2)
    w, state, taken, values = descend(LBFGS(), rosenbrock, jnp.asarray(start), 220, 1e-8)
    options = {"gtol": 1e-8, "ftol": 0, "maxcor": 10}
    slope = jax.jit(jax.value_and_grad(rosenbrock))
    theirs = scipy.optimize.minimize(
        lambda w: tuple(map(np.asarray, slope(w))),
        start,
        jac=True,
        method="L-BFGS-B",
        options=options,
    )
    np.testing.assert_allclose(w, np.ones(size), rtol=1e-6)
    assert theirs.success
    assert taken < 1.3 * theirs.nit
    # Ours counts the run's own gradient of each step as well.
    assert int(state.evaluations) - taken < 1.4 * theirs.nfev
    assert (np.diff(values) <= 0).all()


def test_evaluations_are_counted_honestly(float64):
    calls = []

    def f(w):
        jax.debug.callback(lambda _: calls.append(1), w[0])
        return rosenbrock(w)

    @jax.jit
    def step(w, state):
        value, gradient = jax.value_and_grad(f)(w)
        delta, state = rule.update(gradient, state, w, value=value, objective=f)
        return w + delta, state

    w, rule = jnp.array([-1.2, 1.0]), LBFGS()
    state = rule.init(w)
    for _ in range(5):
        w, state = step(w, state)
    jax.effects_barrier()
    assert int(rule.evaluations(state)) == len(calls)


def test_lanes_walk_as_each_alone(float64):
    rule = LBFGS(memory=5)
    starts = jnp.asarray([[-1.2, 1.0], [3.0, -2.0], [1.0, 1.0], [0.0, 7.0]])
    one = lambda w: descend_lane(rule, w)  # noqa: E731
    lanes = jax.jit(jax.vmap(one))(starts)
    for i, start in enumerate(starts):
        for lane, alone in zip(lanes, jax.jit(one)(start), strict=True):
            np.testing.assert_allclose(lane[i], alone, rtol=1e-6, atol=1e-12)


def descend_lane(rule, w):
    def step(carry, _):
        w, state = carry
        value, gradient = jax.value_and_grad(rosenbrock)(w)
        delta, state = rule.update(gradient, state, w, value=value, objective=rosenbrock)
        return (w + delta, state), None

    (w, state), _ = jax.lax.scan(step, (w, rule.init(w)), None, 15)
    return w, state.evaluations


def test_single_precision_reaches_the_bottom_too():
    w, *_ = descend(LBFGS(), rosenbrock, jnp.array([-1.2, 1.0]), 60)
    assert w.dtype == jnp.float32
    np.testing.assert_allclose(w, [1.0, 1.0], rtol=5e-3)


def test_at_the_bottom_it_stays():
    w, rule = jnp.ones(3), LBFGS()
    delta, state = rule.update(jnp.zeros(3), rule.init(w), w, objective=rosenbrock)
    assert not delta.any()
    assert int(state.count) == 0
    assert int(state.evaluations) == 1


def test_a_gradient_that_is_not_finite_is_no_step_and_is_not_remembered():
    w, rule = jnp.array([-1.2, 1.0]), LBFGS()
    delta, state = rule.update(jnp.array([jnp.nan, 1.0]), rule.init(w), w, objective=rosenbrock)
    assert np.isfinite(np.asarray(delta)).all()
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(state))


def test_without_the_objective_it_says_so():
    w, rule = jnp.ones(2), LBFGS()
    with pytest.raises(FalllineError, match="LBFGS needs the evidence 'objective'"):
        rule.update(w, rule.init(w), w)
    with pytest.raises(FalllineError, match=r"LBFGS\.memory = 0"):
        LBFGS(memory=0)


LINES = {
    "a bowl": lambda a: (a - 3.0) ** 2,
    "a far bowl": lambda a: 1e-3 * (a - 400.0) ** 2,
    "a narrow bowl": lambda a: 1e4 * (a - 1e-3) ** 2,
    "More and Thuente's first": lambda a: -a / (a**2 + 2.0),
    "More and Thuente's second": lambda a: (a + 0.004) ** 5 - 2.0 * (a + 0.004) ** 4,
    "a wall": lambda a: jnp.where(a < 0.7, -a, jnp.inf),
    "a cliff of NaN": lambda a: (a - 0.5) ** 2 + jnp.where(a > 0.9, jnp.nan, 0.0),
}


def line(name):
    """The function, and in one program: a first step -> where the search begins and what it finds."""
    f = LINES[name]

    def along(a):
        value, slope = jax.value_and_grad(f)(a)
        return value, slope, slope[None]

    def search(trial):
        zero = jnp.zeros(())
        start = LinePoint(zero, *along(zero))
        return start, strong_wolfe(along, start, trial, c1=1e-4, c2=0.1, most=40)

    return f, jax.jit(search)


@pytest.mark.parametrize("name", LINES)
def test_the_line_search_keeps_its_promise(name, float64):
    f, search = line(name)
    for trial in (1e-3, 1.0, 1e2):
        start, (end, count, found) = search(trial)
        assert float(end.f) <= float(start.f + 1e-4 * end.a * start.slope)
        assert int(count) <= 40
        if name != "a wall":  # where the slope never flattens there is no such place
            assert bool(found)
            assert abs(float(end.slope)) <= 0.1 * abs(float(start.slope))
        assert float(end.f) == pytest.approx(float(f(end.a)), rel=1e-12)
