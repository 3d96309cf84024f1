"""TPE: what it learns, and how it spreads a batch."""

import dataclasses

import numpy as np
import pytest

from fallline.distributions import Choice, LogUniform, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.strategies import TPE, Random, Space, TrialHistory
from fallline.testing.strategies import score, some
from fallline.training.recipe import Recipe

RATE = LogUniform(1e-4, 1.0)
BOWL = Space(Momentum(Uniform(0, 1), momentum=Uniform(0, 0.99)))


def some_history(space: Space, count: int, seed: int = 0) -> TrialHistory:
    points = some(space, count, seed)
    return TrialHistory.of(points, score(points))


def test_tpe_learns_within_an_option_before_it_gives_it_up():
    arms = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    u = (np.arange(80) + 0.5) / 80
    known = np.stack([np.full(80, 0.25), 0.3 + 0.1 * u, np.full(80, 0.5)], axis=1)
    seldom = np.stack([np.full(20, 0.75), np.full(20, 0.5), u[::4]], axis=1)
    points = np.concatenate([known, seldom])
    known = TrialHistory.of(points, np.concatenate([0.1 * u, 1.0 + np.abs(u[::4] - 0.8)]))
    new = TPE(explore=0.0, joint=0.0).propose(arms, known, range(100, 164), seed=0)
    of_sgd = new[new[:, 0] == 0.75]
    assert 6 <= len(of_sgd) <= 32
    assert np.abs(of_sgd[:, 2] - 0.8).mean() < 0.2  # 0.34 for uniform points


@pytest.mark.parametrize("batch", [1, 16])
def test_tpe_finds_a_bowls_floor_where_random_points_do_not(batch):
    def least(strategy) -> float:
        space = Space(Adam(Uniform(0, 1), beta1=Uniform(0, 0.9), beta2=Uniform(0, 0.9), epsilon=Uniform(0, 1)))
        points = np.zeros((0, 4))
        while len(points) < 96:
            known = TrialHistory.of(points, ((points - 0.3) ** 2).sum(axis=1))
            points = np.concatenate(
                [points, strategy.propose(space, known, range(len(points), len(points) + batch), 0)]
            )
        return float(((points - 0.3) ** 2).sum(axis=1).min())

    assert least(TPE()) < 0.5 * least(Random())


def test_tpe_spreads_a_batch():
    known = some_history(BOWL, 100)
    points = TPE(explore=0.0).propose(BOWL, known, range(100, 132), seed=0)
    assert len(np.unique(points, axis=0)) == 32
    pending = dataclasses.replace(known, pending=points[:16])
    assert (TPE(explore=0.0).propose(BOWL, pending, range(100, 132), seed=0) != points).any()
