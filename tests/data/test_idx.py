"""Idx files: every type and number of dimensions, sizes checked before anything is allocated."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fallline.core.errors import FalllineError
from fallline.data.idx import TYPES, read_idx

CODES = {np.dtype(name).newbyteorder("="): code for code, name in TYPES.items()}


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    code = CODES[array.dtype.newbyteorder("=")]
    return bytes([0, 0, code, array.ndim]) + sizes + array.astype(TYPES[code]).tobytes()


shapes = st.lists(st.integers(0, 3), min_size=1, max_size=5).map(tuple)


@settings(max_examples=40, deadline=None)
@given(array=st.sampled_from(sorted(CODES, key=str)).flatmap(lambda dtype: arrays(dtype, shapes)), zipped=st.booleans())
def test_arrays_come_back(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, zipped: bool) -> None:
    path = tmp_path_factory.mktemp("t") / "x"
    path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
    result = read_idx(path)
    assert result.dtype == array.dtype
    assert result.dtype.isnative
    np.testing.assert_array_equal(result, array)


@pytest.mark.parametrize("dtype", sorted(CODES, key=str))
@pytest.mark.parametrize("cut", [-1, 5, 9])
def test_short_files(tmp_path: Path, dtype: np.dtype, cut: int) -> None:
    path = tmp_path / "x"
    path.write_bytes(idx(np.ones((2, 3), dtype))[:cut])
    with pytest.raises(FalllineError, match=r"damaged or truncated|is shorter|bytes long"):
        read_idx(path)


@pytest.mark.parametrize("magic", [b"\0\0\x0a\1", b"\0\0\x07\1", b"\0\1\x08\1", b"\0\0\x08\0", b"\0\0\x08\xff", b"\0"])
def test_other_files(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "x").write_bytes(magic + b"\0" * 40 * (len(magic) > 1))
    with pytest.raises(FalllineError, match="is not an idx file"):
        read_idx(tmp_path / "x")


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\0\0\x0e\3" + b"\xff" * 12)
    with pytest.raises(FalllineError, match=r"declares .* is shorter"):
        read_idx(tmp_path / "x")
