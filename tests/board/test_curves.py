"""Curves of finished runs and of those that train, bounded in time, in memory and in what one answer holds."""

import signal
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from tests.board.making import finished, training

import fallline as fl
from fallline.board import Index
from fallline.board import curves as module
from fallline.board.curves import ThinnedCurves
from fallline.board.files import stamp_of
from fallline.board.histories import columns_of, read_column, sources_of
from fallline.core.tensor_files import save_tensors
from fallline.ensembles import checkpoint as ensemble
from fallline.training.checkpoint import save_checkpoint


def whole(folder) -> tuple[Index, list[str]]:
    index = Index(folder)
    index.refresh(float("inf"))
    return index, [each.key for each in sorted(index.runs, key=lambda each: each.name)]


def test_checkpoints_as_trainings_write_them_are_read(tmp_path):
    """Written by the functions of a run, whose state is of no interest here, and of an ensemble on two devices."""
    (tmp_path / "recipe.toml").write_text("epochs = 9\n")
    losses = np.array([3.0, 2.0, 1.0], np.float32)
    save_checkpoint(tmp_path, {"epoch": np.int32(5)}, {"valid_loss": losses}, {"seed": 0})  # type: ignore[arg-type]
    (single,) = sources_of(tmp_path, stamp_of(tmp_path))
    ((lane, x, y),) = read_column(single, "valid_loss")
    assert (lane, x.tolist(), y.tolist()) == ("", [3, 4, 5], [3, 2, 1])
    seen = [{"valid_loss": np.array([[1.0, 2.0], [3.0, 4.0]], np.float32)}]
    parts = [SimpleNamespace(kept={"epoch": np.int32(2)}, seen=seen)] * 2
    ensemble.save(tmp_path, SimpleNamespace(parts=parts, size=2, recorded=()), {"seed": 0})
    (several,) = sources_of(tmp_path, stamp_of(tmp_path))
    found = [(lane, x.tolist(), y.tolist()) for lane, x, y in read_column(several, "valid_loss")]
    assert found == [(f"lane {k}", [1, 2], [[2, 4], [1, 3]][k % 2]) for k in (1, 2, 3, 4)]


def test_columns_of_a_checkpoint_have_a_curve_for_every_layer_and_lane(tmp_path):
    (single,) = sources_of(training(tmp_path, "now", 4), stamp_of(tmp_path / "now"))
    assert columns_of(single) == ["layer_1.gradient_norm", "layer_2.gradient_norm", "train_loss", "valid_loss"]
    ((_, x, y),) = read_column(single, "layer_2.gradient_norm")
    assert (x.tolist(), y[0]) == ([1, 2, 3, 4], 2.0)
    lanes = {f"history/{part}/train_loss": np.arange(6, dtype=np.float32).reshape(2, 3) for part in (0, 1)}
    save_tensors(tmp_path / "now" / "checkpoint.safetensors", lanes, {})
    (several,) = sources_of(tmp_path / "now", stamp_of(tmp_path / "now"))
    found = read_column(several, "train_loss")
    assert [label for label, _, _ in found] == [f"lane {k}" for k in range(1, 7)]
    assert [y.tolist() for _, _, y in found][:2] == [[0, 3], [1, 4]]
    assert read_column(several, "no_such_column") == []


def curves_of(folder, columns):
    (source,) = sources_of(folder, stamp_of(folder))
    assert source.path.name == "checkpoint.safetensors"
    assert set(columns_of(source)) == set(columns)
    return {name: read_column(source, name) for name in columns}


RECIPE = fl.Recipe(model=fl.MLP(hidden=(4,)), epochs=100_000, patience=None, monitor="mae")


@pytest.mark.parametrize("members", [1, 2])
def test_a_run_that_trains_has_the_columns_and_units_that_it_will_have_when_it_has_ended(tmp_path, members):
    rng = np.random.default_rng(0)
    table = fl.Table.from_arrays(rng.normal(size=(60, 2)), 1000.0 * rng.normal(size=60), task="regression")
    (tmp_path / "recipe.toml").write_text("epochs = 50\n")
    how = {"folder": tmp_path, "checkpoint_seconds": 0.0}
    run = fl.train(RECIPE, table, members=members, watch=lambda moment: signal.raise_signal(signal.SIGINT), **how)
    assert run.interrupted
    seen = curves_of(tmp_path, run.history.keys() - {"epoch"})
    assert {"valid_rmse", "valid_mae", "dense_1.gradient_norm"} <= seen.keys()
    assert any(name.endswith(".dead") for name in seen)
    for name, curves in seen.items():
        assert len(curves) == members
        shown = np.mean([y for _, _, y in curves], axis=0)
        np.testing.assert_allclose(shown, np.asarray(run.history[name], np.float64), rtol=1e-6, err_msg=name)
        assert curves[0][1].tolist() == run.history["epoch"].tolist()
    assert run.history["valid_rmse"].min() > 100


def test_the_newer_of_history_and_checkpoint_is_read_and_a_damaged_file_is_left_out(tmp_path):
    folder = finished(tmp_path, "a", epochs=5)
    training(tmp_path, "a", 9)
    index, keys = whole(tmp_path)
    assert ThinnedCurves(index).answer(keys, ["valid_loss"], 100)["curves"][0]["points"] == 9
    (folder / "checkpoint.safetensors").write_bytes(b"\0" * 30)
    found = ThinnedCurves(index).answer(keys, ["valid_loss"], 100)
    assert (found["curves"], found["columns"], found["pending"]) == ([], [], 0)


def test_while_a_checkpoint_is_being_replaced_the_one_before_it_is_read(tmp_path):
    folder = training(tmp_path, "now", 4)
    (source,) = sources_of(folder, stamp_of(folder))
    (folder / "checkpoint.safetensors").rename(folder / "checkpoint.previous.safetensors")
    assert len(read_column(source, "valid_loss")[0][1]) == 4


def test_ten_to_the_sixth_points_become_a_short_answer_that_keeps_the_spike(tmp_path, monkeypatch):
    folder = finished(tmp_path, "long")
    y = np.ones(1_000_000)
    y[777_777] = 50.0
    pl.DataFrame({"epoch": np.arange(1, len(y) + 1), "valid_loss": y}).write_parquet(folder / "history.parquet")
    index, keys = whole(tmp_path)
    curves = ThinnedCurves(index)
    found = curves.answer(keys, ["valid_loss"], 500)
    (curve,) = found["curves"]
    assert curve["points"] == 1_000_000
    assert len(curve["x"]) <= 1002
    assert curve["x"][curve["y"].index(50)] == 777_778
    again = curves.answer(keys, ["valid_loss"], 500, found["version"])
    assert again == {"version": found["version"], "same": True}


def test_what_is_not_read_in_time_comes_with_the_next_question(tmp_path, monkeypatch):
    for k in range(3):
        finished(tmp_path, f"run-{k}")
    index, keys = whole(tmp_path)
    curves = ThinnedCurves(index)
    monkeypatch.setattr(module, "READING", -1.0)
    found = curves.answer(keys, ["valid_loss"], 100)
    assert (found["curves"], found["pending"], found["version"]) == ([], 6, "")
    monkeypatch.setattr(module, "READING", 60.0)
    found = curves.answer(keys, ["valid_loss"], 100)
    assert (len(found["curves"]), found["pending"]) == (3, 0)
    assert {"valid_accuracy", "dense_10.dead"} <= set(found["columns"])


def test_what_is_kept_is_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HELD", 9000)
    for k in range(6):
        finished(tmp_path, f"run-{k}", epochs=40)
    index, keys = whole(tmp_path)
    curves = ThinnedCurves(index)
    assert len(curves.answer(keys, ["valid_loss"], 100)["curves"]) == 6
    assert 0 < curves.size <= 9000
    assert len(curves._kept) < 6
    for epochs in range(5, 60):  # a run that goes on and on
        finished(tmp_path, "run-0", epochs=epochs)
        curves.answer(keys, ["valid_loss"], 100)
    assert curves.size <= 9000
    assert len(curves._names) <= 4 * module.SAMPLED


def test_runs_that_are_gone_are_left_out(tmp_path):
    finished(tmp_path, "a")
    index, keys = whole(tmp_path)
    finished(tmp_path, "b")
    found = ThinnedCurves(index).answer([*keys, "0" * 12], ["valid_loss"], 100)
    assert [each["id"] for each in found["curves"]] == keys
