"""The best trials of a study, combined."""

import json

import numpy as np
import pytest

import fallline as fl
from fallline.cli.main import run as program
from fallline.ensembles.selection import greedy_weights


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4)).astype(np.float32)
    y = np.digitize(x[:, 0] + x[:, 1] ** 2 + rng.normal(0, 0.7, 200), [0.5, 1.5])
    return fl.Table.from_arrays(x, y, valid=0.2)


@pytest.fixture(scope="module")
def study(table):
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(8,), dropout=0.1), batch_size=32, epochs=6)
    return fl.search(fl.replace(recipe, {"optimizer.learning_rate.peak": fl.LogUniform(1e-3, 1e-1)}), table, trials=6)


@pytest.fixture(scope="module")
def found(study):
    return study.ensemble(4)


def test_the_best_trials_are_candidates_and_the_selection_is_caruanas(found, study, table):
    assert [each.number for each in found.trials] == [each.number for each in study.order[:4]]
    data = table.dataset
    runs = [fl.train(study.space.fill(each.point), table, seed=study.seed) for each in found.trials]
    answers = [each.model.answer(data.x[data.valid])[0] for each in runs]
    y = data.y[data.valid]
    weights = greedy_weights(answers, lambda p: -float(np.mean(np.log(p[np.arange(len(y)), y]))))
    np.testing.assert_allclose(found.weights, weights)
    mean = np.tensordot(weights, np.array([each.model.answer(data.x)[0] for each in runs], np.float64), 1)
    np.testing.assert_allclose(found.model.answer(data.x)[0], mean, atol=1e-6)
    assert found.run.metrics["valid"]["loss"] <= runs[0].metrics["valid"]["loss"] + 1e-5


def test_the_gain_is_the_mean_difference_of_the_rows_with_its_standard_error(found, study, table):
    data = table.dataset
    before, after = (
        -np.log(model.answer(data.x[data.test])[0].astype(np.float64)[np.arange(len(data.test)), data.y[data.test]])
        for model in (study.best.model, found.model)
    )
    differences = before - after
    assert found.judged_on == "test"
    assert found.gain == pytest.approx(differences.mean(), abs=1e-5)
    assert found.error == pytest.approx(differences.std(ddof=1) / np.sqrt(len(differences)), rel=1e-3)
    assert "standard error of" in found.sentence
    assert ("may be chance" in found.sentence) == (abs(found.gain) <= found.error)


def test_it_is_saved_as_one_model(found, table, tmp_path):
    found.model.save(tmp_path / "model.safetensors")
    back = fl.load_predictor(tmp_path)
    assert back.answer(table.dataset.x)[0].tobytes() == found.model.answer(table.dataset.x)[0].tobytes()
    assert found.model.to_onnx(tmp_path / "model.onnx").difference < 1e-6


def test_a_metric_that_is_watched_decides(table):
    recipe = fl.Recipe(
        encoding=None, model=fl.MLP(hidden=(8,), dropout=0.1), batch_size=32, epochs=3, monitor="accuracy"
    )
    space = fl.replace(recipe, {"optimizer.learning_rate.peak": fl.LogUniform(1e-3, 1e-1)})
    study = fl.search(space, table, trials=3)
    found = study.ensemble(3)
    assert found.run.metrics["valid"]["accuracy"] >= study.best.run.metrics["valid"]["accuracy"]


@pytest.mark.parametrize("members", [0, True, 2.5, "5"])
def test_numbers_that_are_none_are_refused(study, members):
    with pytest.raises(fl.FalllineError, match="is not a number of trials to combine"):
        study.ensemble(members)


def test_a_table_without_validation_rows_is_refused():
    x = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    table = fl.Table.from_arrays(x, x[:, 0] > 0, valid=0)
    study = fl.search(fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=1), table, trials=2, folds=2)
    with pytest.raises(fl.FalllineError, match="has no validation rows, by which trials are combined"):
        study.ensemble(2)


def test_from_the_shell(tmp_path, capsys):
    folder = tmp_path / "run"
    words = ["tune", "sklearn:iris", "--trials", "4", "--members", "3", "--out", str(folder), "--json"]
    with pytest.raises(SystemExit) as stop:
        program(words)
    out = capsys.readouterr().out
    assert stop.value.code == 0
    document = json.loads(out)
    ensemble = document["ensemble"]
    assert len(ensemble["trials"]) == len(ensemble["weights"]) == 3
    assert sum(ensemble["weights"]) == pytest.approx(1.0)
    used = [trial for trial, w in zip(ensemble["trials"], ensemble["weights"], strict=True) if w > 0]
    assert [each["trial"] for each in document["members"]["each"]] == used
    assert ensemble["sentence"].startswith("the ensemble of trial")
    assert isinstance(fl.load_predictor(folder), fl.Ensemble)
    assert json.loads((folder / "study.json").read_text())["ensemble"] == ensemble
    assert "the ensemble of trial" in (folder / "report.html").read_text(encoding="utf-8").lower()
    with pytest.raises(SystemExit) as stop:
        program([*words[:5], "0", "--out", str(tmp_path / "other")])
    assert stop.value.code == 2
    assert not (tmp_path / "other").exists()
