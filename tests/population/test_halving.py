import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.population import evaluate
from fallline.strategies.halving import Halving
from fallline.training.recipe import Recipe

BASE = Recipe(
    encoding=None, model=MLP(hidden=(8,), dropout=0.1), optimizer=Adam(1e-2), batch_size=32, epochs=9, patience=None
)
RATES = [replace(BASE, {"optimizer.learning_rate": float(rate)}) for rate in np.geomspace(1e-6, 3e-2, 9)]


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(203, 5)).astype(np.float32)
    return Table.from_arrays(x, (x[:, 0] * x[:, 1] > 0).astype(int), seed=1)


@pytest.mark.parametrize("folds", [None, 2])
def test_the_best_go_on_from_where_they_stand(table, folds):
    whole = evaluate(RATES, table, folds=folds)
    halved = evaluate(RATES, table, folds=folds, halving=Halving(3, least=1))
    epochs = halved.epochs.reshape(9, -1)
    assert (epochs == epochs[:, :1]).all()  # folds in step
    assert sorted(epochs[:, 0].tolist()) == [1] * 6 + [3] * 2 + [9]
    assert halved.report.programs == 1  # what is left of several units fills one of the same size
    pruned = halved.outcome == Outcome.PRUNED
    assert pruned.sum() == 8 * (folds or 1)
    for lane in range(len(halved)):
        seen = halved.history(lane)["valid_loss"]
        np.testing.assert_allclose(seen, whole.history(lane)["valid_loss"][: len(seen)], rtol=1e-4)
    # The mean over folds decides, at the first rung the mean of the best losses of one epoch.
    first = [
        np.mean([whole.history(lane)["valid_loss"][0] for lane in np.flatnonzero(whole.recipe == r)]) for r in range(9)
    ]
    assert set(np.flatnonzero(epochs[:, 0] > 1)) == set(np.argsort(first)[:3])


@pytest.mark.parametrize("folds", [None, 2])
def test_among_a_study_those_go_on_that_reach_the_bars(table, folds):
    study = Halving(3, among="study")
    whole = evaluate(RATES, table, folds=folds)
    losses = np.array([whole.history(lane)["valid_loss"][:3] for lane in range(len(whole))])
    best = np.minimum.accumulate(losses, axis=1).reshape(9, -1, 3).mean(axis=1)
    between = lambda scores, n: float(np.sort(scores)[n : n + 2].mean())  # noqa: E731  another program rounds otherwise
    bars = {3: between(best[:, 2], 5)}
    raced = evaluate(RATES, table, folds=folds, halving=study, bars=bars)
    assert raced.report.programs == 1
    epochs = raced.epochs.reshape(9, -1)
    assert (epochs == epochs[:, :1]).all()
    assert epochs[:, 0].tolist() == np.where(best[:, 2] > bars[3], 3, 9).tolist()
    assert sorted(epochs[:, 0].tolist()) == [3] * 3 + [9] * 6
    np.testing.assert_allclose(raced.columns["score_after_3"].reshape(9, -1)[:, 0], best[:, 2], rtol=1e-4)
    # Nothing has finished yet: as in a batch. A rung without a bar stops nobody.
    alone = evaluate(RATES, table, folds=folds, halving=study)
    assert alone.epochs.tolist() == evaluate(RATES, table, folds=folds, halving=Halving(3, least=2)).epochs.tolist()
    assert evaluate(RATES, table, halving=study, bars={2: 0.0}).epochs.tolist() == [9] * 9


def test_recipes_of_several_programs_compete_and_diverged_ones_never_win(table):
    wild = [replace(RATES[0], {"optimizer.learning_rate": 1e30})] * 3
    other = [replace(each, {"model.hidden": (4, 4)}) for each in RATES[::3]]
    population = evaluate([*wild, *RATES[6:], *other], table, halving=Halving(3, least=1))
    outcome = [Outcome(each).label for each in population.outcome]
    assert outcome[:3] == ["diverged"] * 3
    assert outcome.count("finished") == 1
    assert outcome.count("pruned") == 5


def test_where_the_last_parameters_are_kept_their_score_counts(table):
    last = [replace(each, {"keep": "last", "monitor": "accuracy"}) for each in RATES]
    population = evaluate(last, table)
    seen = [population.history(lane)["valid_accuracy"] for lane in range(9)]
    np.testing.assert_allclose(-population.score, [each[-1] for each in seen], rtol=1e-6)
    assert any(each.max() > each[-1] for each in seen)
    assert population.best_epoch.tolist() == [9] * 9


def test_where_a_lane_stands_changes_no_bit(table):
    one = evaluate(RATES, table, folds=2, halving=Halving(3, least=1))
    other = evaluate(RATES[::-1], table, folds=2, halving=Halving(3, least=1))
    np.testing.assert_array_equal(one.score.reshape(9, 2), other.score.reshape(9, 2)[::-1])
    np.testing.assert_array_equal(one.epochs.reshape(9, 2), other.epochs.reshape(9, 2)[::-1])
