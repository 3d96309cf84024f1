"""Logs as the tools that they are written for read them; skipped where the tools are not installed."""

import warnings

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.core.extras import missing

RECIPE = fl.Recipe(model=fl.MLP(hidden=(4,)), batch_size="all", epochs=3, patience=None)
TABLE = fl.Table.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
SPACE = fl.replace(RECIPE, {"optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1)})


def events_of(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
        found = reader.EventAccumulator(str(folder))
        found.Reload()
    return found


def test_tensorboard_reads_every_epoch(tmp_path):
    pytest.importorskip("tensorboardX")
    run = fl.train(RECIPE, TABLE, callbacks=[fl.TensorBoard(str(tmp_path))])
    fl.train(RECIPE, TABLE, callbacks=[fl.TensorBoard(str(tmp_path))])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["arrays-1", "arrays-2"]
    found = events_of(tmp_path / "arrays-1")
    scalars = found.Scalars("train_loss")
    assert [each.step for each in scalars] == [1, 2, 3]
    np.testing.assert_allclose([each.value for each in scalars], run.history["train_loss"], rtol=1e-6)
    layers = [name for name in run.history if name.endswith(".update_ratio")]
    assert {f"update_ratio/{each.partition('.')[0]}" for each in layers} <= set(found.Tags()["scalars"])
    np.testing.assert_allclose(found.Scalars("final/test_accuracy")[0].value, run.metrics["test"]["accuracy"])


def test_tensorboard_reads_trials(tmp_path):
    pytest.importorskip("tensorboardX")
    study = fl.search(SPACE, TABLE, trials=2, batch=2, callbacks=[fl.TensorBoard(str(tmp_path))])
    scores = events_of(tmp_path / "arrays-1").Scalars("trial/score")
    np.testing.assert_allclose([each.value for each in scores], [each.score * study.sign for each in study.trials])


@pytest.fixture
def client(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)  # where MLflow keeps artifacts beside a database
    return mlflow.MlflowClient(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db")


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_params_metrics_by_step_and_the_model(client, tmp_path):
    uri = client.tracking_uri
    run = fl.train(RECIPE, TABLE, callbacks=[fl.MLflow("tips", uri)])
    (found,) = client.search_runs([client.get_experiment_by_name("tips").experiment_id])
    assert (found.info.status, found.data.tags["fallline.outcome"]) == ("FINISHED", "finished")
    assert found.data.params["model.hidden"] == "4"
    losses = client.get_metric_history(found.info.run_id, "train_loss")
    assert [each.step for each in losses] == [1, 2, 3]
    np.testing.assert_allclose([each.value for each in losses], run.history["train_loss"])
    assert found.data.metrics["final_test_accuracy"] == run.metrics["test"]["accuracy"]
    path = client.download_artifacts(found.info.run_id, "model/model.safetensors", str(tmp_path))
    again = fl.load_predictor(path)
    np.testing.assert_array_equal(again.predict(TABLE.dataset.x), run.model.predict(TABLE.dataset.x))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_trials_below_their_search(client):
    study = fl.search(SPACE, TABLE, trials=2, batch=2, callbacks=[fl.MLflow("s", client.tracking_uri)])
    runs = client.search_runs([client.get_experiment_by_name("s").experiment_id])
    (parent,) = [each for each in runs if "mlflow.parentRunId" not in each.data.tags]
    children = [each for each in runs if each.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert len(children) == 2
    assert sorted(each.data.metrics["score"] for each in children) == sorted(e.score * study.sign for e in study.trials)
    assert parent.data.metrics["final_best_score"] == study.best.trial.score * study.sign


@pytest.mark.parametrize(("callback", "module"), [(fl.TensorBoard, "tensorboardX"), (fl.MLflow, "mlflow")])
def test_a_missing_package_is_named(monkeypatch, callback, module):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(FalllineError) as found:
        fl.train(RECIPE, TABLE, callbacks=[callback()])
    assert str(found.value) == missing(module, callback.name, f"The callback {callback.__name__}")
