"""Reduces a curve to what a screen can show: the extremes of every column of pixels."""

import itertools
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
    if (x[1:] < x[:-1]).any():
        order = np.argsort(x, kind="stable")
        x, y = x[order], y[order]
    if len(x) > 2 * buckets + 2:
        # A stretch after the other: a long curve is never copied as a whole.
        edges = np.searchsorted(x, np.linspace(float(x[0]), float(x[-1]), buckets + 1)[1:-1])
        cuts = [0, *edges.tolist(), len(x)]
        kept = {0, len(x) - 1}
        for start, stop in itertools.pairwise(cuts):
            kept |= _extremes(y[start:stop], start)
        chosen = sorted(kept)
        x, y = x[chosen], y[chosen]
    return x, np.where(np.isfinite(y), y, np.nan)


def _extremes(y: Float[np.ndarray, " n"], start: int) -> set[int]:
    """The places of the lowest and of the highest value; of a stretch without any, the first place."""
    if not len(y):
        return set()
    finite = np.isfinite(y)
    if not finite.any():
        return {start}
    low, high = np.where(finite, y, np.inf).argmin(), np.where(finite, y, -np.inf).argmax()
    return {start + int(low), start + int(high)}


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
