"""Which rows train, validate and test: decided by a hash of each row's identity, so that it stays when files are added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.identity import mixed

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import UInt64

PARTS = ("train", "valid", "test")
ROW, FILE = "row", "file"
_GOLDEN = 0x9E3779B97F4A7C15
_ALL = 1 << 64


@dataclass(frozen=True)
class Splitting:
    """How the rows of a stream are split.

    Attributes:
        test: share of the rows for testing.
        valid: share of the rows for validation.
        seed: seed of the hash.
        by: "row" (the file's name and the row's number in it), "file" (the file's name), or a column whose equal values
            stay together.

    >>> splitting = Splitting(test=0.25, valid=0.25)
    >>> hashes = splitting.hashes("a.parquet", 0, 1000, None)
    >>> np.bincount(splitting.parts(hashes)).tolist()
    [517, 229, 254]
    >>> bool((splitting.hashes("a.parquet", 100, 3, None) == hashes[100:103]).all())
    True
    """

    test: float = 0.2
    valid: float = 0.1
    seed: int = 0
    by: str = ROW

    def __post_init__(self) -> None:
        """Raises: FalllineError for shares that leave nothing to train on."""
        for name, share in (("test", self.test), ("valid", self.valid)):
            if not 0 <= share < 1:
                raise FalllineError(
                    f"the share of {name} rows is {share}: give a number from 0 up to, but not including, 1"
                )
        if self.test + self.valid >= 1:
            raise FalllineError(
                f"test {self.test} and valid {self.valid} leave no rows to train on: let them add up to less than 1"
            )

    def hashes(self, file: str, start: int, rows: int, column: pl.Series | None) -> UInt64[np.ndarray, " rows"]:
        """The hash by which each of some rows is split: evenly spread over 64 bits.

        Args:
            file: name of the file.
            start: number of the first row in the file.
            rows: number of rows.
            column: the cells of the column `by`, if the rows are split by one.
        """
        if column is not None:
            return mixed(_of_cells(column) ^ _of_text(f"{self.seed}"))
        whole = _of_text(f"{self.seed}\0{file}")
        if self.by == FILE:
            return np.full(rows, mixed(np.array([whole]))[0])
        index = np.arange(start, start + rows, dtype=np.uint64)
        return mixed(whole + index * np.uint64(_GOLDEN))

    def parts(self, hashes: UInt64[np.ndarray, " rows"]) -> np.ndarray:
        """0 for training rows, 1 for validation and 2 for test rows, as uint8."""
        tested, held = int(self.test * _ALL), int((self.test + self.valid) * _ALL)
        found = np.zeros(len(hashes), np.uint8)
        if held:
            found[hashes < np.uint64(min(held, _ALL - 1))] = 1
        if tested:
            found[hashes < np.uint64(min(tested, _ALL - 1))] = 2
        return found


def order_of(file: str, start: int, rows: int) -> UInt64[np.ndarray, " rows"]:
    """A hash of each of some rows by which samples are drawn; it does not depend on the split."""
    index = np.arange(start, start + rows, dtype=np.uint64)
    return mixed(_of_text(f"sample\0{file}") + index * np.uint64(_GOLDEN))


def _of_text(text: str) -> np.uint64:
    return np.uint64(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little"))


def _of_cells(column: pl.Series) -> UInt64[np.ndarray, " rows"]:
    """A hash of each cell, equal in every file that writes the value alike; whole numbers are hashed without their text."""
    import polars as pl

    if column.dtype.is_integer() and not column.null_count():
        return mixed(column.cast(pl.Int64).to_numpy().astype(np.uint64))
    text = column.cast(pl.String).fill_null("\0")
    distinct = text.unique()
    known = {each: int(_of_text(each)) for each in distinct}
    found: np.ndarray = text.replace_strict(known, return_dtype=pl.UInt64).to_numpy()
    return found
