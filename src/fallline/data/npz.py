"""How is a NumPy archive (.npz) read? Its arrays `X` and `y`, with sizes checked before anything is allocated."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.arrays import Arrays

_KEYS = {"x": ("x", "X"), "y": ("y", "Y"), "x_test": ("x_test", "X_test"), "y_test": ("y_test", "Y_test")}
_DEFLATE_RATIO = 1032  # deflate never expands a byte to more than this


def read_npz(path: Path) -> Arrays:
    """Reads `X` or `x`, and where there, `y`, `X_test`, `y_test` and `feature_names`.

    Object arrays are refused: they would need pickle, which runs code.

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
        with zipfile.ZipFile(path) as archive:
            held = {name.removesuffix(".npy"): name for name in archive.namelist()}
            found = {key: next((held[each] for each in keys if each in held), None) for key, keys in _KEYS.items()}
            if found["x"] is None:
                listed = ", ".join(sorted(held)) or "nothing"
                raise FalllineError(
                    f"{path} has no array X (it holds {listed}): save the features as X, the target as y"
                )
            parts = {key: _array(path, archive, name) for key, name in found.items() if name is not None}
            names = _array(path, archive, held["feature_names"]) if "feature_names" in held else None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
        raise FalllineError(f"{path} is damaged or no NumPy archive: save it again with numpy.savez") from None
    return _together(path, parts, names)


def _array(path: Path, archive: zipfile.ZipFile, name: str) -> np.ndarray:
    info = archive.getinfo(name)
    key = name.removesuffix(".npy")
    damaged = FalllineError(f"the array {key!r} in {path} is damaged: save it again with numpy.savez")
    if info.file_size > _DEFLATE_RATIO * info.compress_size + 1024:
        raise damaged
    try:
        with archive.open(info) as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, _, dtype = read(file)
            if dtype.hasobject or dtype.names:
                raise FalllineError(
                    f"the array {key!r} in {path} holds Python objects: save numbers or fixed-width text (astype(str))"
                )
            if file.tell() + math.prod(shape) * dtype.itemsize != info.file_size:
                raise damaged
            file.seek(0)
            return np.lib.format.read_array(file, allow_pickle=False)
    except (ValueError, MemoryError) as problem:
        if isinstance(problem, FalllineError):
            raise
        raise damaged from None


def _together(path: Path, parts: dict[str, np.ndarray], names: np.ndarray | None) -> Arrays:
    x, y = parts["x"], parts.get("y")
    x_test, y_test = parts.get("x_test"), parts.get("y_test")
    if x_test is not None and y is not None and y_test is None:
        raise FalllineError(f"{path} has X_test but no y_test: add it, or leave X_test out")
    test = None if x_test is None else (_flat(x_test), y_test)
    return Arrays(_flat(x), y, None if names is None else tuple(str(each) for each in names.ravel()), test)


def _flat(x: np.ndarray) -> np.ndarray:
    """Images and the like become rows of numbers."""
    return x.reshape(len(x), -1) if x.ndim > 2 and len(x) else x
