"""The same table in other units gives the same model, and metrics are of the targets as given."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.losses import BinnedCrossEntropy, Huber, Poisson, SquaredError, Times
from fallline.population import evaluate
from fallline.training.evaluation import evaluate_rows
from fallline.training.model_file import load_predictor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3))
Y = np.sin(X[:, 0]) + 0.5 * X[:, 1] * X[:, 2] + 0.1 * RNG.normal(size=240)
RECIPE = fl.Recipe(epochs=30, model=fl.MLP(hidden=(16,)))
UNITS = (1e-20, 1e-17, 1e-6, 1e6, 1e18, 1e20)
OFFSETS = (1e8, 1.7e9, -3e12)


def _run(x: np.ndarray, y: np.ndarray, recipe: fl.Recipe = RECIPE, **options: Any) -> tuple[fl.Table, Any]:
    table = fl.Table.from_arrays(x, y, task="regression", **options)
    return table, fl.train(recipe, table)


@pytest.fixture(scope="module")
def base() -> dict[str, dict[str, float]]:
    return _run(X, Y)[1].metrics


@pytest.mark.parametrize(("scale", "offset"), [*((k, 0.0) for k in UNITS), *((1.0, c) for c in OFFSETS)])
def test_targets_in_another_unit(base: dict[str, dict[str, float]], scale: float, offset: float) -> None:
    table, run = _run(X, scale * Y + offset)
    data = table.dataset
    for name in ("valid", "test"):
        rows = getattr(data, name)
        answer, truth = run.model.answer(data.x[rows])[0][:, 0], (scale * Y + offset)[rows]
        np.testing.assert_allclose(run.model.predict(data.x[rows]), answer, rtol=4e-16, atol=5e-6 * scale)
        found = run.metrics[name]
        assert found["r2"] == pytest.approx(base[name]["r2"], abs=2e-3)
        assert found["r2"] == pytest.approx(r2_score(truth, answer), abs=1e-9 if abs(offset) < 1e10 else 1e-5)
        assert found["rmse"] == pytest.approx(root_mean_squared_error(truth, answer), rel=1e-6)
        assert found["mae"] == pytest.approx(mean_absolute_error(truth, answer), rel=1e-6)
        assert found["loss"] == pytest.approx(base[name]["loss"], rel=1e-2)
    best = run.history["valid_rmse"][run.best_epoch - 1]
    assert best == pytest.approx(run.metrics["valid"]["rmse"], rel=1e-4)


@pytest.mark.parametrize("change", [lambda x: 1.6e-19 * x, lambda x: 1e20 * x, lambda x: x + 1e8, lambda x: x - 3e12])
def test_inputs_in_another_unit(base: dict[str, dict[str, float]], change: Any) -> None:
    assert _run(change(X), Y)[1].metrics["test"]["r2"] == pytest.approx(base["test"]["r2"], abs=2e-3)


@pytest.mark.parametrize("loss", [Huber(), BinnedCrossEntropy(bins=8), Times(SquaredError(), 0.5)])
def test_losses_see_the_same_target(loss: Any) -> None:
    recipe = fl.replace(RECIPE, {"loss": loss})
    first, *others = (_run(X, y, recipe)[1].metrics["test"]["r2"] for y in (Y, 1e-20 * Y, 1e8 + Y))
    assert others == pytest.approx([first, first], abs=2e-3)


def test_counts_keep_their_zero() -> None:
    counts = RNG.poisson(np.exp(1 + X[:, 0])).astype(float)
    recipe = fl.replace(RECIPE, {"loss": Poisson()})
    base, tiny = _run(X, counts, recipe)[1], _run(X, 1e-20 * counts, recipe)[1]
    assert tiny.metrics["test"]["r2"] == pytest.approx(base.metrics["test"]["r2"], abs=2e-3)
    _, run = _run(X, counts + 1e8, recipe)
    assert not any(run.model.schema.target.shift)
    assert "needs the target's own zero" in run.notes[0]
    assert not base.notes


def test_targets_of_several_units(tmp_path: Path) -> None:
    y = np.column_stack([1e-20 * Y, 1e8 + Y, Y])
    table, run = _run(X, y)
    rows = table.dataset.test
    run.model.save(tmp_path / "m.safetensors")
    answer = load_predictor(tmp_path / "m.safetensors").predict(table.dataset.x[rows])
    np.testing.assert_array_equal(answer, run.model.predict(table.dataset.x[rows]))
    found = evaluate_rows(run.model, table.dataset.x, table.dataset.given, None, rows)
    assert found == run.metrics["test"]
    compiled = run.model.answer(table.dataset.x[rows])[0]
    assert found["r2"] == pytest.approx(r2_score(y[rows], compiled), abs=1e-9)
    assert (np.abs(answer - compiled) <= 5e-6 * y.std(axis=0)).all()
    assert found["rmse"] == pytest.approx(np.sqrt(np.mean((y[rows] - answer) ** 2)), rel=1e-6)


def test_a_population_speaks_the_targets_unit() -> None:
    recipe = fl.replace(RECIPE, {"monitor": "rmse"})
    table, run = _run(X, 1e20 * Y, recipe)
    population = evaluate([recipe], table)
    assert population.score[0] == pytest.approx(run.metrics["valid"]["rmse"], rel=1e-3)
    assert population.columns["test_rmse"][0] == pytest.approx(run.metrics["test"]["rmse"], rel=1e-3)
    assert population.history(0)["valid_rmse"][-1] == pytest.approx(run.history["valid_rmse"][-1], rel=1e-3)


def test_rows_that_weigh_nothing_have_no_metrics() -> None:
    plain = fl.Table.from_arrays(X, Y, task="regression").dataset
    for name in ("valid", "test"):
        weight = np.ones(len(Y))
        weight[getattr(plain, name)] = 0.0
        table, run = _run(X, Y, weight=weight)
        assert set(run.metrics) == {"train", "valid", "test"} - {name}
    assert evaluate([RECIPE], table).columns.keys().isdisjoint({"test_loss"})
    weight = np.zeros(len(Y))
    weight[plain.test] = 1.0
    with pytest.raises(FalllineError, match="every training row has the weight 0"):
        _run(X, Y, weight=weight)
