"""Tables: from a source to arrays, split and described."""

import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.data.prediction import read_features, read_labelled
from fallline.data.table import Table, load

RANDOM = np.random.default_rng(1)
N = 120
FRAME = pl.DataFrame(
    {
        "id": range(1000, 1000 + N),
        "age": [None if each % 9 == 0 else float(each % 50) for each in range(N)],
        "town": RANDOM.choice(["Ulm", "Bonn", "Trier"], N),
        "member": RANDOM.choice(["yes", "no"], N),
        "unit": ["cm"] * N,
        "label": RANDOM.choice(["low", "high"], N),
        "price": RANDOM.normal(size=N),
    }
)


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    FRAME.write_csv(tmp_path / "t.csv")
    return tmp_path / "t.csv"


def test_a_text_file(csv: Path) -> None:
    table = load(str(csv), "label")
    assert (table.name, table.task, table.classes) == ("t", "classification", ("high", "low"))
    assert table.feature_names == (
        "age", "age is missing", *(f"town={each}" for each in table.schema.columns[1].values), "town=(other)", "member",
        "price",
    )  # fmt: skip
    data = table.dataset
    assert data.x.dtype == data.scaled.dtype.type(0).astype(np.float32).dtype
    assert data.y.dtype == np.int32
    assert data.y.shape == (N,)
    assert data.n_classes == 2
    assert data.weight is None
    assert (len(data.train), len(data.valid), len(data.test)) == (84, 12, 24)
    assert data.scaled.tolist() == [True] + [False] * 6 + [True]
    assert any("'unit' was dropped" in each for each in table.warnings)
    assert any("'id' was dropped" in each for each in table.warnings)
    assert "120 rows, 8 features, 2 classes" in repr(table)


def test_every_format_gives_the_same_arrays(csv: Path) -> None:
    prints = {load(csv, "label").fingerprint, load(FRAME, "label").fingerprint}
    for suffix in ("parquet", "arrow", "tsv"):
        path = csv.with_suffix(f".{suffix}")
        FRAME.write_csv(path, separator="\t") if suffix == "tsv" else None
        FRAME.write_parquet(path) if suffix == "parquet" else None
        FRAME.write_ipc(path) if suffix == "arrow" else None
        prints.add(load(path, "label").fingerprint)
    assert len(prints) == 1


def test_the_fingerprint_tells_data_and_splits_apart(csv: Path) -> None:
    prints = [load(csv, "label", seed=seed).fingerprint for seed in (0, 0, 1)] + [load(csv, "price").fingerprint]
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


def test_the_encoding_does_not_look_at_test_rows() -> None:
    test = load(FRAME, "price").dataset.test
    town = [f"only{row}" if row in set(test.tolist()) else "Ulm" for row in range(N)]
    assert load(FRAME.with_columns(town=pl.Series(town)), "price").schema.columns[1].values == ("Ulm",)


def test_source_is_enough_to_load_again(csv: Path) -> None:
    table = load(csv, "label", kinds={"id": "number"}, seed=3, valid=0.2)
    assert table.source["source"] == str(csv)
    assert None not in table.source.values()
    assert load(**table.source).fingerprint == table.fingerprint
    assert "source" not in load(FRAME, "label").source


def test_test_and_valid_sources(csv: Path) -> None:
    other = csv.with_name("other.csv")
    FRAME.head(30).select(reversed(FRAME.columns)).write_csv(other)
    data = load(csv, "label", test_source=other, valid_source=other).dataset
    assert len(data.train) == N
    assert data.test.tolist() == list(range(N, N + 30))
    assert len(data.valid) == 30
    np.testing.assert_array_equal(data.x[data.test], data.x[:30])
    np.testing.assert_array_equal(data.y[data.valid], data.y[:30])
    FRAME.drop("town").write_csv(other)
    with pytest.raises(FalllineError, match=r"other.csv lacks the column 'town'"):
        load(csv, "label", test_source=other)
    FRAME.drop("label").write_csv(other)
    with pytest.raises(FalllineError, match=r"other.csv lacks the target column 'label'"):
        load(csv, "label", test_source=other)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("lable", "has no column 'lable' to predict: did you mean 'label'"),
        (None, "no target was named"),
        (["price", "price"], "named twice"),
    ],
)
def test_wrong_targets(csv: Path, target: str, sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        load(csv, target)


def test_a_headerless_file_without_names_gets_the_hint(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("39,x\n40,y\n")
    with pytest.raises(FalllineError, match="if the file has no header line, give the column names with --names"):
        load(tmp_path / "t.csv", "income")


def test_missing_values_of_tables_may_be_refused() -> None:
    with pytest.raises(FalllineError, match="column 'age' of the DataFrame has 14 missing values"):
        load(FRAME, "label", missing="error")


def test_several_target_columns() -> None:
    table = load(FRAME.with_columns(other=pl.col("price") * pl.col("price")), ["price", "other"])
    assert table.task == "regression"
    assert table.dataset.y.shape == (N, 2)
    assert table.dataset.y.dtype == np.float32


def test_only_a_target() -> None:
    with pytest.raises(FalllineError, match="holds only the target"):
        load(FRAME.select("label"), "label")


def test_archives_with_a_test_part(tmp_path: Path) -> None:
    x = RANDOM.normal(size=(40, 3))
    y = np.arange(40) % 2
    np.savez(tmp_path / "d.npz", X=x, y=y, X_test=x[:5], y_test=y[:5])
    data = load(tmp_path / "d.npz").dataset
    assert data.test.tolist() == [40, 41, 42, 43, 44]
    assert len(data.train) + len(data.valid) == 40
    with pytest.raises(FalllineError, match="carries its own target, not a column 'label'"):
        load(tmp_path / "d.npz", "label")
    with pytest.raises(FalllineError, match="leave kinds out"):
        load(tmp_path / "d.npz", kinds={"x0": "drop"})
    np.savez(tmp_path / "d.npz", X=x)
    with pytest.raises(FalllineError, match="has no y"):
        load(tmp_path / "d.npz")


def test_predicting_from_files(csv: Path) -> None:
    table = load(csv, "label")
    x, frame = read_features(csv, table.schema)
    np.testing.assert_array_equal(x, table.dataset.x)
    assert frame is not None
    assert frame.height == N
    x, y = read_labelled(csv, table.schema)
    np.testing.assert_array_equal(y, table.dataset.y)
    changed = csv.with_name("changed.csv")
    FRAME.with_columns(label=pl.lit("huge")).write_csv(changed)
    with pytest.raises(FalllineError, match=r"'label' of .*changed.csv holds 'huge', not a class seen in training"):
        read_labelled(changed, table.schema)


def test_predicting_from_arrays(tmp_path: Path) -> None:
    x, y = RANDOM.normal(size=(40, 2)).astype(np.float32), np.arange(40) % 2
    table = Table.from_arrays(x, y, names=["a", "b"])
    np.savez(tmp_path / "d.npz", X=x[:, ::-1], y=y, feature_names=["b", "a"])
    again, labels = read_labelled(tmp_path / "d.npz", table.schema)
    np.testing.assert_array_equal(again, x)
    np.testing.assert_array_equal(labels, y)
    pl.DataFrame(x, schema=["a", "b"]).write_parquet(tmp_path / "d.parquet")
    np.testing.assert_array_equal(read_features(tmp_path / "d.parquet", table.schema)[0], x)


def test_arrays_are_not_copied() -> None:
    x = RANDOM.normal(size=(200_000, 50)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 1).astype(np.int64)
    tracemalloc.start()
    table = Table.from_arrays(x, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(table.dataset.x, x)
    assert peak < x.nbytes  # a few temporaries of fixed size, and the labels; 12 % for ten times as many rows


def test_other_arrays_become_float32_rows() -> None:
    x = RANDOM.normal(size=(30, 3))
    for each in (
        x,
        np.asfortranarray(x.astype(np.float32)),
        x.astype(np.float32)[::-1][::-1],
        x.tolist(),
        x.astype(object),
    ):
        data = Table.from_arrays(each, np.arange(30) % 2).dataset
        assert data.x.dtype == np.float32
        assert data.x.flags.c_contiguous
        np.testing.assert_allclose(data.x, x, rtol=1e-6)


def test_constant_columns_of_arrays_stay() -> None:
    assert Table.from_arrays(np.zeros((30, 3), np.uint8), np.arange(30) % 2).dataset.x.shape == (30, 3)


def test_missing_values_of_arrays() -> None:
    x = RANDOM.normal(size=(30, 2))
    x[3:5, 1] = np.nan
    with pytest.raises(FalllineError, match=r"column 'x1' of X has 2 missing values \(NaN\): .*--missing impute"):
        Table.from_arrays(x, np.arange(30) % 2)
    table = Table.from_arrays(x, np.arange(30) % 2, missing="impute")
    assert table.feature_names == ("x0", "x1", "x1 is missing")
    assert np.isnan(table.dataset.x).sum() == 2
    assert table.dataset.x[:, 2].sum() == 2
    x[0, 0] = np.inf
    with pytest.raises(FalllineError, match="column 'x0' of X has 1 infinite value"):
        Table.from_arrays(x, np.arange(30) % 2, missing="impute")


def test_weights_and_given_parts() -> None:
    x, y = RANDOM.normal(size=(20, 2)), np.arange(20) % 2
    data = Table.from_arrays(x, y, weight=np.full(20, 2.0), test_data=(x[:4], y[:4]), valid_data=(x[:3], y[:3])).dataset
    assert data.weight is not None
    assert data.weight.tolist() == [2.0] * 20 + [1.0] * 7
    assert (len(data.train), len(data.valid), len(data.test)) == (20, 3, 4)
    for weight in (np.ones(19), -np.ones(20), np.zeros(20), np.full(20, np.nan), ["x"] * 20):
        with pytest.raises(FalllineError, match="weight"):
            Table.from_arrays(x, y, weight=weight)


def test_several_outputs_and_labels() -> None:
    x = RANDOM.normal(size=(20, 2))
    table = Table.from_arrays(x, x @ RANDOM.normal(size=(2, 3)))
    assert table.task == "regression"
    assert table.dataset.y.shape == (20, 3)
    assert table.schema.target.names == ("y0", "y1", "y2")
    labels = Table.from_arrays(x, (x > 0).astype(int), task="multilabel")
    assert labels.dataset.y.shape == (20, 2)
    assert labels.dataset.n_classes == 2
    assert labels.classes is None
    assert Table.from_arrays(x, x[:, :1]).dataset.y.shape == (20, 1)


@pytest.mark.parametrize(
    ("x", "y", "sentence"),
    [
        (np.zeros((3, 2)), np.zeros(4), "3 rows but y has 4"),
        (np.zeros((3, 2)), np.float64(1), "y has no"),
        ([[1, 2], [3]], [0, 1], "ragged rows"),
        ([["a", "b"]] * 4, [0, 1, 0, 1], "where numbers were expected"),
        (np.zeros((6, 1)), [0, 0, 0, 1, 1, 2], "class 2 of the target 'y' of X has one row only"),
        (np.zeros((4, 1)), ["a"] * 4, "single class"),
        (np.zeros((4, 1)), [0.5, np.nan, 1, 2], "1 missing value"),
    ],
)
def test_unfit_arrays(x: object, y: object, sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        Table.from_arrays(x, y)


def test_importing_is_cheap() -> None:
    code = "import sys, fallline.data; print([m for m in ('jax', 'polars', 'sklearn', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
