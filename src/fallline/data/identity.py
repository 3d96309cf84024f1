"""Which rows has a model seen? A number of 64 bits per row, of what the network is given and what it is to answer."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Float, UInt64

from fallline.data.arrays import blocks
from fallline.data.dataset import Dataset

MOST = 1 << 16  # numbers kept of a split: of more rows, those with the smallest ones, an even sample
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclasses.dataclass(frozen=True, eq=False)
class SeenRows:
    """The rows that trained a model and those that chose its epoch.

    Arguments:
        train: sorted numbers of training rows; of many, those below a bound.
        valid: the same of validation rows.
        chance: share of the rows held out at training that equal a training row by chance.
    """

    train: UInt64[np.ndarray, " n"]
    valid: UInt64[np.ndarray, " m"]
    chance: float

    @classmethod
    def of(cls, data: Dataset) -> SeenRows:
        """Of a data set with its split."""
        split = {name: numbers_of(data.x[rows], data.y[rows]) for name, rows in _splits(data).items()}
        train = np.unique(split["train"])
        held = np.concatenate([split["valid"], split["test"]])
        chance = float(np.isin(held, train).mean()) if len(held) else 0.0
        return cls(train[:MOST], np.unique(split["valid"])[:MOST], chance)

    def among(self, x: Float[np.ndarray, "rows features"], y: np.ndarray) -> Overlap:
        """How many rows are among those seen; of a model that has seen very many, estimated from an even sample."""
        numbers = numbers_of(x, y)
        trained = np.isin(numbers, self.train)
        chose = np.isin(numbers, self.valid) & ~trained
        return Overlap(
            len(numbers), _count(numbers, trained, self.train), _count(numbers, chose, self.valid), self.chance
        )


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Of so many rows, how many trained the model and how many chose its epoch, and by chance as many as `chance` says.

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
        """Rows that may equal training rows by chance, where tables repeat themselves."""
        expected = self.rows * self.chance
        return expected + 3.0 * float(np.sqrt(expected * (1.0 - self.chance)))

    @property
    def fresh(self) -> bool:
        """Whether no more rows are known than chance explains."""
        return self.trained <= self.by_chance and self.chose <= self.by_chance

    @property
    def label(self) -> str:
        """What a table of metrics may call these rows."""
        if self.fresh:
            return "test"
        return "training rows" if self.trained == self.rows else "these rows"

    @property
    def sentence(self) -> str:
        """What the model knows of the rows; empty where it knows none."""
        if not self.trained and not self.chose:
            return ""
        if self.fresh:
            return f"{self.trained} of {self.rows:,} rows equal training rows, as many as chance explains"
        chose = f" and {self.chose:,} chose its epoch" if self.chose else ""
        trained = f"{self.trained:,} of {self.rows:,} rows trained this model" if self.trained else ""
        known = f"{trained}{chose}" if trained else f"{self.chose:,} of {self.rows:,} rows chose this model's epoch"
        return f"{known}: these are no test scores"


def numbers_of(x: Float[np.ndarray, "rows features"], y: np.ndarray) -> UInt64[np.ndarray, " rows"]:
    """A number per row: of equal rows equal, of others almost surely not.

        h = mix(sum_j r_j w_j mod 2^64),  w the row's words of 32 bits, r_j odd and fixed

    Source: multiply-add hashing, Dietzfelbinger, 1996; the mixing is that of Steele, Lea, Flood, "Fast splittable
    pseudorandom number generators", 2014.

    >>> a = np.float32([[0.0, 1.0], [-0.0, 1.0], [1.0, 0.0]])
    >>> h = numbers_of(a, np.int32([0, 0, 0]))
    >>> bool(h[0] == h[1]), bool(h[0] == h[2])
    (True, False)
    """
    columns = np.asarray(y).reshape(len(y), -1)
    width = x.shape[1] + columns.shape[1]
    factors = _mixed((np.arange(1, width + 1, dtype=np.uint64)) * _GOLDEN) | np.uint64(1)
    found = np.zeros(len(x), np.uint64)
    for rows in blocks(x) if len(x) else []:
        for values, r in ((x[rows], factors[: x.shape[1]]), (columns[rows], factors[x.shape[1] :])):
            words = (values.astype(np.float32) + np.float32(0.0)).view(np.uint32)  # -0 and 0 are one number
            found[rows] += (words.astype(np.uint64) * r).sum(axis=1, dtype=np.uint64)
    return _mixed(found)


def _mixed(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _splits(data: Dataset) -> dict[str, np.ndarray]:
    return {"train": data.train, "valid": data.valid, "test": data.test}


def _count(numbers: np.ndarray, known: np.ndarray, seen: np.ndarray) -> int:
    """How many rows are known, where `seen` may hold the smallest numbers only."""
    if len(seen) < MOST:
        return int(known.sum())
    sample = numbers <= seen[-1]
    return round(float(known[sample].mean()) * len(numbers)) if sample.any() else 0
