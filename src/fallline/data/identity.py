"""Remembers which rows a model has seen, by a 64-bit hash of each row's features and target."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from fallline.data.arrays import blocks
from fallline.data.dataset import Dataset

if TYPE_CHECKING:
    from jaxtyping import Float, UInt64

MOST = 1 << 16  # hashes kept per split; of more rows, the smallest hashes are kept, which is an even sample
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclasses.dataclass(frozen=True, eq=False)
class SeenRows:
    """Hashes of the rows that trained a model and of those that chose its epoch.

    Arguments:
        train: sorted hashes of the training rows; of very many rows, only the smallest.
        valid: the same for the validation rows.
        chance: share of the rows held out at training that equal a training row by chance.
    """

    train: UInt64[np.ndarray, " n"]
    valid: UInt64[np.ndarray, " m"]
    chance: float

    @classmethod
    def of(cls, data: Dataset) -> SeenRows:
        """The rows of a data set with its split."""
        split = {name: numbers_of(data.x[rows], data.y[rows]) for name, rows in _splits(data).items()}
        train = np.unique(split["train"])
        held = np.concatenate([split["valid"], split["test"]])
        chance = float(np.isin(held, train).mean()) if len(held) else 0.0
        return cls(train[:MOST], np.unique(split["valid"])[:MOST], chance)

    def among(self, x: Float[np.ndarray, "rows features"], y: np.ndarray) -> Overlap:
        """Counts the rows that the model has seen; estimated from an even sample if it has seen very many."""
        numbers = numbers_of(x, y)
        trained = np.isin(numbers, self.train)
        chose = np.isin(numbers, self.valid) & ~trained
        return Overlap(
            len(numbers), _count(numbers, trained, self.train), _count(numbers, chose, self.valid), self.chance
        )


@dataclasses.dataclass(frozen=True)
class Overlap:
    """How many of `rows` trained the model and how many chose its epoch; `chance` is the share expected by chance.

    >>> Overlap(400, 312, 20, 0.0).sentence
    '312 of 400 rows trained this model and 20 chose its epoch: these are no test scores'
    >>> Overlap(400, 3, 0, 0.01).label
    'test'
    """

    rows: int
    trained: int
    chose: int
    chance: float

    @property
    def by_chance(self) -> float:
        """The number of rows that may equal training rows by chance, in tables with repeated rows."""
        expected = self.rows * self.chance
        return expected + 3.0 * float(np.sqrt(expected * (1.0 - self.chance)))

    @property
    def fresh(self) -> bool:
        """Whether no more rows have been seen than chance explains."""
        return self.trained <= self.by_chance and self.chose <= self.by_chance

    @property
    def label(self) -> str:
        """The name of these rows in a table of metrics."""
        if self.fresh:
            return "test"
        return "training rows" if self.trained == self.rows else "these rows"

    @property
    def sentence(self) -> str:
        """A sentence on how many rows the model has seen; empty if it has seen none."""
        if not self.trained and not self.chose:
            return ""
        if self.fresh:
            return f"{self.trained} of {self.rows:,} rows equal training rows, as many as chance explains"
        chose = f" and {self.chose:,} chose its epoch" if self.chose else ""
        trained = f"{self.trained:,} of {self.rows:,} rows trained this model" if self.trained else ""
        known = f"{trained}{chose}" if trained else f"{self.chose:,} of {self.rows:,} rows chose this model's epoch"
        return f"{known}: these are no test scores"


def numbers_of(x: Float[np.ndarray, "rows features"], y: np.ndarray) -> UInt64[np.ndarray, " rows"]:
    """A hash per row: equal for equal rows, almost surely different for others.

        h = mix(sum_j r_j w_j mod 2^64),  w the row's words of 32 bits, r_j odd and fixed

    Source: multiply-add hashing, Dietzfelbinger, 1996; the mixing is that of Steele, Lea, Flood, "Fast splittable
    pseudorandom number generators", 2014.

    >>> a = np.float32([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]])
    >>> h = numbers_of(a, np.int32([0, 0, 0]))
    >>> bool(h[0] == h[1]), bool(h[0] == h[2])
    (True, False)
    """
    columns = np.asarray(y)
    columns = columns[:, None] if columns.ndim == 1 else columns
    width = x.shape[1] + columns.shape[1]
    factors = mixed((np.arange(1, width + 1, dtype=np.uint64)) * _GOLDEN) | np.uint64(1)
    found = np.zeros(len(x), np.uint64)
    for rows in blocks(x) if len(x) else []:
        for values, r in ((x[rows], factors[: x.shape[1]]), (columns[rows], factors[x.shape[1] :])):
            words = (values.astype(np.float32) + np.float32(0.0)).view(np.uint32)  # -0 and 0 are one number
            found[rows] += (words.astype(np.uint64) * r).sum(axis=1, dtype=np.uint64)
    return mixed(found)


def mixed(z: np.ndarray) -> np.ndarray:
    """A bijection of 64-bit words in which every input bit flips about half of the output bits; see `numbers_of`."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: np.ndarray = z ^ (z >> np.uint64(31))
    return found


def _splits(data: Dataset) -> dict[str, np.ndarray]:
    return {"train": data.train, "valid": data.valid, "test": data.test}


def _count(numbers: np.ndarray, known: np.ndarray, seen: np.ndarray) -> int:
    """The number of known rows; an estimate if `seen` holds only the smallest hashes."""
    if len(seen) < MOST:
        return int(known.sum())
    sample = numbers <= seen[-1]
    return round(float(known[sample].mean()) * len(numbers)) if sample.any() else 0
