"""Sources: every format gives the same table, and damaged files are named."""

import datetime
import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.core import budget
from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays
from fallline.data.sources import SKLEARN, read

FRAME = pl.DataFrame({"a": [1, 2, None], "b": ["x", None, "z"], "c": [True, False, True]})


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "feather", "ipc"])
def test_column_files_keep_their_types(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    FRAME.write_parquet(path) if suffix == "parquet" else FRAME.write_ipc(path)
    assert read(str(path)).frame.equals(FRAME)


def test_arrow_streams(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    FRAME.write_ipc_stream(path)
    assert read(path).frame.equals(FRAME)


@pytest.mark.parametrize("suffix", ["parquet", "arrow", "npz"])
@pytest.mark.parametrize("kept", [0, 5, 60, -20])
def test_truncated_files_are_named(tmp_path: Path, suffix: str, kept: int) -> None:
    path = tmp_path / f"t.{suffix}"
    if suffix == "npz":
        np.savez(path, X=np.ones((20, 3)), y=np.arange(20))
    else:
        FRAME.write_parquet(path) if suffix == "parquet" else FRAME.write_ipc(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FalllineError, match=r"damaged|empty"):
        read(path)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "npz"])
def test_text_under_another_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_text("a,b\n1,2\n" * 10)
    with pytest.raises(FalllineError, match="damaged or no"):
        read(path)


def test_a_missing_file_gets_a_suggestion(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b\n1,2\n")
    with pytest.raises(FalllineError, match=r"there is no file .*tain.csv: did you mean 'train.csv'"):
        read(tmp_path / "tain.csv")


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("sklearn:digit", "no data set 'digit': did you mean 'digits'"),
        ([1, 2], "not a list"),
        ("nothing.xyz", "there is no file"),
        ("", "the source is empty"),
        ("a\0b.csv", "holds a zero byte"),
        ("x" * 5000 + ".csv", "cannot be read"),
    ],
)
def test_wrong_sources(source: object, sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        read(source)


def test_unknown_suffix_and_needless_names(tmp_path: Path) -> None:
    (tmp_path / "t.xlsx").write_text("x")
    with pytest.raises(FalllineError, match=r"unknown suffix '.xlsx'"):
        read(tmp_path / "t.xlsx")
    FRAME.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(FalllineError, match="has its own: leave --names out"):
        read(tmp_path / "t.parquet", ["a"])
    with pytest.raises(FalllineError, match="sklearn:iris, which has its own"):
        read("sklearn:iris", ["a"])


@pytest.mark.parametrize("name", SKLEARN)
def test_scikit_learns_data_sets(name: str) -> None:
    arrays = read(f"sklearn:{name}")
    assert isinstance(arrays, RawArrays)
    assert arrays.names is not None
    assert len(arrays.names) == arrays.x.shape[1]
    assert arrays.y is not None
    assert len(arrays.y) == len(arrays.x)


def test_pandas_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "i": [1, 2, 3],
            "f": [0.5, np.nan, 1.0],
            "s": ["x", None, "z"],
            "o": pandas.Series([True, None, False], dtype="boolean"),
            "n": pandas.Series([1, None, 3], dtype="Int64"),
            "k": pandas.Categorical(["u", "v", "u"]),
            "d": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]),
            "m": pandas.Series([1, "two", None], dtype=object),
        }
    )
    result = read(frame).frame
    assert isinstance(result, pl.DataFrame)
    assert result["s"].to_list() == ["x", None, "z"]
    assert result["o"].to_list() == [True, None, False]
    assert result["n"].to_list() == [1, None, 3]
    assert result["k"].to_list() == ["u", "v", "u"]
    assert result["m"].to_list() == ["1", "two", None]
    assert result["d"].to_list() == [datetime.datetime(2024, 1, 1), None, datetime.datetime(2024, 1, 3)]
    with pytest.raises(FalllineError, match="column 1 of the frame is named 0, a int: column names must be text"):
        read(pandas.DataFrame([[1, 2]]))
    with pytest.raises(FalllineError, match="'a' occurs twice"):
        read(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_polars_frames() -> None:
    assert read(FRAME).frame.equals(FRAME)
    assert read(FRAME.lazy()).frame.equals(FRAME)
    with pytest.raises(FalllineError, match="0 rows"):
        read(FRAME.head(0))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "data"])
def test_gzipped_text(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"t.{suffix}.gz"
    path.write_bytes(gzip.compress(b"a\tb\n1\tx\n"))
    assert read(path).frame.rows() == [("1", "x")]
    path.write_bytes(gzip.compress(b"1\tx\n"))
    assert read(str(path), ["a", "b"]).frame.rows() == [("1", "x")]
    path.write_bytes(gzip.compress(b"a\tb\n1\tx\n" * 9)[:-9])
    with pytest.raises(FalllineError, match="damaged or not compressed with gzip"):
        read(path)
    path.write_bytes(gzip.compress(b"a\tb\n" * 2501))
    monkeypatch.setenv(budget.VARIABLE, "10000")
    with pytest.raises(FalllineError, match=r"unpacks to more than the 10 kB allowed: .*--max-bytes"):
        read(path)
    monkeypatch.setenv(budget.VARIABLE, "20000")
    assert read(path).frame.height == 2500


def test_a_folder_says_what_it_holds(tmp_path: Path) -> None:
    with pytest.raises(FalllineError, match=r"none of MNIST's idx files .* nor anything else"):
        read(tmp_path)
    (tmp_path / "readme.md").write_text("x")
    with pytest.raises(FalllineError, match=r"nor a table \(it holds readme.md\)"):
        read(tmp_path)
    FRAME.write_parquet(tmp_path / "b.parquet")
    with pytest.raises(FalllineError, match=r"but a file of .parquet: give one file, as in .*b.parquet"):
        read(tmp_path)
    (tmp_path / "a.csv.gz").write_text("x")
    with pytest.raises(FalllineError, match=r"but 2 files of .csv, .parquet: give one file, as in .*a.csv.gz"):
        read(tmp_path)
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train-images-idx3-ubyte").write_text("x")
    with pytest.raises(FalllineError, match=r"but its folder raw does: give .*raw"):
        read(tmp_path)
