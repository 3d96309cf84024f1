import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.distributions import Choice
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.searching.nested import nested, outer_tables
from fallline.strategies import Random
from fallline.training.recipe import Recipe


def test_outer_folds_test_every_row_once_and_never_train_on_it():
    data = load("sklearn:iris")
    tables = outer_tables(data, 4)
    rows = np.sort(np.concatenate([data.dataset.train, data.dataset.valid]))
    np.testing.assert_array_equal(np.sort(np.concatenate([each.dataset.test for each in tables])), rows)
    for each in tables:
        parts = [each.dataset.train, each.dataset.valid, each.dataset.test]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), rows)
        assert len(parts[1]) == pytest.approx(len(parts[0]) * len(data.dataset.valid) / len(data.dataset.train), abs=2)
        assert set(data.dataset.y[parts[2]]) == {0, 1, 2}


def test_what_cannot_be_learnt_is_scored_as_chance_though_the_best_trial_looks_better(tmp_path):
    # Labels that have nothing to do with the features, few rows and many trials: the best trial is lucky.
    draw = np.random.default_rng(0)
    data = Table.from_arrays(draw.normal(size=(100, 4)).astype(np.float32), draw.permutation([0, 1] * 50))
    space = Recipe(
        encoding=None,
        model=MLP(hidden=(8,), dropout=Choice((0.0, 0.3))),
        optimizer=Adam(Choice((1e-3, 3e-3, 1e-2, 3e-2))),
        epochs=8,
        patience=None,
        batch_size=32,
        monitor="accuracy",
    )
    options = {"outer": 2, "trials": 8, "strategy": Random(), "study": tmp_path / "s.db"}
    found = nested(space, data, **options)
    chosen = np.mean([-each.best.trial.score for each in found.studies])
    assert chosen > found.mean["accuracy"] + 0.05
    assert abs(found.mean["accuracy"] - 0.5) < 3 * found.error["accuracy"] + 0.05
    values = [each["accuracy"] for each in found.metrics]
    assert found.error["accuracy"] == pytest.approx(abs(values[0] - values[1]) / 2)
    # What is finished is kept: asked again, nothing is trained but the best.
    seen = []
    again = nested(space, data, watch=lambda fold, standing: seen.append((fold, standing.done)), **options)
    assert set(seen) == {(fold, 8) for fold in range(2)}
    assert again.metrics == found.metrics


def test_one_outer_fold_is_refused():
    with pytest.raises(FalllineError, match="2 or more outer folds"):
        nested(Recipe(), load("sklearn:iris"), outer=1)
