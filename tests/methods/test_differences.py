"""Finite differences, SPSA and the evolution strategy against their papers' formulas in NumPy."""

import jax
import numpy as np
import pytest
import scipy.stats

from fallline.methods import ARS, CMAES, SPSA, FiniteDifference, OpenAIES
from fallline.optimizers import SGD, Adam

pytestmark = pytest.mark.usefixtures("float64")


def begun(method, d, seed=0):
    return method.start(np.random.default_rng(seed).normal(size=d), jax.random.key(seed))


def told(method, state, values):
    return np.asarray(method.tell(state, values).point) - np.asarray(state.point)


def sides(method, state):
    x = np.asarray(method.ask(state))
    return x[: method.directions], x[method.directions :]


@pytest.mark.parametrize("form", ["slope", "difference"])
def test_one_direction_moves_by_the_difference_of_both_values(form):
    method = FiniteDifference(step=0.3, noise=0.1, directions=1, form=form)
    state = begun(method, 5)
    (w1,), (w2,) = sides(method, state)
    w = np.asarray(state.point)
    step = told(method, state, np.array([7.0, 4.0]))
    factor = 1 / (2 * 0.1**2) if form == "slope" else 1.0
    np.testing.assert_allclose(step, -0.3 * (7.0 - 4.0) * (w1 - w) * factor, rtol=1e-6)  # drawn in float32
    np.testing.assert_allclose(w1 + w2, 2 * w, rtol=1e-12)


def test_many_directions_give_the_gradient():
    method = FiniteDifference(step=1.0, noise=1e-3, directions=100_000)
    state = begun(method, 4)
    w = np.asarray(state.point)
    f = lambda x: np.sum(np.sin(x) + x**2, axis=-1)  # noqa: E731
    step = told(method, state, f(np.asarray(method.ask(state))))
    gradient = np.cos(w) + 2 * w
    assert np.linalg.norm(step + gradient) < 0.02 * np.linalg.norm(gradient)


def test_spalls_gains_and_signs():
    method = SPSA(step=2.0, noise=0.3, stability=5.0, alpha=0.7, gamma=0.2)
    state = begun(method, 6)
    for t in range(1, 4):
        (above,), (below,) = sides(method, state)
        w = np.asarray(state.point)
        c = 0.3 / t**0.2
        np.testing.assert_allclose(np.abs(above - w), c, rtol=1e-9)
        np.testing.assert_allclose(above + below, 2 * w, rtol=1e-12)
        signs = np.sign(above - w)
        step = told(method, state, np.array([2.5, 1.0]))
        np.testing.assert_allclose(step, -2.0 / (5 + t) ** 0.7 * 1.5 / (2 * c) / signs, rtol=1e-9)
        state = method.tell(state, np.array([2.5, 1.0]))


def test_signs_are_fair_and_independent():
    method = SPSA(directions=2000)
    signs = np.asarray(method.ask(begun(method, 8))[:2000] - begun(method, 8).point) / 0.1
    assert abs(signs.mean(axis=0)).max() < 4 / np.sqrt(2000)
    assert abs(np.corrcoef(signs.T) - np.eye(8)).max() < 4 / np.sqrt(2000)


@pytest.mark.parametrize("values", ["distinct", "ties"])
def test_the_evolution_strategys_gradient_is_that_of_ranks(values):
    method = OpenAIES(optimizer=SGD(0.7), noise=0.2, directions=9)
    state = begun(method, 5)
    f = np.random.default_rng(3).normal(size=18)
    f = np.round(f) if values == "ties" else np.exp(5 * f)
    u = ((scipy.stats.rankdata(f) - 1) / 17 - 0.5).reshape(2, 9)
    above, below = sides(method, state)
    d = (above - below) / 0.4
    expected = -0.7 / (2 * 9 * 0.2) * (u[0] - u[1]) @ d
    np.testing.assert_allclose(told(method, state, f), expected, rtol=1e-9)


def test_without_ranks_it_is_the_finite_difference_walk():
    strategy = OpenAIES(optimizer=SGD(0.3), noise=0.2, directions=6, shaping="none")
    walk = FiniteDifference(step=0.3, noise=0.2, directions=6)
    state = begun(strategy, 5)
    f = np.random.default_rng(3).normal(size=12)
    np.testing.assert_allclose(told(strategy, state, f), told(walk, begun(walk, 5), f), rtol=1e-9)


def test_an_iteration_of_failures_leaves_the_optimizers_memory():
    method = OpenAIES(optimizer=Adam(0.1), directions=3)
    state = method.tell(begun(method, 4), np.arange(6.0))
    after = method.tell(state, np.full(6, np.nan))
    jax.tree.map(np.testing.assert_array_equal, after.memory, state.memory)
    assert (after.point == state.point).all()


def test_failed_directions_are_as_if_they_had_not_been_drawn():
    f = np.random.default_rng(3).normal(size=(2, 5))
    f[1, 4] = np.inf
    for whole, part in (
        (OpenAIES(directions=5), OpenAIES(directions=4)),
        (FiniteDifference(directions=5), FiniteDifference(directions=4)),
        (SPSA(directions=5), SPSA(directions=4)),
    ):
        one = told(whole, begun(whole, 3), f.reshape(-1))
        other = told(part, begun(part, 3), f[:, :4].reshape(-1))
        np.testing.assert_allclose(one, other, rtol=1e-9)


def test_an_infinite_step_is_not_taken():
    method = FiniteDifference(step=1e300, noise=1e-10)
    state = begun(method, 3)
    f = np.random.default_rng(0).normal(size=32) * 1e300
    assert (told(method, state, f) == 0).all()


def ellipsoid(x):
    return np.sum(10.0 ** np.linspace(0, 6, x.shape[1]) * x**2, axis=1)


def test_cma_goes_down_the_ravine_and_leaves_numpys_generator():
    method, before = CMAES(noise=1.0), np.random.get_state()[1].copy()
    state = method.start(np.ones(10), jax.random.key(3))
    again = method.start(np.ones(10), jax.random.key(3))
    np.testing.assert_array_equal(method.ask(state), method.ask(again))
    np.testing.assert_array_equal(method.ask(state), method.ask(state))
    evaluations = 0
    while ellipsoid(method.ask(state)).min() > 1e-8 and evaluations < 8000:
        state = method.tell(state, ellipsoid(method.ask(state)))
        evaluations += method.candidates(10)
    assert 2500 < evaluations < 7000  # 4160 in the median
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_cma_learns_from_what_has_not_failed():
    method = CMAES()
    state = method.start(np.array([3.0, -2.0]), jax.random.key(0))
    x = method.ask(state)
    f = np.sum(x**2, axis=1)
    f[1], f[3] = np.nan, np.inf
    point = method.tell(state, f).point
    assert np.isfinite(point).all()
    nothing = method.start(np.array([3.0, -2.0]), jax.random.key(0))
    assert (method.tell(nothing, np.full(6, np.nan)).point == [3.0, -2.0]).all()


def test_ars_with_every_direction_kept_is_scaled_basic_random_search():
    f = np.random.default_rng(3).normal(size=10)
    scaled, plain = ARS(step=0.3, directions=5), FiniteDifference(step=0.3, noise=0.5, directions=5, form="slope")
    one, other = told(scaled, begun(scaled, 3), f), told(plain, begun(plain, 3), f)
    np.testing.assert_allclose(one, other / np.std(f), rtol=1e-9)
