"""In which unit can float32 hold a column? A shift and a power of two, learnt in float64 from the training rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

SAMPLE = 10_000  # rows that tell a column's centre and spread
_OFFSET = 1e4  # a centre of more spreads than this leaves float32 fewer than four digits of the differences
_COMFORT = (2.0**-30, 2.0**30)  # spreads whose squares float32 holds, far from every epsilon of a scaler or a metric
HIGHEST = 2.0**50  # the largest number whose squares can be summed over ten million rows
_BEYOND = 2.0**24  # so many spreads from the centre, a value takes the digits of all others from a float32 sum
_KEPT = 2.0**7  # spreads that are left of such a value
_BULK = 0.98  # share of the differences that make the spread


class Unit(NamedTuple):
    """How float64 numbers become the numbers of a run: z = (x - shift) factor, cut to [-limit, limit].

    Attributes:
        shift: subtracted in float64; 0 unless float32 would lose the differences.
        factor: multiplied after that, a power of two; 1 unless squares would leave float32's range.
        limit: the largest size of z; infinite unless single values are so far off that no other would count beside them.

    >>> Unit(1e9, 0.5).apply(np.array([1e9 + 4.0])).tolist(), Unit(1e9, 0.5).restore(np.array([2.0])).tolist()
    ([2.0], [1000000004.0])
    """

    shift: float = 0.0
    factor: float = 1.0
    limit: float = math.inf

    @property
    def own(self) -> bool:
        """Whether the numbers stay as they are."""
        return self.shift == 0.0 and self.factor == 1.0 and self.limit == math.inf

    def apply(self, x: np.ndarray) -> np.ndarray:
        """Float64 numbers in this unit, in float64. NaN stays."""
        with np.errstate(over="ignore", under="ignore"):
            z = x * self.factor - self.shift * self.factor  # rounds once: the factor is a power of two
        return z if self.limit == math.inf else np.clip(z, -self.limit, self.limit)

    def restore(self, z: np.ndarray) -> np.ndarray:
        """The numbers in the column's own unit, in float64."""
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(z, np.float64) / self.factor + self.shift


def unit_of(
    cells: np.ndarray,
    *,
    ends: tuple[float, float] | None = None,
    rounding: float = 0.0,
    cut: bool = True,
    highest: float = HIGHEST,
) -> Unit:
    """The unit in which float32 can hold these numbers and square them; their own nearly always.

    A shift to the median where it is more than 10^4 spreads from 0. A power of two where the spread is outside of
    [2^-30, 2^30], about 10^-9 to 10^9: in any unit the column then looks the same to a run. A limit of 2^7 spreads
    where a value lies more than 2^24 spreads away. The spread is the smallest distance from the median that holds 98 %
    of the values unlike it, so a few wild values do not make it; distances within float64's rounding are none.

    Args:
        cells: float64 numbers, of training rows; NaN and infinity are left out.
        ends: the smallest and the largest number, where `cells` is a sample; by default those of `cells`.
        rounding: distances from the median up to this share of it are rounding; by default float64's.
        cut: whether there may be a limit; a target has none.
        highest: the largest number that is left as it is.

    >>> unit_of(np.array([1.0, 2.0, 3.0]))
    Unit(shift=0.0, factor=1.0, limit=inf)
    >>> unit_of(np.array([1e9, 1e9 + 1, 1e9 + 2]))
    Unit(shift=1000000001.0, factor=1.0, limit=inf)
    >>> unit_of(np.array([1.6e-19, 3.2e-19, 4.8e-19])).factor == 2.0**62
    True
    """
    cells = cells[np.isfinite(cells)]
    if not cells.size:
        return Unit()
    low, high = (float(cells.min()), float(cells.max())) if ends is None else ends
    top = max(abs(low), abs(high))
    if top == 0.0:
        return Unit()
    near_one = 2.0 ** -max(-1000, min(1000, math.frexp(top)[1]))  # so that nothing here overflows
    shift, spread, deviation, far = _measure(cells, (low, high), near_one, max(rounding, 2 * np.finfo(np.float64).eps))
    if spread == 0.0:  # constant
        return Unit(factor=1.0 if top <= highest else near_one)
    limited = cut and far > _BEYOND * spread
    moved = limited or abs(shift) > _OFFSET * deviation
    reach = far if moved else 1.0
    factor = near_one / 2.0 ** round(math.log2(spread))
    if _COMFORT[0] <= spread / near_one <= _COMFORT[1] and (limited or reach / near_one <= highest):
        factor = 1.0
    elif not limited and reach / near_one * factor > highest:
        factor = near_one * highest / 2.0
    factor = min(max(factor, 2.0**-1000), 2.0**1000)
    limit = _KEPT * spread / near_one * factor if limited else math.inf
    return Unit(shift / near_one if moved else 0.0, factor, limit)


def _measure(
    cells: np.ndarray, ends: tuple[float, float], factor: float, rounding: float
) -> tuple[float, float, float, float]:
    """(median, spread, smallest usual distance, largest distance), all times `factor`; a spread of 0 for a constant."""
    sample = cells[:: max(1, cells.size // SAMPLE)] * factor
    centre = float(np.median(sample))
    far = max(ends[1] * factor - centre, centre - ends[0] * factor)
    if far <= rounding * abs(centre):
        return centre, 0.0, 0.0, 0.0
    away = np.abs(sample - centre)
    away = away[away > rounding * abs(centre)]
    if not away.size:  # what differs is too rare for the sample
        return centre, far, far, far
    spread = float(np.quantile(away, _BULK, method="lower"))
    deviation = min(float(np.median(away)), float(sample.std()))
    return centre, spread, deviation, far
