"""A block: the encoded rows of one piece of one file, by part, as bytes in which damage shows."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import unfinished
from fallline.core.reading import parse_json
from fallline.core.shape import Entries, Listed, Text, Whole
from fallline.streams.encoding import EncodedRows

_MAGIC = b"FLBLOCK2"
_START = len(_MAGIC) + 8  # bytes before the header: its length and its checksum follow the magic
_LONGEST = 1 << 16  # bytes of a header
_COUNTS = Listed(Whole(0, 2**31 - 1), 3, 3)
_HEADER = Entries(
    {
        "key": Text(),
        "counts": _COUNTS,
        "widths": _COUNTS,
        "y": Text(("int32", "float64")),
        "checks": Listed(Whole(0, 2**32 - 1), 3, 3),
    }
)


@dataclass(frozen=True, eq=False)
class StreamBlock:
    """The rows of one piece, those that train first, then those that validate, then those that test.

    Attributes:
        rows: all rows.
        counts: how many train, validate and test.
    """

    rows: EncodedRows
    counts: tuple[int, int, int]

    @classmethod
    def of(cls, rows: EncodedRows, parts: np.ndarray) -> StreamBlock:
        """Sorts rows by their part, in their own order within each."""
        counts = np.bincount(parts, minlength=3)
        return cls(rows.at(np.argsort(parts, kind="stable")), (int(counts[0]), int(counts[1]), int(counts[2])))

    def part(self, index: int) -> EncodedRows:
        """The rows of one part: 0 for training, 1 for validation, 2 for testing."""
        start = sum(self.counts[:index])
        return self.rows.at(slice(start, start + self.counts[index]))


def write_block(path: Path, block: StreamBlock, key: str) -> int:
    """Writes a block; returns its size in bytes.

    The file is renamed into place, so that it is whole or absent while the machine runs. It is not flushed to the disk: a
    block that a power failure tears is noticed by its checksum and made again.

    Args:
        path: the file.
        block: the rows.
        key: says which rows these are and how they are encoded.

    Raises:
        OSError: the disk is full, or the folder refuses the file.
    """
    segments = [_bytes_of(block.part(index)) for index in range(3)]
    rows = block.rows
    header = {
        "key": key,
        "counts": list(block.counts),
        "widths": [rows.numbers.shape[1], rows.codes.shape[1], rows.y.shape[1] if rows.y.ndim == 2 else 0],
        "y": rows.y.dtype.name,
        "checks": [zlib.crc32(each) for each in segments],
    }
    text = json.dumps(header).encode()
    start = _MAGIC + len(text).to_bytes(4, "little") + zlib.crc32(text).to_bytes(4, "little")
    beside = unfinished(path)
    try:
        with beside.open("wb") as file:
            for each in (start, text, *segments):
                file.write(each)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return len(start) + len(text) + sum(map(len, segments))


def read_part(path: Path, key: str, index: int) -> tuple[EncodedRows, tuple[int, int, int]] | None:
    """The rows of one part of a block, and how many rows each part has; None if the file is missing, damaged or another's."""
    try:
        with path.open("rb", buffering=0) as file:
            header, begin = _header(file, str(path))
            counts, widths, dtype = header["counts"], header["widths"], np.dtype(header["y"])
            each = 4 * widths[0] + widths[1] + dtype.itemsize * max(widths[2], 1)
            if header["key"] != key or os.fstat(file.fileno()).st_size != begin + each * sum(counts):
                return None
            file.seek(begin + each * sum(counts[:index]))
            data = bytearray(each * counts[index])
            held = memoryview(data)
            while held:
                got = file.readinto(held)
                if not got:
                    return None
                held = held[got:]
    except (OSError, FalllineError):
        return None
    if zlib.crc32(data) != header["checks"][index]:
        return None
    rows, first = counts[index], 4 * widths[0] * counts[index]
    numbers = np.frombuffer(data, np.float32, rows * widths[0]).reshape(rows, widths[0])
    y = np.frombuffer(data, dtype, rows * max(widths[2], 1), first)
    codes = np.frombuffer(data, np.uint8, rows * widths[1], first + y.nbytes).reshape(rows, widths[1])
    return EncodedRows(numbers, codes, y.reshape(rows, widths[2]) if widths[2] else y), (
        counts[0],
        counts[1],
        counts[2],
    )


def _header(file: FileIO, name: str) -> tuple[dict[str, Any], int]:
    """The header of a block's file, and the byte at which the rows begin.

    Raises:
        FalllineError: it is not whole, or not the header of a block.
    """
    start = file.read(_START)
    length = int.from_bytes(start[len(_MAGIC) : len(_MAGIC) + 4], "little")
    text = file.read(min(length, _LONGEST))
    if start[: len(_MAGIC)] != _MAGIC or zlib.crc32(text).to_bytes(4, "little") != start[len(_MAGIC) + 4 :]:
        raise FalllineError(f"block {name!r} is damaged: it is encoded anew")
    header: dict[str, Any] = parse_json(
        text.decode("utf-8", "replace"), _HEADER, f"block {name!r}", "it is encoded anew"
    )
    return header, _START + length


def _bytes_of(rows: EncodedRows) -> bytes:
    """Numbers, targets and codes, in the order of their sizes, so that all are aligned when they are read."""
    return b"".join(np.ascontiguousarray(each).tobytes() for each in (rows.numbers, rows.y, rows.codes))
