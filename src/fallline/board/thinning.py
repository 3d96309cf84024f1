"""Reduces a curve to what a screen can show: the extremes of every column of pixels."""

from typing import Any

import numpy as np
from jaxtyping import Float

DIGITS = 6  # significant digits of a value that is sent


def thin(
    x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], buckets: int
) -> tuple[Float[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The lowest and the highest point of each of `buckets` stretches of equal width, and the first and the last point.

    A stretch without a finite value keeps one NaN, so that the gap is seen. Short curves are returned whole.

    >>> x = np.arange(1000.0)
    >>> y = np.where(x == 500, 9.0, 0.0)
    >>> short = thin(x, y, 10)
    >>> len(short[0]) <= 22, float(short[1].max()), short[0][[0, -1]].tolist()
    (True, 9.0, [0.0, 999.0])
    """
    y = np.where(np.isfinite(y), y, np.nan)
    if (np.diff(x) < 0).any():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    if len(x) <= 2 * buckets + 2:
        return x, y
    width = (x[-1] - x[0]) / buckets
    place = np.zeros(len(x), np.int64)
    if np.isfinite(width) and width > 0:
        place = np.minimum((x - x[0]) / width, buckets - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    counts = np.diff(starts, append=len(x))
    kept = [np.array([0, len(x) - 1])]
    for extreme in (np.fmin.reduceat(y, starts), np.fmax.reduceat(y, starts)):
        there = np.flatnonzero(y == np.repeat(extreme, counts))
        _, first = np.unique(np.searchsorted(starts, there, side="right"), return_index=True)
        kept.append(there[first])
        kept.append(starts[np.isnan(extreme)])
    chosen = np.unique(np.concatenate(kept))
    return x[chosen], y[chosen]


def numbers(values: Float[np.ndarray, " n"]) -> list[Any]:
    """Values with six significant digits, None for NaN; whole numbers without a fraction.

    >>> numbers(np.array([1.0, 0.123456789, np.nan, 1.5e12]))
    [1, 0.123457, None, 1500000000000]
    """
    values = np.asarray(values, np.float64)
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(np.abs(values)))
        size = np.where(np.isfinite(size), size, 0.0)
        power = DIGITS - 1 - size
        short = np.where(
            power >= 0, np.rint(values * 10.0**power) / 10.0**power, np.rint(values / 10.0**-power) * 10.0**-power
        )
    # Outside this range the powers of ten are not exact, or beyond all numbers.
    short = np.where((power > -22) & (power <= 22), short, values)
    short = np.where((np.rint(values) == values) & (np.abs(values) < 2.0**53), values, short)
    return [_plain(each) for each in short.tolist()]


def _plain(value: float) -> float | int | None:
    if value - value != 0:
        return None
    return int(value) if value == int(value) and abs(value) < 2**53 else value
