"""Optuna as a proposer and as a home for studies; the judge is Optuna."""

import functools
import warnings

import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.distributions import Choice, Integer, LogInteger, LogNormal, LogUniform, Normal, Quantised, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.searching.description import proposer_from_plain, proposer_to_plain
from fallline.searching.optuna_export import to_optuna
from fallline.searching.optuna_sampler import OptunaSampler
from fallline.searching.optuna_words import of_values
from fallline.searching.past import DIVERGED, FINISHED, PRUNED, Past
from fallline.searching.space import Space
from fallline.searching.study import Study, Trial
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


def searched(proposer: OptunaSampler, batches: int = 4) -> np.ndarray:
    points = np.zeros((0, len(SPACE)))
    for _ in range(batches):
        past = Past.of(points, loss(points))
        new = proposer.propose(SPACE, past, range(len(points), len(points) + 3), seed=0)
        points = np.concatenate([points, new])
    return points


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda each: type(each).__name__)
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_points_are_recipes_and_a_seeded_search_repeats(sampler):
    proposer = OptunaSampler(sampler)
    points = searched(proposer)
    np.testing.assert_array_equal(points, SPACE.snap(points))
    assert len({SPACE.fill(point).optimizer.name for point in points}) > 1
    np.testing.assert_array_equal(searched(OptunaSampler(sampler)), points)
    np.testing.assert_array_equal(searched(proposer), points)  # the same object, another search


def test_a_class_repeats_its_proposals_whoever_asks():
    kind = functools.partial(optuna.samplers.TPESampler, n_startup_trials=4)
    points = searched(OptunaSampler(kind))
    assert len(np.unique(points, axis=0)) == len(points)
    past = Past.of(points[:9], loss(points[:9]))
    again = OptunaSampler(kind).propose(SPACE, past, range(9, 12), seed=0)  # a process that begins here
    np.testing.assert_array_equal(again, points[9:])
    assert not np.array_equal(OptunaSampler(kind).propose(SPACE, past, range(9, 12), seed=1), again)
    assert not np.array_equal(searched(OptunaSampler(optuna.samplers.RandomSampler)), points)
    named = proposer_from_plain(proposer_to_plain(OptunaSampler(optuna.samplers.TPESampler)))
    assert named == OptunaSampler(optuna.samplers.TPESampler)
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
    proposer, points = OptunaSampler(optuna.samplers.TPESampler(seed=3, n_startup_trials=4)), np.zeros((0, 2))
    for _ in range(4):
        new = proposer.propose(space, Past.of(points, loss(points)), range(len(points), len(points) + 3), seed=0)
        points = np.concatenate([points, new])
    np.testing.assert_allclose(points, theirs)


def test_trials_of_others_and_failures_are_told():
    points = SPACE.snap(np.random.default_rng(0).random((4, len(SPACE))))
    ended = np.array([FINISHED, PRUNED, DIVERGED, FINISHED])
    past = Past(
        points, np.array([1.0, 2.0, np.inf, 0.5]), np.arange(4), ended, np.full(4, 6.0), np.zeros((0, len(SPACE)))
    )
    proposer = OptunaSampler(optuna.samplers.RandomSampler(seed=0))
    first = proposer.propose(SPACE, past, range(4, 6), seed=0)
    np.testing.assert_array_equal(proposer.propose(SPACE, past, range(4, 6), seed=0), first)  # asked again, not anew
    told = proposer._live["study"].trials
    assert [each.state.name for each in told] == ["COMPLETE", "PRUNED", "COMPLETE", "COMPLETE", "RUNNING", "RUNNING"]
    assert [each.value for each in told[:4]] == [1.0, None, 2.0, 0.5]  # diverged: as the worst
    assert told[3].params["batch_size"] == round(2 * points[3, SPACE.names.index("batch_size")] - 0.5)
    none = Past.of(points[:1], np.array([np.nan]))
    proposer.propose(SPACE, none, range(1, 2), seed=1)
    assert proposer._live["study"].trials[0].state.name == "FAIL"
    with pytest.raises(FalllineError, match=r"expected one of optuna\.samplers"):
        OptunaSampler("TPESampler")


def test_distributions_become_optunas():
    kinds = optuna.distributions
    space = Space(
        Recipe(
            optimizer=Adam(LogNormal(1e-3, 1.0), beta1=Normal(0.9, 0.01), beta2=Uniform(0.9, 0.999)),
            batch_size=Choice((32, None)),
            epochs=LogInteger(5, 50),
            patience=Quantised(Uniform(5, 25), 5),
            tolerance=Quantised(Uniform(0, 0.5), 0.1),
        )
    )
    found = {each.path.rpartition(".")[2]: of_values(each) for each in space.dimensions}
    assert found["beta2"] == kinds.FloatDistribution(0.9, 0.999)
    assert found["epochs"] == kinds.IntDistribution(5, 50, log=True)
    assert found["patience"] == kinds.IntDistribution(5, 25, step=5)
    assert found["tolerance"] == kinds.FloatDistribution(0.0, 0.5, step=0.1)
    assert found["batch_size"] == kinds.CategoricalDistribution((32, None))
    assert found["learning_rate"].log
    assert found["beta1"].low == pytest.approx(0.84)
    for u in np.linspace(0, 1, 9):
        values = space.values(space.snap(np.full(len(space), u))[0])
        for each, kind in zip(space.dimensions, found.values(), strict=True):
            assert kind._contains(kind.to_internal_repr(values[each.name]))


def test_a_study_becomes_optunas():
    points = SPACE.snap(
        np.array([[0.1, 0.5, 0.5, 0.5, 0.2, 0.9], [0.5, 0.5, 0.1, 0.9, 0.7, 0.2], [0.9, 0, 0, 0, 0, 0]])
    )
    results = [("finished", -0.9, 6.0), ("pruned", -0.4, 2.0), ("diverged", np.inf, 1.0)]
    shown = {"score_after_1": -0.3, "score_after_3": np.nan}
    trials = tuple(
        Trial(i, point, SPACE.values(point), outcome, score, 0.01, epochs, 6, 0.5, shown | {"valid_accuracy": -score})
        for i, (point, (outcome, score, epochs)) in enumerate(zip(points, results, strict=True))
    )
    space = Space(Recipe(optimizer=RULES, batch_size=Choice((32, 64)), epochs=Integer(3, 9), monitor="accuracy"))
    data = Table.from_arrays(np.zeros((12, 2), np.float32), np.arange(12) % 2)
    made = to_optuna(Study(space, data, trials, 0, 1.0, False))
    assert made.direction == optuna.study.StudyDirection.MAXIMIZE
    assert [each.state.name for each in made.trials] == ["COMPLETE", "PRUNED", "FAIL"]
    assert made.best_value == 0.9
    assert made.best_params == trials[0].values
    assert made.best_params["optimizer"] == "adam"
    assert made.trials[1].intermediate_values == {1: 0.3, 2: 0.4}
    assert made.trials[0].user_attrs["valid_accuracy"] == 0.9
