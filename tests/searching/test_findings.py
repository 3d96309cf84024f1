import itertools

import numpy as np
import pytest

from fallline.data.table import Table
from fallline.distributions import Choice, Integer, LogUniform, Uniform
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.searching.findings import TrialsOutlook, edges, expected_best, importance, outlook, prospects
from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

SPACE = Space(
    Recipe(
        encoding=None,
        model=MLP(dropout=Uniform(0, 0.5)),
        optimizer=Adam(LogUniform(1e-5, 1e-1)),
        patience=Integer(5, 50),
        batch_size=Choice((32, 64)),
    )
)
TABLE = Table.from_arrays(np.eye(10, dtype=np.float32), [0, 1] * 5)


def study(score, count: int = 64) -> Study:
    points = SPACE.snap(np.random.default_rng(0).random((count, len(SPACE))))
    trials = tuple(
        Trial(i, p, SPACE.values(p), "finished", float(score(p)), 0.01, 3.0, 3, 0.1, {}) for i, p in enumerate(points)
    )
    return Study(SPACE, TABLE, trials, 0, 1.0, False)


def at(point: np.ndarray, name: str) -> float:
    return point[SPACE.names.index(name)]


def test_importance_finds_what_the_score_depends_on():
    found = importance(study(lambda p: (at(p, "optimizer.learning_rate") - 0.4) ** 2 + 0.02 * at(p, "batch_size")))
    assert found[0].name == "optimizer.learning_rate"
    assert found[0].share > 0.7
    assert sum(each.share for each in found) == pytest.approx(1.0)
    wild = importance(study(lambda p: np.inf if at(p, "model.dropout") > 0.7 else at(p, "model.dropout")))
    assert wild[0].name == "model.dropout"
    assert importance(study(lambda p: 1.0, count=4)) == []


def test_edges_are_named_and_choices_have_none():
    sentences = edges(study(lambda p: at(p, "optimizer.learning_rate") + at(p, "batch_size") / 9, count=200))
    assert len(sentences) == 1
    assert "optimizer.learning_rate" in sentences[0]
    assert "lower edge of its range [1e-05, 0.1]" in sentences[0]
    assert edges(study(lambda p: sum((u - 0.5) ** 2 for u in p), count=200)) == []


def test_expected_best_is_the_mean_over_all_subsets():
    scores = np.sort(np.random.default_rng(0).random(9))
    for m in (1, 4, 9):
        every = [min(each) for each in itertools.combinations(scores, m)]
        assert expected_best(scores, m) == pytest.approx(np.mean(every))


def test_outlook_compares_the_gain_with_its_error():
    found = outlook(study(lambda p: at(p, "model.dropout")))
    assert found.half > found.best
    assert "more trials would hardly show" in TrialsOutlook(0.11, 0.10, 0.02).sentence
    assert "more trials may help" in TrialsOutlook(0.15, 0.10, 0.02).sentence
    assert "use cross-validation folds" in TrialsOutlook(0.15, 0.10, np.nan).sentence
    assert outlook(study(lambda p: 1.0, count=4)) is None
    low, high = found.gains
    assert 0 <= low < found.half - found.best < high
    assert outlook(study(lambda p: 1.0)).gains == pytest.approx((0.0, 0.0), abs=1e-12)


def test_prospects_are_what_drawing_trials_at_random_gives():
    found = study(lambda p: at(p, "model.dropout"), count=20)
    scores = np.array([each.score for each in found.trials])
    drawn = np.random.default_rng(0).permuted(np.tile(scores, (4000, 1)), axis=1)
    told = {each.trials: each for each in prospects(found)}
    assert (min(told), max(told)) == (1, 20)
    for m in (1, 5, 20):
        best = drawn[:, :m].min(axis=1)
        assert told[m].mean == pytest.approx(best.mean(), abs=0.01)
        assert told[m].low == pytest.approx(np.quantile(best, 0.1), abs=0.03)
        assert told[m].high == pytest.approx(np.quantile(best, 0.9), abs=0.03)
    assert prospects(study(lambda p: 1.0, count=4)) == []
