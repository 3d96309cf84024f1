"""Whole models, trained on tables with every kind of column, against ONNX Runtime."""

import numpy as np
import onnxruntime
import polars as pl
import pytest

import fallline as fl
from fallline.onnx import feed

ROWS = 300
SHORT = fl.Recipe(model=fl.MLP(hidden=(8,)), epochs=2, batch_size=64)


def run(path, rows) -> dict[str, np.ndarray]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return dict(zip([each.name for each in session.get_outputs()], session.run(None, rows), strict=True))


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
            "member": rng.choice(["Yes", "no", "NO"], ROWS),
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
    ours = model.judge(model.schema.encode(strangers))[0]
    assert np.abs(found["probabilities"] - ours).max() <= 1e-6
    decided = model.decide(ours)
    assert found["label"].tolist() == decided.tolist()
    assert found["label"].dtype.kind == ("O" if kind == "text" else decided.dtype.kind)
