"""NumPy archives: the keys, and what is refused."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.data.npz import read_npz


def test_keys(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    x = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    np.savez_compressed(path, x=x, y=np.arange(4), X_test=x[:2], y_test=np.arange(2), feature_names=["p", "q", "r"])
    arrays = read_npz(path)
    np.testing.assert_array_equal(arrays.x, x)
    assert arrays.names == ("p", "q", "r")
    assert arrays.test is not None
    assert arrays.test[0].shape == (2, 3)


def test_images_become_rows(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=np.zeros((5, 4, 3), np.uint8))
    assert read_npz(tmp_path / "d.npz").x.shape == (5, 12)


def test_objects_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X=np.eye(2), y=np.array(["a", None], dtype=object))
    with pytest.raises(FalllineError, match=r"'y' in .* holds Python objects"):
        read_npz(tmp_path / "d.npz")


def test_no_features(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", data=np.eye(2))
    with pytest.raises(FalllineError, match=r"has no array X \(it holds data\)"):
        read_npz(tmp_path / "d.npz")


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 9)})
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("X.npy", header.getvalue() + b"\0" * 80)
    with pytest.raises(FalllineError, match=r"'X' in .* is damaged"):
        read_npz(tmp_path / "d.npz")


def test_damaged_content(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "d.npz", "w") as archive:
        archive.writestr("X.npy", b"not an array")
    with pytest.raises(FalllineError, match=r"'X' in .* is damaged"):
        read_npz(tmp_path / "d.npz")
