"""A block: the encoded rows of one piece of one file, by part, as bytes in which damage shows."""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fallline.streams.encoding import Rows

_MAGIC = b"FLBLOCK1"
_LONGEST = 1 << 16  # bytes of a header
_TYPES = {"int32": np.int32, "float64": np.float64}


@dataclass(frozen=True, eq=False)
class Block:
    """The rows of one piece, those that train first, then those that validate, then those that test.

    Attributes:
        rows: all rows.
        counts: how many train, validate and test.
    """

    rows: Rows
    counts: tuple[int, int, int]

    @classmethod
    def of(cls, rows: Rows, parts: np.ndarray) -> Block:
        """Sorts rows by their part, in their own order within each."""
        counts = np.bincount(parts, minlength=3)
        return cls(rows.at(np.argsort(parts, kind="stable")), (int(counts[0]), int(counts[1]), int(counts[2])))

    def part(self, index: int) -> Rows:
        """The rows of one part: 0 for training, 1 for validation, 2 for testing."""
        start = sum(self.counts[:index])
        return self.rows.at(slice(start, start + self.counts[index]))


def write_block(path: Path, block: Block, key: str) -> int:
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
    beside = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            for each in (_MAGIC, len(text).to_bytes(4, "little"), text, *segments):
                file.write(each)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    return len(_MAGIC) + 4 + len(text) + sum(map(len, segments))


def read_part(path: Path, key: str, index: int) -> tuple[Rows, tuple[int, int, int]] | None:
    """The rows of one part of a block, and how many rows each part has; None if the file is missing, damaged or another's."""
    try:
        with path.open("rb", buffering=0) as file:
            start = file.read(len(_MAGIC) + 4)
            length = int.from_bytes(start[len(_MAGIC) :], "little")
            if start[: len(_MAGIC)] != _MAGIC or not 0 < length < _LONGEST:
                return None
            header = json.loads(file.read(length))
            counts, widths = tuple(header["counts"]), tuple(header["widths"])
            if header["key"] != key or header["y"] not in _TYPES or not _whole(counts) or not _whole(widths):
                return None
            dtype = np.dtype(_TYPES[header["y"]])
            each = 4 * widths[0] + widths[1] + dtype.itemsize * max(widths[2], 1)
            size = each * counts[index]
            if os.fstat(file.fileno()).st_size != len(start) + length + each * sum(counts):
                return None
            file.seek(len(start) + length + each * sum(counts[:index]))
            data = bytearray(size)
            held = memoryview(data)
            while held:
                got = file.readinto(held)
                if not got:
                    return None
                held = held[got:]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    if zlib.crc32(data) != header["checks"][index]:
        return None
    rows, first = counts[index], 4 * widths[0] * counts[index]
    numbers = np.frombuffer(data, np.float32, rows * widths[0]).reshape(rows, widths[0])
    y = np.frombuffer(data, dtype, rows * max(widths[2], 1), first)
    codes = np.frombuffer(data, np.uint8, rows * widths[1], first + y.nbytes).reshape(rows, widths[1])
    return Rows(numbers, codes, y.reshape(rows, widths[2]) if widths[2] else y), counts


def _whole(numbers: tuple[object, ...]) -> bool:
    return len(numbers) == 3 and all(type(each) is int and 0 <= each < 2**31 for each in numbers)


def _bytes_of(rows: Rows) -> bytes:
    """Numbers, targets and codes, in the order of their sizes, so that all are aligned when they are read."""
    return b"".join(np.ascontiguousarray(each).tobytes() for each in (rows.numbers, rows.y, rows.codes))
