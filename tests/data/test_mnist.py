"""Folders of idx files: the names that MNIST and its relatives use, all types, and folders that are not of one set."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays
from fallline.data.sources import read

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return (
        bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
        + sizes
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def fill(folder: Path, names: tuple[str, ...], images: str = "u1", labels: str = "u1", zipped: bool = False) -> Path:
    random = np.random.default_rng(0)
    for name in names:
        rows = 30 if "train" in name else 10
        x, y = random.integers(0, 100, (rows, 4, 3)).astype(images), (np.arange(rows) % 2).astype(labels)
        content = idx(x if "images" in name else y)
        (folder / (name + ".gz" * zipped)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


OFFICIAL = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "names",
    [
        OFFICIAL,
        tuple(name.replace("-idx", ".idx") for name in OFFICIAL),
        tuple(f"emnist-balanced-{name}".replace("t10k", "test") for name in OFFICIAL),
        tuple(name.replace("ubyte", "int").replace("t10k", "test") for name in OFFICIAL),
        tuple(name.replace("idx3-ubyte", "idx4-float") for name in OFFICIAL),
        tuple(name.upper() for name in OFFICIAL),
        tuple(name.replace("-ubyte", "") for name in OFFICIAL),
    ],
)
def test_names_of_the_family(tmp_path: Path, names: tuple[str, ...], zipped: bool) -> None:
    for name, twin in zip(names, OFFICIAL, strict=True):
        fill(tmp_path, (twin,), zipped=zipped)
        (tmp_path / (twin + ".gz" * zipped)).rename(tmp_path / (name + ".gz" * zipped))
    found = read(tmp_path)
    assert isinstance(found, RawArrays)
    assert found.test is not None
    assert found.y is not None
    assert (found.x.shape, found.test[0].shape) == ((30, 12), (10, 12))
    assert found.y.tolist() == [0, 1] * 15


@pytest.mark.parametrize("images", ["u1", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("labels", ["u1", "i1", "i2", "i4", "f4", "f8"])
def test_every_type(tmp_path: Path, images: str, labels: str) -> None:
    found = read(fill(tmp_path, OFFICIAL[:2], images, labels))
    assert isinstance(found, RawArrays)
    assert found.y is not None
    assert found.x.dtype == np.dtype(images)
    assert found.x.dtype.isnative
    assert found.y.dtype.kind in "iu"
    assert found.y.tolist() == [0, 1] * 15


def test_fractions_are_targets(tmp_path: Path) -> None:
    fill(tmp_path, OFFICIAL[:2])
    (tmp_path / OFFICIAL[1]).write_bytes(idx(np.linspace(0, 1, 30, dtype=np.float32)[:, None]))
    found = read(tmp_path)
    assert isinstance(found, RawArrays)
    assert found.y is not None
    assert found.y.dtype == np.float32
    assert found.y.shape == (30,)


def test_a_plain_file_wins_over_its_gzipped_twin(tmp_path: Path) -> None:
    fill(tmp_path, OFFICIAL[:2])
    (tmp_path / (OFFICIAL[0] + ".gz")).write_bytes(b"damaged")
    assert read(tmp_path).x.shape == (30, 12)


def test_several_data_sets(tmp_path: Path) -> None:
    fill(tmp_path, tuple(f"emnist-{kind}-{name}" for kind in ("letters", "digits") for name in OFFICIAL[:2]))
    with pytest.raises(FalllineError, match=r"holds the idx files of 2 data sets .*emnist-digits.*: give a folder"):
        read(tmp_path)


def test_several_files_of_one_part(tmp_path: Path) -> None:
    fill(tmp_path, (*OFFICIAL, "test-images-idx3-ubyte"))
    with pytest.raises(FalllineError, match=r"several files of test-images .*t10k-images.*test-images.*leave one"):
        read(tmp_path)


def test_damaged_folders(tmp_path: Path) -> None:
    fill(tmp_path, OFFICIAL)
    images, labels = tmp_path / OFFICIAL[0], tmp_path / OFFICIAL[1]
    whole = images.read_bytes()
    for content, sentence in (
        (whole[:-1], "is shorter|bytes long"),
        (whole + b"x", "is longer"),
        (b"PNG!" + whole[4:], "not an idx file"),
        (idx(np.zeros(30, np.uint8)), "have 1 and 1 dimensions"),
        (idx(np.zeros((0, 4, 3), np.uint8)), "0 train images but 30 labels"),
        (idx(np.zeros((30, 5, 3), np.uint8)), "15 and 12 pixels"),
    ):
        images.write_bytes(content)
        with pytest.raises(FalllineError, match=sentence):
            read(tmp_path)
    images.unlink()
    zipped = tmp_path / (OFFICIAL[0] + ".gz")
    zipped.write_bytes(gzip.compress(whole)[:-30])
    with pytest.raises(FalllineError, match="damaged or truncated"):
        read(tmp_path)
    zipped.write_bytes(gzip.compress(whole))
    labels.write_bytes(idx(np.zeros(29, np.uint8)))
    with pytest.raises(FalllineError, match="30 train images but 29 labels"):
        read(tmp_path)
    labels.write_bytes(idx(np.zeros((30, 8), np.int32)))
    with pytest.raises(FalllineError, match="have 3 and 2 dimensions"):
        read(tmp_path)
    labels.unlink()
    with pytest.raises(FalllineError, match="lacks the file of train-labels"):
        read(tmp_path)
