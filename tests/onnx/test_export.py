"""Whole models, trained on tables with every kind of column, against ONNX Runtime."""

import json
import sys

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest

import fallline as fl
from fallline.cli.main import run as program
from fallline.data.columns import Column
from fallline.data.schema import Schema
from fallline.data.target import Target
from fallline.onnx import feed, scaler_form
from fallline.onnx.inputs import inputs_of

ROWS = 300
SHORT = fl.Recipe(encoding=None, model=fl.MLP(hidden=(8,)), epochs=2, batch_size=64)


def run(path, rows) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, rows), strict=True))


def answered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.Series("y", np.random.default_rng(9).normal(size=len(frame))))


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    """Numbers, text, booleans, dates and mostly missing text; every column with missing cells."""
    rng = np.random.default_rng(0)
    days = np.datetime64("1969-06-01T10:30", "us") + rng.integers(0, 40_000 * 24, ROWS) * np.timedelta64(1, "h")
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 10, ROWS),
            "account no": 1e9 + rng.normal(0, 100, ROWS),
            "mass in kg": rng.uniform(1, 9, ROWS) * 1e-35,
            "town-name": rng.choice(["Ulm", "Köln", "東京", "Bonn"], ROWS),
            "2nd town": rng.choice(["Ulm", "Bonn"], ROWS),
            "smoker": rng.choice([True, False], ROWS),
            "member": rng.choice(["Yes", "no"], ROWS),
            "since": days,
            "remark": [f"text {i}" if i % 5 == 0 else None for i in range(ROWS)],
        }
    )
    gone = {name: rng.random(ROWS) < 0.1 for name in frame.columns if name not in ("2nd town", "remark")}
    return frame.with_columns(
        pl.when(pl.Series(where)).then(None).otherwise(pl.col(name)).alias(name) for name, where in gone.items()
    )


@pytest.fixture(scope="module")
def strangers(people) -> pl.DataFrame:
    """Other rows of the same columns: values never seen, everything missing, far-off dates and numbers."""
    mixed = people.select(each.sample(ROWS, shuffle=True, seed=i) for i, each in enumerate(people.iter_columns()))
    odd = pl.DataFrame(
        {
            "age": [None, 1e6, -3.5],
            "account no": [0.0, None, 2e9],
            "mass in kg": [None, 0.0, 1e-33],
            "town-name": ["Paris", None, "ulm"],
            "2nd town": [None, "nowhere", "Bonn"],
            "smoker": [None, True, False],
            "member": ["maybe", "YES", None],
            "since": np.array(["1583-02-28T23", "NaT", "2400-02-29T01"], "datetime64[us]"),
            "remark": [None, "x", "y"],
        },
        schema=people.schema,
    )
    return pl.concat([mixed, odd])


LABELS = {
    "text": np.array(["no", "perhaps", "yes"]),
    "whole numbers": np.array([-1, 0, 7]),
    "booleans": np.array([False, True]),
    "numbers with a point": np.array([0.0, 2.0, 5.0]),
}


@pytest.mark.parametrize("kind", LABELS)
def test_classes_of_a_table(people, strangers, kind, tmp_path):
    labels = LABELS[kind]
    y = labels[np.digitize(people["age"].fill_null(40).to_numpy(), [35, 45][: len(labels) - 1])]
    model = fl.train(SHORT, fl.load(people.with_columns(pl.Series("label", y)), "label")).model
    done = model.to_onnx(tmp_path / "m.onnx")
    assert list(done.inputs) == [
        "age", "account_no", "mass_in_kg", "town_name", "_2nd_town", "smoker", "member", "since", "remark",
    ]  # fmt: skip
    assert done.outputs == ("label", "probabilities")
    found = run(tmp_path / "m.onnx", feed(model.schema, strangers))
    ours = model.answer(model.schema.encode(strangers, "strangers", []))[0]
    assert np.abs(found["probabilities"] - ours).max() <= 1e-6
    decided = model.decide(ours)
    assert found["label"].tolist() == decided.tolist()
    assert found["label"].dtype.kind == ("O" if kind == "text" else decided.dtype.kind)


def test_the_table_of_this_file_has_every_kind_of_column(people):
    kinds = [each.kind for each in fl.load(answered(people), "y").schema.columns]
    assert kinds == ["number", "number", "number", "category", "category", "boolean", "boolean", "date", "presence"]


TARGETS = {
    "scaled": (fl.SquaredError(), fl.scalers.Standardise(), 1),
    "two targets, robust": (fl.Huber(), fl.Robust(), 2),
    "unscaled": (fl.AbsoluteError(), None, 1),
    "binned": (fl.BinnedCrossEntropy(bins=8), fl.Standardise(), 2),
    "counts": (fl.Poisson(), fl.Standardise(), 1),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_regressions_come_in_their_own_unit(people, strangers, kind, tmp_path):
    loss, scaler, count = TARGETS[kind]
    rng = np.random.default_rng(5)
    names = ["price", "rent"][:count]
    frame = people.with_columns(pl.Series(name, rng.gamma(2, 1000, ROWS)) for name in names)
    recipe = fl.replace(SHORT, {"loss": loss, "target_scaler": scaler})
    model = fl.train(recipe, fl.load(frame, names, task="regression")).model
    assert model.to_onnx(tmp_path / "m.onnx").outputs == ("prediction",)
    found = run(tmp_path / "m.onnx", feed(model.schema, strangers))["prediction"]
    ours = model.answer(model.schema.encode(strangers, "strangers", []))[0]
    assert found.shape == ours.shape == (len(strangers), count)
    np.testing.assert_allclose(found, ours, rtol=2e-6, atol=2e-6 * ours.std())


def test_arrays_have_one_input(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal([0, 1e9, 5], [1, 10, 2], (ROWS, 3))
    x[::7, 2] = np.nan
    y = np.stack([x[:, 0] > 0, x[:, 1] > 1e9], axis=1).astype(int)
    model = fl.train(SHORT, fl.Table.from_arrays(x, y, task="multilabel", missing="impute")).model
    done = model.to_onnx(tmp_path / "m.onnx")
    assert list(done.inputs) == ["X"]
    rows = feed(model.schema, x)
    assert rows["X"].dtype == np.float64  # float32 would lose the second column
    found, ours = run(tmp_path / "m.onnx", rows), model.answer(model.schema.encode(x))[0]
    assert np.abs(found["probabilities"] - ours).max() <= 1e-6
    assert (found["label"] == model.decide(ours)).all()
    done = fl.to_onnx(model, tmp_path / "m.onnx", inputs="columns")
    assert list(done.inputs) == ["x0", "x1", "x2"]
    columns = {name: x[:, [place]] for place, name in enumerate(done.inputs)}
    columns = {name: each.astype(np.float64 if name == "x1" else np.float32) for name, each in columns.items()}
    assert np.abs(run(tmp_path / "m.onnx", columns)["probabilities"] - ours).max() <= 1e-6


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two trainings of one table, with a loss that has no probabilities."""
    x = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)
    recipe = fl.replace(SHORT, {"loss": fl.Hinge()})
    table = fl.Table.from_arrays(x, x[:, 0] > 0)
    return x, [fl.train(recipe, table, seed=seed).model for seed in (0, 1)]


def test_scores_are_not_called_probabilities_and_models_can_be_averaged(pair, tmp_path):
    x, models = pair
    done = fl.to_onnx(models, tmp_path / "m.onnx")
    assert done.outputs == ("label", "scores")
    assert done.difference <= 1e-6
    ours = (models[0].answer(x)[0] + models[1].answer(x)[0]) / 2
    np.testing.assert_allclose(run(tmp_path / "m.onnx", {"X": x})["scores"], ours, atol=1e-6)
    with pytest.raises(fl.FalllineError, match="at least one"):
        fl.to_onnx([], tmp_path / "none.onnx")


def test_the_file_is_one_checked_model_with_its_notes(pair, tmp_path):
    pair[1][0].to_onnx(tmp_path / "m.onnx")
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not any(each.external_data for each in model.graph.initializer)
    notes = {each.key: each.value for each in model.metadata_props}
    assert notes["task"] == "classification"
    assert json.loads(notes["inputs"]) == {"X": ["x0", "x1"]}


def test_a_graph_that_says_something_else_is_not_written(pair, tmp_path, monkeypatch):
    model = fl.Predictor(fl.replace(pair[1][0].recipe, {"scaler": Doubled()}), *_rest(pair[1][0]))
    monkeypatch.setitem(scaler_form._functions, Doubled, lambda scaler, graph, x, stats: x)
    with pytest.raises(fl.FalllineError, match="nothing was written"):
        model.to_onnx(tmp_path / "m.onnx")
    monkeypatch.setitem(scaler_form._functions, Doubled, lambda scaler, graph, x, stats: graph.op("Add", x, x))
    model.to_onnx(tmp_path / "m.onnx")
    monkeypatch.setattr("fallline.onnx.graph.LARGEST", 10)
    with pytest.raises(fl.FalllineError, match="make it smaller"):
        model.to_onnx(tmp_path / "other.onnx")
    assert [each.name for each in tmp_path.iterdir()] == ["m.onnx"]


class Doubled(fl.scalers.Scaler):
    def fit(self, x, weight, columns=None):
        return {}

    def apply(self, stats, x):
        return 2 * x


def _rest(model):
    return model.schema, model.outputs, model.arrays


def test_what_cannot_be_exported_is_said(people, pair, tmp_path, monkeypatch):
    model = pair[1][0]
    with pytest.raises(fl.FalllineError, match="no way to give columns: valid: 'array', 'auto', 'columns'"):
        model.to_onnx(tmp_path / "m", inputs="x")
    with pytest.raises(fl.FalllineError, match="numbers only"):
        inputs_of(fl.load(answered(people), "y").schema, "array")
    empty = Schema((Column("a", "category", values=("", "x"), indicator=True),), Target(("y",), "regression"))
    with pytest.raises(fl.FalllineError, match="both empty texts and missing cells"):
        inputs_of(empty)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(fl.FalllineError, match=r"needs the package onnx: pip install \"fallline\[onnx\]\""):
        model.to_onnx(tmp_path / "m")
    assert not list(tmp_path.iterdir())


def test_without_onnx_runtime_the_file_is_written_unchecked(pair, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert pair[1][0].to_onnx(tmp_path / "m.onnx").difference is None
    assert (tmp_path / "m.onnx").exists()


def test_the_command_writes_the_file_and_says_what_it_takes(pair, tmp_path, capsys):
    pair[1][0].save(tmp_path / "model.safetensors")
    words = ["export", str(tmp_path), "--onnx", str(tmp_path / "m.onnx")]
    with pytest.raises(SystemExit) as stop:
        program([*words, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert stop.value.code == 0
    assert said["outputs"] == ["label", "scores"]
    assert said["difference"] <= 1e-6
    with pytest.raises(SystemExit):
        program(words)
    assert "X  2 columns of numbers" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        program([*words[:3], str(tmp_path / "no" / "m.onnx")])
    assert stop.value.code == 2
    assert "cannot write" in capsys.readouterr().err
