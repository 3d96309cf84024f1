"""Optuna's samplers as strategies; the judge is Optuna."""

import functools
import warnings

import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogUniform, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.strategies.history import DIVERGED, FINISHED, PRUNED, TrialHistory
from fallline.strategies.optuna import OptunaSampler
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports may warn
    optuna = pytest.importorskip("optuna")
    SAMPLERS = [
        optuna.samplers.RandomSampler(seed=1),
        optuna.samplers.TPESampler(seed=1, n_startup_trials=4, constant_liar=True),
        optuna.samplers.QMCSampler(seed=1, independent_sampler=optuna.samplers.RandomSampler(seed=2)),
        optuna.samplers.NSGAIISampler(seed=1, population_size=4),
    ]

RULES = Choice((Adam(LogUniform(1e-4, 1e-1)), Momentum(LogUniform(1e-3, 1.0), momentum=Uniform(0.5, 0.99)), SGD(0.1)))
SPACE = Space(Recipe(optimizer=RULES, batch_size=Choice((32, 64)), epochs=Integer(3, 9)))


def loss(points: np.ndarray) -> np.ndarray:
    return np.abs(points - 0.3).sum(axis=1)


def searched(strategy: OptunaSampler, batches: int = 4) -> np.ndarray:
    points = np.zeros((0, len(SPACE)))
    for _ in range(batches):
        known = TrialHistory.of(points, loss(points))
        new = strategy.propose(SPACE, known, range(len(points), len(points) + 3), seed=0)
        points = np.concatenate([points, new])
    return points


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_points_are_recipes_and_a_seeded_search_repeats(sampler):
    strategy = OptunaSampler(sampler)
    points = searched(strategy)
    np.testing.assert_array_equal(points, SPACE.snap(points))
    assert len({SPACE.fill(point).optimizer.name for point in points}) > 1
    np.testing.assert_array_equal(searched(OptunaSampler(sampler)), points)
    np.testing.assert_array_equal(searched(strategy), points)  # the same object, another search


def test_a_class_repeats_its_proposals_whoever_asks():
    kind = functools.partial(optuna.samplers.TPESampler, n_startup_trials=4)
    points = searched(OptunaSampler(kind))
    assert len(np.unique(points, axis=0)) == len(points)
    known = TrialHistory.of(points[:9], loss(points[:9]))
    again = OptunaSampler(kind).propose(SPACE, known, range(9, 12), seed=0)  # a process that begins here
    np.testing.assert_array_equal(again, points[9:])
    assert not np.array_equal(OptunaSampler(kind).propose(SPACE, known, range(9, 12), seed=1), again)
    assert not np.array_equal(searched(OptunaSampler(optuna.samplers.RandomSampler)), points)
    assert OptunaSampler(optuna.samplers.TPESampler) == OptunaSampler("TPESampler")
    for wrong, words in ((optuna.samplers.GridSampler, "from a seed alone"), (np.random.default_rng, "a Generator")):
        with pytest.raises(FalllineError, match=words):
            OptunaSampler(wrong)


def test_proposals_are_those_of_optuna_itself():
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=3, n_startup_trials=4))
    space = Space(Adam(LogUniform(1e-4, 1e-1), beta1=Uniform(0.8, 0.99)))
    theirs = []
    for _ in range(4):
        asked = [study.ask() for _ in range(3)]
        for trial in asked:
            theirs.append([trial.suggest_float("learning_rate", 0, 1), trial.suggest_float("beta1", 0, 1)])
        for trial, point in zip(asked, theirs[-3:], strict=True):
            study.tell(trial, loss(np.array([point]))[0])
    strategy, points = OptunaSampler(optuna.samplers.TPESampler(seed=3, n_startup_trials=4)), np.zeros((0, 2))
    for _ in range(4):
        new = strategy.propose(
            space, TrialHistory.of(points, loss(points)), range(len(points), len(points) + 3), seed=0
        )
        points = np.concatenate([points, new])
    np.testing.assert_allclose(points, theirs)


def test_trials_of_others_and_failures_are_told():
    points = SPACE.snap(np.random.default_rng(0).random((4, len(SPACE))))
    ended = np.array([FINISHED, PRUNED, DIVERGED, FINISHED])
    known = TrialHistory(
        points, np.array([1.0, 2.0, np.inf, 0.5]), np.arange(4), ended, np.full(4, 6.0), np.zeros((0, len(SPACE)))
    )
    strategy = OptunaSampler(optuna.samplers.RandomSampler(seed=0))
    first = strategy.propose(SPACE, known, range(4, 6), seed=0)
    np.testing.assert_array_equal(strategy.propose(SPACE, known, range(4, 6), seed=0), first)  # asked again, not anew
    told = strategy.sampler.conversation.study.trials
    assert [each.state.name for each in told] == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE", "RUNNING", "RUNNING"]
    assert [each.value for each in told[:4]] == [1.0, None, 2.0, 0.5]  # diverged: as the worst
    assert told[3].params["batch_size"] == round(2 * points[3, SPACE.names.index("batch_size")] - 0.5)
    none = TrialHistory.of(points[:1], np.array([np.nan]))
    strategy.propose(SPACE, none, range(1, 2), seed=1)
    assert strategy.sampler.conversation.study.trials[0].state.name == "FAIL"
    with pytest.raises(FalllineError, match=r"expected one of optuna\.samplers"):
        OptunaSampler(3)
