"""The unit in which float32 can hold a column: a shift and a power of two, learnt in float64 from the training rows."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

SAMPLE = 10_000  # rows from which a column's centre and spread are estimated
_OFFSET = 1e4  # if the centre is more spreads than this from 0, float32 has fewer than four digits for differences
_COMFORT = (2.0**-30, 2.0**30)  # spreads whose squares float32 holds, far from every epsilon of a scaler or a metric
HIGHEST = 2.0**50  # the largest number whose squares can be summed over ten million rows
_BEYOND = 2.0**24  # at this many spreads from the centre, a value swamps all others in a float32 sum
_KEPT = 2.0**7  # the distance, in spreads, to which such a value is clipped
_BULK = 0.98  # share of the differences that lie within the spread


class Unit(NamedTuple):
    """How float64 numbers become the numbers of a run: z = (x - shift) factor, clipped to [-limit, limit].

    Attributes:
        shift: number subtracted in float64; 0 unless float32 would lose the differences.
        factor: power of two multiplied after the shift; 1 unless squares would leave float32's range.
        limit: the largest size of z; infinite unless single values are so far off that they would swamp all others.

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
        """Converts float64 numbers to this unit, in float64. NaN stays NaN."""
        with np.errstate(over="ignore", under="ignore"):
            z = x * self.factor - self.shift * self.factor  # rounds once: the factor is a power of two
        return z if self.limit == math.inf else np.clip(z, -self.limit, self.limit)

    def restore(self, z: np.ndarray) -> np.ndarray:
        """Converts numbers back to the column's own unit, in float64."""
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
    """The unit in which float32 can hold these numbers and their squares; nearly always their own.

    The numbers are shifted to the median if it is more than 10^4 spreads from 0. They are multiplied by a power of two
    if the spread is outside [2^-30, 2^30], about 10^-9 to 10^9, so that the column looks the same to a run in any unit.
    They are clipped to 2^7 spreads if a value lies more than 2^24 spreads away. The spread is the smallest distance from
    the median that holds 98 % of the values different from it, so that a few extreme values do not determine it;
    distances within float64's rounding count as 0.

    Args:
        cells: float64 numbers of training rows; NaN and infinity are left out.
        ends: the smallest and the largest number, if `cells` is a sample; by default those of `cells`.
        rounding: share of the median up to which a distance from it counts as rounding; by default float64's.
        cut: whether there may be a limit; a target has none.
        highest: the largest number that is left as it is.

    >>> unit_of(np.array([1.0, 2.0, 3.0]))
    Unit(shift=0.0, factor=1.0, limit=inf)
    >>> unit_of(np.array([1e9, 1e9 + 1, 1e9 + 2]))
    Unit(shift=1000000001.0, factor=1.0, limit=inf)
    >>> unit_of(np.array([1.6e-19, 3.2e-19, 4.8e-19])).factor == 2.0**62
    True
    """
    finite = np.isfinite(cells)
    if not finite.all():
        cells = cells[finite]
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
    if not away.size:  # values that differ are too rare to be in the sample
        return centre, far, far, far
    spread = float(np.quantile(away, _BULK, method="lower"))
    deviation = min(float(np.median(away)), float(sample.std()))
    return centre, spread, deviation, far
