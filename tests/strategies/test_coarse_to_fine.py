"""Coarse to fine: where the boxes are."""

import numpy as np
import pytest

from fallline.distributions import Choice, LogUniform, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.strategies import CoarseToFine, Space, TrialHistory
from fallline.testing.strategies import score, some
from fallline.training.recipe import Recipe

RATE = LogUniform(1e-4, 1.0)
BOWL = Space(Momentum(Uniform(0, 1), momentum=Uniform(0, 0.99)))


def some_history(space: Space, count: int, seed: int = 0) -> TrialHistory:
    points = some(space, count, seed)
    return TrialHistory.of(points, score(points))


def test_coarse_to_fine_shrinks_around_the_best_and_keeps_a_share_outside():
    strategy = CoarseToFine(stage=200, shrink=0.25, outside=0.2)
    known = some_history(BOWL, 200)
    low, high = strategy.box(BOWL, known, stage=1)
    np.testing.assert_allclose(high - low, 0.25)
    assert ((low <= 0.3) & (high >= 0.3)).all()
    points = strategy.propose(BOWL, known, range(200, 400), seed=0)
    inside = ((points >= low) & (points <= high)).all(axis=1).mean()
    assert inside == pytest.approx(0.8 + 0.2 * 0.25**2, abs=0.06)
    # What a stage's own trials show is for the next stage.
    more = TrialHistory.of(
        np.concatenate([known.points, points[:50] * 0]), np.concatenate([known.scores, np.full(50, -1.0)])
    )
    np.testing.assert_array_equal(
        strategy.propose(BOWL, known, range(250, 400), seed=0), strategy.propose(BOWL, more, range(250, 400), seed=0)
    )


def test_coarse_to_fine_keeps_a_box_per_minimum_and_one_for_what_is_near():
    strategy = CoarseToFine(stage=4, shrink=0.5, best=3)
    known = TrialHistory.of(np.array([[0.1, 0.5], [0.9, 0.5], [0.2, 0.4], [0.5, 0.9]]), np.arange(4.0))
    boxes = [strategy.box(BOWL, known, stage=2, trial=trial) for trial in range(3)]
    np.testing.assert_allclose(boxes[0], [[0.025, 0.325], [0.275, 0.575]], atol=0.0251)
    centres = [(low + high) / 2 for low, high in boxes]
    np.testing.assert_allclose(centres, [[0.15, 1.4 / 3], [0.875, 1.4 / 3], [0.15, 1.4 / 3]])  # 0.9 is too near the end
    arms = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    known = TrialHistory.of(np.array([[0.25, 0.8, 0.5], [0.75, 0.5, 0.2]]), np.arange(2.0))
    adam, sgd = (strategy.box(arms, known, stage=2, trial=trial) for trial in range(2))
    np.testing.assert_allclose(adam, [[0.25, 0.675, 0.0], [0.25, 0.925, 1.0]])
    np.testing.assert_allclose(sgd, [[0.75, 0.0, 0.075], [0.75, 1.0, 0.325]])
