"""Reads the arrays `X` and `y` of a NumPy archive (.npz), checking sizes before anything is allocated."""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path
from typing import IO

import numpy as np

from fallline.core.budget import check_unpacked
from fallline.core.errors import FalllineError
from fallline.core.reading import open_regular
from fallline.data.arrays import RawArrays

_KEYS = {"x": ("x", "X"), "y": ("y", "Y"), "x_test": ("x_test", "X_test"), "y_test": ("y_test", "Y_test")}
_BROKEN = (
    zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
    KeyError, IndexError, OverflowError,
)  # fmt: skip
_DEFLATE_RATIO = 1032  # deflate never expands a byte to more than this


def read_npz(path: Path) -> RawArrays:
    """Reads `X` or `x` and, if present, `y`, `X_test`, `y_test` and `feature_names`.

    Object arrays are refused, because reading them would need pickle, which can run code.

    Raises:
        FalllineError: the archive is truncated, has no `X`, holds objects, or its shapes do not fit together.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "d.npz"
    ...     np.savez(path, X=np.eye(3), y=np.array(["a", "b", "a"]))
    ...     read_npz(path).y.tolist()
    ['a', 'b', 'a']
    """
    try:
        with open_regular(path, str(path), "a NumPy archive") as file, zipfile.ZipFile(file) as archive:
            size = sum(info.file_size for info in archive.infolist())
            check_unpacked(size, file.seek(0, 2), str(path))
            for info in archive.infolist():
                archive.open(info).close()  # checks that the name in the directory is the one stored with the array
            held = {name.removesuffix(".npy"): name for name in archive.namelist()}
            found = {key: next((held[each] for each in keys if each in held), None) for key, keys in _KEYS.items()}
            if found["x"] is None:
                listed = ", ".join(sorted(held)) or "nothing"
                raise FalllineError(
                    f"{path} has no array X (it holds {listed}): save the features as X, the target as y"
                )
            parts = {key: _array(path, archive, name) for key, name in found.items() if name is not None}
            names = _array(path, archive, held["feature_names"]) if "feature_names" in held else None
    except FalllineError:
        raise
    except _BROKEN:
        raise FalllineError(f"{path} is damaged or not a NumPy archive: save it again with numpy.savez") from None
    return _together(path, parts, names)


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(name)
    key = name.removesuffix(".npy")
    damaged = FalllineError(f"the array {key!r} in {path} is damaged: save it again with numpy.savez")
    if info.file_size > _DEFLATE_RATIO * info.compress_size + 1024:
        raise damaged
    with archive.open(info) as file:
        shape, dtype = _header(file, damaged)
        if dtype.hasobject or dtype.names is not None:
            raise FalllineError(
                f"the array {key!r} in {path} holds Python objects: save numbers or fixed-width text (astype(str))"
            )
        if dtype.kind not in "biufU":
            raise FalllineError(
                f"the array {key!r} in {path} holds {dtype}: save numbers or fixed-width text (astype(str))"
            )
        if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
            raise damaged
        file.seek(0)
        try:
            array = np.lib.format.read_array(file, allow_pickle=False)
            if dtype.kind == "U":
                array.tolist()  # raises for a code point beyond Unicode
            return array
        except (ValueError, MemoryError):
            raise damaged from None


def _header(file: IO[bytes], damaged: FalllineError) -> tuple[tuple[int, ...], np.dtype]:
    """The shape and dtype that an array's header declares.

    NumPy parses the header as a Python literal; any error or warning in doing so means that the file is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
    except Exception:
        raise damaged from None
    if any(isinstance(each, bool) or each < 0 or each >= 2**62 for each in shape) or dtype.itemsize == 0:
        raise damaged
    return shape, dtype


def _together(path: Path, parts: dict[str, np.ndarray], names: np.ndarray | None) -> RawArrays:
    x, y = parts["x"], parts.get("y")
    x_test, y_test = parts.get("x_test"), parts.get("y_test")
    if x_test is not None and y is not None and y_test is None:
        raise FalllineError(f"{path} has X_test but no y_test: add it, or leave X_test out")
    for name, array in (("X", x), ("X_test", x_test)):
        if array is not None and array.ndim < 2:
            raise FalllineError(f"the array {name!r} in {path} has {array.ndim} dimensions: save (rows, features)")
    for name, array in (("y", y), ("y_test", y_test)):
        if array is not None and array.ndim not in (1, 2):
            raise FalllineError(f"the array {name!r} in {path} has {array.ndim} dimensions: save one entry per row")
    test = None if x_test is None else (_flat(x_test), y_test)
    return RawArrays(_flat(x), y, None if names is None else tuple(str(each) for each in names.ravel()), test)


def _flat(x: np.ndarray) -> np.ndarray:
    """Flattens the features of each row, such as the pixels of an image."""
    return x.reshape(len(x), -1) if x.ndim > 2 and len(x) else x
