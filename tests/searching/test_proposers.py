"""Every proposer, through the same properties; then each one's own."""

import dataclasses

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogInteger, LogUniform, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.penalties import L2
from fallline.searching.coarse import CoarseToFine
from fallline.searching.kernels import Kernels
from fallline.searching.past import DIVERGED, PRUNED, Past
from fallline.searching.proposers import Grid, Random, Sobol
from fallline.searching.single import Line, Options
from fallline.searching.sobol import sobol
from fallline.searching.space import Space
from fallline.searching.tpe import TPE
from fallline.training.recipe import Recipe

RATE = LogUniform(1e-4, 1.0)
SPACE = Space(
    Recipe(
        optimizer=Choice((Adam(RATE), Momentum(RATE, momentum=Uniform(0, 0.99)))),
        penalty=Choice((None, L2(LogUniform(1e-6, 1e-2)))),
        patience=Integer(3, 6),
        epochs=LogInteger(3, 30),
    )
)
BOWL = Space(Momentum(Uniform(0, 1), momentum=Uniform(0, 0.99)))
PROPOSERS = [Random(), Sobol(), Grid(3), CoarseToFine(stage=16), TPE(), TPE(joint=1.0, explore=0.0), TPE(joint=0.0)]
each_proposer = pytest.mark.parametrize("proposer", PROPOSERS, ids=repr)


def some_past(space: Space, count: int, seed: int = 0) -> Past:
    points = space.snap(np.random.default_rng(seed).random((count, len(space))))
    return Past.of(points, ((points - 0.3) ** 2).sum(axis=1))


@each_proposer
def test_points_are_of_the_space_and_the_same_for_the_same_seed_and_numbers(proposer):
    past = some_past(SPACE, 40)
    points = proposer.propose(SPACE, past, range(40, 60), seed=3)
    assert points.shape == (20, len(SPACE))
    np.testing.assert_array_equal(points, SPACE.snap(points))
    np.testing.assert_array_equal(points, proposer.propose(SPACE, past, range(40, 60), seed=3))
    if not isinstance(proposer, Grid):
        assert (points != proposer.propose(SPACE, past, range(40, 60), seed=4)).any()
    for point in points:
        SPACE.fill(point)


@each_proposer
@pytest.mark.parametrize(
    "scores",
    [[np.nan] * 30, [np.inf] * 30, [1.0] * 30, [0.1] + [np.nan] * 29, [-np.inf, 1e300] * 15, [0.0, 1.0] * 15],
    ids=["nan", "infinite", "constant", "one", "extreme", "tied"],
)
def test_no_scores_break_a_proposer(proposer, scores):
    past = Past.of(some_past(SPACE, 30).points, np.array(scores))
    points = proposer.propose(SPACE, past, range(30, 42), seed=0)
    assert np.isfinite(points).all()
    assert ((points >= 0) & (points <= 1)).all()


@each_proposer
def test_the_same_point_again_and_again_breaks_no_proposer(proposer):
    points = np.repeat(SPACE.default[None], 40, axis=0)
    found = proposer.propose(SPACE, Past.of(points, np.zeros(40)), range(40, 48), seed=0)
    assert found.shape == (8, len(SPACE))


@pytest.mark.parametrize("proposer", [Random(), Sobol()], ids=repr)
def test_a_batch_can_be_cut_anywhere(proposer):
    none = Past.of(np.zeros((0, len(SPACE))), np.zeros(0))
    whole = proposer.propose(SPACE, none, range(24), seed=1)
    parts = [proposer.propose(SPACE, none, each, seed=1) for each in (range(7), range(7, 8), range(8, 24))]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


def test_the_first_trial_is_the_default():
    none = Past.of(np.zeros((0, len(SPACE))), np.zeros(0))
    for proposer in (Sobol(), CoarseToFine(), TPE()):
        np.testing.assert_array_equal(proposer.propose(SPACE, none, range(8), seed=1)[0], SPACE.default)


def test_past_orders_finished_then_pruned_then_diverged():
    nothing = np.zeros((6, 1))
    past = Past(
        nothing,
        np.array([0.3, 0.1, np.inf, 0.2, np.nan, 0.05]),
        np.arange(6),
        np.array([0, 0, DIVERGED, PRUNED, DIVERGED, PRUNED]),
        np.array([9.0, 9.0, 2.0, 6.0, 5.0, 3.0]),
        nothing[:0],
    )
    assert past.order().tolist() == [1, 0, 3, 5, 4, 2]
    assert past.before(2).number.tolist() == [0, 1]


def test_of_equal_scores_the_lower_loss_is_better():
    past = Past.of(np.zeros((5, 1)), np.array([-0.9, -0.9, -0.95, np.inf, -0.9]))
    assert past.order().tolist() == [2, 0, 1, 4, 3]
    told = dataclasses.replace(past, losses=np.array([0.3, 0.2, 0.9, 0.1, np.nan]))
    assert told.order().tolist() == [2, 1, 0, 4, 3]
    assert told.before(2).order().tolist() == [1, 0]


def test_grid_takes_the_ends_on_each_scale_and_each_option_with_its_own():
    space = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    none = Past.of(np.zeros((0, len(space))), np.zeros(0))
    rates = [space.fill(p).optimizer.learning_rate for p in Grid(3).propose(space, none, range(99), seed=0)]
    assert rates == pytest.approx([1e-4, 1e-2, 1.0, 1e-2, 1e-1, 1.0])
    assert Grid(3).size(space) == 6
    assert len(Grid(3).propose(space, none, range(4, 99), seed=0)) == 2
    whole = Space(replace(Recipe(), {"patience": Integer(3, 6)}))
    patience = [whole.fill(p).patience for p in Grid(5).propose(whole, none, range(9), seed=0)]
    assert patience == [3, 4, 5, 6]


def test_sobol_fills_every_cell():
    points = sobol(2, range(64), seed=5)
    assert len({(int(8 * a), int(8 * b)) for a, b in points}) == 64


def test_coarse_to_fine_shrinks_around_the_best_and_keeps_a_share_outside():
    proposer = CoarseToFine(stage=200, shrink=0.25, outside=0.2)
    past = some_past(BOWL, 200)
    low, high = proposer.box(BOWL, past, stage=1)
    np.testing.assert_allclose(high - low, 0.25)
    assert ((low <= 0.3) & (high >= 0.3)).all()
    points = proposer.propose(BOWL, past, range(200, 400), seed=0)
    inside = ((points >= low) & (points <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.8 + 0.2 * 0.25**2, abs=0.06)
    # What a stage's own trials show is for the next stage.
    more = Past.of(np.concatenate([past.points, points[:50] * 0]), np.concatenate([past.scores, np.full(50, -1.0)]))
    np.testing.assert_array_equal(
        proposer.propose(BOWL, past, range(250, 400), seed=0), proposer.propose(BOWL, more, range(250, 400), seed=0)
    )


def test_coarse_to_fine_keeps_a_box_per_minimum_and_one_for_what_is_near():
    proposer = CoarseToFine(stage=4, shrink=0.5, best=3)
    past = Past.of(np.array([[0.1, 0.5], [0.9, 0.5], [0.2, 0.4], [0.5, 0.9]]), np.arange(4.0))
    boxes = [proposer.box(BOWL, past, stage=2, number=number) for number in range(3)]
    np.testing.assert_allclose(boxes[0], [[0.025, 0.325], [0.275, 0.575]], atol=0.0251)
    centres = [(low + high) / 2 for low, high in boxes]
    np.testing.assert_allclose(centres, [[0.15, 1.4 / 3], [0.875, 1.4 / 3], [0.15, 1.4 / 3]])  # 0.9 is too near the end
    arms = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    past = Past.of(np.array([[0.25, 0.8, 0.5], [0.75, 0.5, 0.2]]), np.arange(2.0))
    adam, sgd = (proposer.box(arms, past, stage=2, number=number) for number in range(2))
    np.testing.assert_allclose(adam, [[0.25, 0.675, 0.0], [0.25, 0.925, 1.0]])
    np.testing.assert_allclose(sgd, [[0.75, 0.0, 0.075], [0.75, 1.0, 0.325]])


def test_tpe_learns_within_an_option_before_it_gives_it_up():
    arms = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    u = (np.arange(80) + 0.5) / 80
    known = np.stack([np.full(80, 0.25), 0.3 + 0.1 * u, np.full(80, 0.5)], axis=1)
    seldom = np.stack([np.full(20, 0.75), np.full(20, 0.5), u[::4]], axis=1)
    points = np.concatenate([known, seldom])
    past = Past.of(points, np.concatenate([0.1 * u, 1.0 + np.abs(u[::4] - 0.8)]))
    new = TPE(explore=0.0, joint=0.0).propose(arms, past, range(100, 164), seed=0)
    of_sgd = new[new[:, 0] == 0.75]
    assert 6 <= len(of_sgd) <= 32
    assert np.abs(of_sgd[:, 2] - 0.8).mean() < 0.2  # 0.34 for uniform points


@pytest.mark.parametrize("batch", [1, 16])
def test_tpe_finds_a_bowls_floor_where_random_points_do_not(batch):
    def least(proposer) -> float:
        space = Space(Adam(Uniform(0, 1), beta1=Uniform(0, 0.9), beta2=Uniform(0, 0.9), epsilon=Uniform(0, 1)))
        points = np.zeros((0, 4))
        while len(points) < 96:
            past = Past.of(points, ((points - 0.3) ** 2).sum(axis=1))
            points = np.concatenate([points, proposer.propose(space, past, range(len(points), len(points) + batch), 0)])
        return float(((points - 0.3) ** 2).sum(axis=1).min())

    assert least(TPE()) < 0.5 * least(Random())


def test_the_better_of_the_good_trials_weigh_more():
    line = Line(np.array([0.2, 0.8]), np.linspace(0, 1, 20), narrowing=1.0, cell=0.0)
    best, second = line.of_good(np.array([0.2, 0.8]))
    assert 1.5 < best / second < np.log(2.5) / np.log(1.25)  # of the weights; the kernels overlap


def test_tpe_spreads_a_batch():
    past = some_past(BOWL, 100)
    points = TPE(explore=0.0).propose(BOWL, past, range(100, 132), seed=0)
    assert len(np.unique(points, axis=0)) == 32
    pending = with_pending(past, points[:16])
    assert (TPE(explore=0.0).propose(BOWL, pending, range(100, 132), seed=0) != points).any()


def with_pending(past: Past, pending: np.ndarray) -> Past:
    return Past(past.points, past.scores, past.number, past.ended, past.epochs, pending)


def test_kernels_are_densities():
    """Their mean over the unit cube is 1, whichever dimensions are active; choices counted option by option."""
    rng = np.random.default_rng(0)
    mu, active = rng.random((5, 3)), rng.random((5, 3)) < 0.7
    kernels = Kernels(mu, active, np.full((5, 3), 0.2), (0, 4, 0), weight=np.array([2.0, 1.5, 0.75, 0.5, 0.25]))
    side = (np.arange(40) + 0.5) / 40
    x = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.exp(kernels.log_kernels(x, np.ones_like(x, bool)))
    np.testing.assert_allclose(values.mean(axis=0), 1.0, rtol=1e-3)
    # And their samples are as frequent as they say.
    drawn = kernels.sample(rng.random((20_000, 4)), prior=1.0)
    density = np.exp(kernels.log_density(x, np.ones_like(x, bool), prior=1.0))
    assert density.mean() == pytest.approx(1.0, rel=1e-3)
    expected = density[x[:, 0] < 0.25].sum() / density.sum()
    assert (drawn[:, 0] < 0.25).mean() == pytest.approx(expected, abs=0.015)


def test_one_dimensions_densities_agree_with_their_samples():
    rng = np.random.default_rng(1)
    line = Line(rng.random(5), rng.random(50), narrowing=1.0, cell=0.0)
    side = (np.arange(2000) + 0.5) / 2000
    density = line.of_good(side)
    drawn = line.draw(rng.random((2, 20_000)))
    assert (drawn < 0.4).mean() == pytest.approx(density[side < 0.4].sum() / density.sum(), abs=0.015)
    before = line.of_bad(np.array([0.5]))[0]
    line.lie(0.5)
    assert line.of_bad(np.array([0.5]))[0] > before
    options = Options(np.array([0.1, 0.1, 0.9]), np.array([0.5]), 3, prior=1.0)
    share = (options.draw(rng.random((2, 20_000))) < 1 / 3).mean()
    # Weights log(3.5 / i) of mean 1; the first two are of the first option.
    assert share == pytest.approx((1 + 3 * np.log(3.5**2 / 2) / np.log(3.5**3 / 6)) / 6, abs=0.015)


@pytest.mark.parametrize(
    "make", [lambda: Grid(0), lambda: CoarseToFine(shrink=0.0), lambda: TPE(share=1.0), lambda: TPE(joint=2.0)]
)
def test_bad_settings_are_named(make):
    with pytest.raises(FalllineError, match=r"expected|shares"):
        make()
