"""Reads idx files, the format of MNIST: numbers of one type after a header that gives their sizes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from fallline.core.budget import check_unpacked
from fallline.core.errors import FalllineError
from fallline.core.reading import check_regular

TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}  # by the code in the header's third byte
_MOST_DIMENSIONS = 32
_DEFLATE_RATIO = 1032  # deflate never expands a byte to more than this


def read_idx(path: Path) -> np.ndarray:
    """Reads one idx file, gzipped or not, into an array of its shape and type, in this machine's byte order.

    The file consists of two zero bytes, the code of the type, the number of dimensions, one big-endian 32-bit size per
    dimension, and the numbers, also big-endian.

    Raises:
        FalllineError: it is not an idx file, its length differs from the declared one, or it unpacks to more than is
            allowed.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels-idx1-short"
    ...     _ = path.write_bytes(bytes([0, 0, 11, 1, 0, 0, 0, 3]) + bytes([0, 7, 0, 2, 255, 255]))
    ...     read_idx(path).tolist()
    [7, 2, -1]
    """
    held = check_regular(path, str(path), "an idx file")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        room = held * (_DEFLATE_RATIO if zipped else 1)
        with gzip.open(path) if zipped else path.open("rb") as file:
            shape, dtype = _header(path, file.read(4), file)  # type: ignore[arg-type]
            size = math.prod(shape) * dtype.itemsize
            if size > room:
                raise FalllineError(f"{path} declares {size} bytes but is shorter: fetch the file again")
            check_unpacked(size, held, str(path))
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error):
        raise FalllineError(f"{path} is damaged or truncated: fetch the file again") from None
    if len(data) != size:
        length = "longer" if len(data) > size else f"{len(data)} bytes long"
        raise FalllineError(f"{path} declares {size} bytes but is {length}: fetch the file again")
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)


def _header(path: Path, magic: bytes, file: gzip.GzipFile) -> tuple[tuple[int, ...], np.dtype]:
    """The sizes and the type that the first bytes declare."""
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in TYPES or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise FalllineError(f"{path} is not an idx file: give MNIST's files, or files of their format, as published")
    sizes = file.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise FalllineError(f"{path} is damaged or truncated: fetch the file again")
    shape = tuple(int.from_bytes(sizes[start : start + 4], "big") for start in range(0, len(sizes), 4))
    return shape, np.dtype(TYPES[magic[2]])
