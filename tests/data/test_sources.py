"""Sources: every format gives the same table, and damaged files are named."""

import datetime
import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.data.arrays import Arrays
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
    with pytest.raises(FalllineError, match=r"unknown kind of name '.xlsx'"):
        read(tmp_path / "t.xlsx")
    FRAME.write_parquet(tmp_path / "t.parquet")
    with pytest.raises(FalllineError, match="has its own: leave --names out"):
        read(tmp_path / "t.parquet", ["a"])
    with pytest.raises(FalllineError, match="sklearn:iris, which has its own"):
        read("sklearn:iris", ["a"])


@pytest.mark.parametrize("name", SKLEARN)
def test_scikit_learns_data_sets(name: str) -> None:
    arrays = read(f"sklearn:{name}")
    assert isinstance(arrays, Arrays)
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
    with pytest.raises(FalllineError, match="'a' stands twice"):
        read(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_polars_frames() -> None:
    assert read(FRAME).frame.equals(FRAME)
    assert read(FRAME.lazy()).frame.equals(FRAME)
    with pytest.raises(FalllineError, match="0 rows"):
        read(FRAME.head(0))


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def mnist(folder: Path, zipped: bool = True) -> Path:
    random = np.random.default_rng(0)
    for part, rows in (("train", 30), ("t10k", 10)):
        images, labels = random.integers(0, 256, (rows, 4, 3)), np.arange(rows) % 2
        for what, content in ((f"{part}-images-idx3-ubyte", idx(images)), (f"{part}-labels-idx1-ubyte", idx(labels))):
            (folder / (what + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


@pytest.mark.parametrize("zipped", [True, False])
def test_a_folder_of_idx_files(tmp_path: Path, zipped: bool) -> None:
    arrays = read(mnist(tmp_path, zipped))
    assert isinstance(arrays, Arrays)
    assert arrays.test is not None
    assert arrays.x.shape == (30, 12)
    assert arrays.test[0].shape == (10, 12)
    assert arrays.y is not None
    assert arrays.y.tolist() == [0, 1] * 15


def test_damaged_idx_files(tmp_path: Path) -> None:
    with pytest.raises(FalllineError, match="holds none of MNIST's idx files"):
        read(tmp_path)
    mnist(tmp_path, zipped=False)
    images, labels = tmp_path / "train-images-idx3-ubyte", tmp_path / "train-labels-idx1-ubyte"
    whole = images.read_bytes()
    for content, sentence in (
        (whole[:-1], "is shorter|bytes long"),
        (whole + b"x", "is longer"),
        (b"PNG!" + whole[4:], "not an idx file"),
        (whole[:4] + b"\xff\xff\xff\xff" * 3, "declares .* is shorter"),
    ):
        images.write_bytes(content)
        with pytest.raises(FalllineError, match=sentence):
            read(tmp_path)
    images.unlink()
    zipped = tmp_path / "train-images-idx3-ubyte.gz"
    zipped.write_bytes(gzip.compress(whole)[:-30])
    with pytest.raises(FalllineError, match="damaged or truncated"):
        read(tmp_path)
    zipped.write_bytes(gzip.compress(whole))
    labels.write_bytes(idx(np.zeros(29)))
    with pytest.raises(FalllineError, match="30 train images but 29 labels"):
        read(tmp_path)
    labels.unlink()
    with pytest.raises(FalllineError, match="lacks the file of train-labels"):
        read(tmp_path)
