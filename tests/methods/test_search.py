"""BRS and ARS against the paper's formulas in NumPy, and against answers that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.methods import ARS, BRS
from fallline.schedules import Cosine

pytestmark = pytest.mark.usefixtures("float64")


def begun(method, d, seed=0, **more):
    return method.start(np.random.default_rng(seed).normal(size=d), jax.random.key(seed), **more)


def directions_of(method, state):
    x = np.asarray(method.ask(state))
    return (x[: method.directions] - x[method.directions :]) / (2 * float(method.noise))


def paper(r, d, b, a):
    """The step of algorithm 2, in rewards, with loops."""
    order = sorted(range(len(d)), key=lambda k: -max(r[0][k], r[1][k]))[:b]
    sigma = np.std([r[side][k] for k in order for side in (0, 1)])
    return a / (b * sigma) * sum((r[0][k] - r[1][k]) * d[k] for k in order)


@pytest.mark.parametrize("kept", [None, 1, 5, 12])
def test_the_step_is_the_papers(kept):
    method = ARS(step=0.3, noise=0.2, directions=12, kept=kept)
    state = begun(method, 7)
    d = directions_of(method, state)
    rewards = np.random.default_rng(1).normal(size=(2, 12)) * 50 - 1000
    after = method.tell(state, -rewards.reshape(-1))
    np.testing.assert_allclose(after.point - np.asarray(state.point), paper(rewards, d, kept or 12, 0.3), rtol=1e-9)


def test_basic_random_search_divides_by_the_count_alone():
    method = BRS(step=0.3, noise=0.2, directions=4)
    state = begun(method, 3)
    above, below = np.array([1.0, 2, 3, 4]), np.array([2.0, 0, 3, 8])
    expected = -0.3 / 4 * (above - below) @ directions_of(method, state)
    after = method.tell(state, np.concatenate([above, below]))
    np.testing.assert_allclose(after.point - np.asarray(state.point), expected, rtol=1e-12)


@pytest.mark.parametrize(("above", "below"), [(3.0, 1.0), (-1e-9, 2e-9), (1e300, -1e300), (7.0, 7.0 + 1e-12)])
def test_one_direction_steps_by_two_a_to_the_better_side(above, below):
    method = ARS(step=0.1, noise=0.5, directions=1)
    state = begun(method, 6)
    step = method.tell(state, np.array([above, below])).point - np.asarray(state.point)
    np.testing.assert_allclose(
        step, -2 * 0.1 * np.sign(above - below) * directions_of(method, state)[0], rtol=1e-6
    )  # drawn in float32


def test_on_a_linear_function_the_step_is_two_a_long_and_points_downhill():
    slope = np.random.default_rng(3).normal(size=16)
    method = ARS(step=0.5, noise=0.1, directions=20_000)
    state = begun(method, 16)
    values = np.asarray(method.ask(state)) @ slope
    step = np.asarray(method.tell(state, values).point) - np.asarray(state.point)
    assert np.linalg.norm(step + 2 * 0.5 * slope / np.linalg.norm(slope)) < 0.06
    assert np.linalg.norm(step) == pytest.approx(1.0, rel=0.06)


def test_equal_values_do_not_keep_more_than_b():
    method = ARS(step=1.0, noise=1.0, directions=6, kept=2)
    state = begun(method, 4)
    d = directions_of(method, state)
    # The lower of both values is 0 for every direction; the first two make the step.
    above, below = np.array([0.0, 1, 0, 1, 0, 1]), np.array([1.0, 0, 1, 0, 1, 0])
    step = method.tell(state, np.concatenate([above, below])).point - np.asarray(state.point)
    np.testing.assert_allclose(step, (d[0] - d[1]) / (2 * 0.5), rtol=1e-9)


def test_equal_values_make_no_step_and_no_nan():
    method = ARS(directions=3)
    state = begun(method, 4)
    for value in (0.0, 0.1, -1e300):
        assert (method.tell(state, np.full(6, value)).point == state.point).all()


@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e6, -3.0), (1e200, 0.0)])
def test_steps_do_not_know_the_unit_of_the_values(scale, shift):
    method = ARS(directions=5, kept=3)
    state = begun(method, 4)
    values = np.random.default_rng(2).normal(size=10)
    one, other = method.tell(state, values), method.tell(state, scale * values + shift)
    np.testing.assert_allclose(one.point, other.point, rtol=1e-6)


def test_a_failed_direction_is_as_if_it_had_not_been_drawn():
    whole, part = (ARS(directions=n, kept=2) for n in (5, 4))
    state = begun(whole, 4)
    values = np.random.default_rng(2).normal(size=(2, 5))
    values[0, 4] = np.nan
    # Directions are drawn by place: the first four are those of a method with four.
    np.testing.assert_array_equal(whole.ask(state)[:4], part.ask(state)[:4])
    one, other = whole.tell(state, values.reshape(-1)), part.tell(state, values[:, :4].reshape(-1))
    np.testing.assert_allclose(one.point, other.point, rtol=1e-12)


def test_a_population_over_seeds_and_step_sizes_is_one_program_and_reaches_the_spheres_middle():
    compiled = []

    @jax.jit
    @jax.vmap
    def population(method, seed):
        compiled.append(1)

        def iteration(state, _):
            state = method.tell(state, jnp.sum(method.ask(state) ** 2, axis=1))
            return state, jnp.sum(state.point**2)

        return jax.lax.scan(iteration, method.start(jnp.ones(10), jax.random.key(seed)), None, 125)[1]

    base = ARS(step=0.03, noise=0.05, directions=8, kept=4)
    steps = np.repeat([0.03, 0.1], 10)
    stacked = jax.tree.map(lambda leaf: np.full(20, leaf), as_arrays(base, np.float64))
    for method in (stacked, as_arrays(jax.tree.map(lambda leaf: leaf, stacked), np.float64)):
        method = jax.tree.unflatten(jax.tree.structure(method), [steps, *jax.tree.leaves(method)[1:]])
        values = np.asarray(population(method, np.arange(20)))
    assert len(compiled) == 1
    assert (values[:10].min(axis=1) < 1e-2).all()  # within 2000 evaluations
    # The step does not shrink by itself: with a larger one the walk circles further out.
    assert np.median(values[10:, -20:]) > 3 * np.median(values[:10, -20:])


def test_a_step_that_falls_comes_closer():
    def end(step):
        method = ARS(step=step, noise=0.01, directions=8)
        iteration = lambda state, _: (method.tell(state, jnp.sum(method.ask(state) ** 2, axis=1)), None)  # noqa: E731
        state, _ = jax.lax.scan(iteration, begun(method, 10, iterations=300), None, 300)
        return float(jnp.sum(state.point**2))

    assert end(Cosine(0.1)) < end(0.1) / 100


def test_refusals_say_what_was_expected():
    with pytest.raises(FalllineError, match=r"ARS.kept = 9 is more than the 8 directions"):
        ARS(directions=8, kept=9)
    with pytest.raises(FalllineError, match="expected 1 or more"):
        BRS(directions=0)
    with pytest.raises(FalllineError, match="pass iterations to start"):
        begun(ARS(step=Cosine(0.1)), 2)
