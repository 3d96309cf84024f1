"""Count, mean, variance and extremes of every feature in float64, merged block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float

_ROWS = 4096  # rows whose moments are computed together


@dataclass(frozen=True, eq=False)
class ColumnMoments:
    """Moments of columns, of their present values.

        d = m_b - m_a,  m = m_a + d n_b / n,  S = S_a + S_b + d^2 n_a n_b / n

    Attributes:
        count: present values n of each column.
        mean: their means m.
        squares: the sums S of their squared distances from the mean.
        low: their smallest values; infinite without any.
        high: their largest values; minus infinity without any.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.

    >>> whole = ColumnMoments.of(np.float32([[1.0], [3.0], [8.0], [np.nan]]))
    >>> parts = ColumnMoments.of(np.float32([[1.0], [np.nan]])).merged(ColumnMoments.of(np.float32([[3.0], [8.0]])))
    >>> whole.mean.tolist(), parts.mean.tolist(), whole.squares.tolist(), parts.squares.tolist()
    ([4.0], [4.0], [26.0], [26.0])
    """

    count: Float[np.ndarray, " columns"]
    mean: Float[np.ndarray, " columns"]
    squares: Float[np.ndarray, " columns"]
    low: Float[np.ndarray, " columns"]
    high: Float[np.ndarray, " columns"]

    @classmethod
    def none(cls, columns: int) -> ColumnMoments:
        """The moments of no rows."""
        zero = np.zeros(columns)
        return cls(zero, zero, zero, np.full(columns, np.inf), np.full(columns, -np.inf))

    @classmethod
    def of(cls, x: np.ndarray) -> ColumnMoments:
        """The moments of the columns of `x` (rows, columns)."""
        if not len(x):
            return cls.none(x.shape[1])
        found = cls.none(x.shape[1])
        for start in range(0, len(x), _ROWS):  # so that the parts stay in the processor's cache
            found = found.merged(cls._of_part(x[start : start + _ROWS].astype(np.float64)))
        return found

    @classmethod
    def _of_part(cls, x: Float[np.ndarray, "rows columns"]) -> ColumnMoments:
        absent = np.isnan(x)
        some = absent.any()
        count = len(x) - absent.sum(axis=0, dtype=np.float64)
        mean = (np.where(absent, 0.0, x) if some else x).sum(axis=0) / np.maximum(count, 1.0)
        away = np.where(absent, 0.0, x - mean) if some else x - mean
        low = (np.where(absent, np.inf, x) if some else x).min(axis=0)
        high = (np.where(absent, -np.inf, x) if some else x).max(axis=0)
        return cls(count, mean, (away**2).sum(axis=0), low, high)

    def merged(self, other: ColumnMoments) -> ColumnMoments:
        """The moments of both sets of rows."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1.0)
        apart = other.mean - self.mean
        return ColumnMoments(
            count,
            np.where(count == other.count, other.mean, self.mean + apart * share),
            self.squares + other.squares + apart**2 * self.count * share,
            np.minimum(self.low, other.low),
            np.maximum(self.high, other.high),
        )

    @property
    def sd(self) -> Float[np.ndarray, " columns"]:
        """The standard deviations of the population; 0 for a column without values."""
        found: np.ndarray = np.sqrt(self.squares / np.maximum(self.count, 1.0))
        return found
