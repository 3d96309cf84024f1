"""The values of distributions at places in [0, 1], in float64, from the distributions' numbers alone.

The distributions are blocks, which need JAX. Who only shows the values of a study, such as the board, does not.
"""

from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

Numbers: TypeAlias = float | Float[np.ndarray, "*shape"]

FARTHEST = 6.0  # standard deviations from the mean beyond which no value is tried


def uniform(u: Numbers, low: float, high: float) -> Any:
    """low + (high - low) u."""
    # low + (high - low) u may miss `high` by a rounding error.
    return low * (1.0 - u) + high * u


def log_uniform(u: Numbers, low: float, high: float) -> Any:
    """low (high / low)^u."""
    # The power may miss `high` by a rounding error.
    return np.clip(low * (high / low) ** np.asarray(u, np.float64), low, high)


def index(u: Numbers, count: int) -> Any:
    """floor(u n), which of n equal cells of [0, 1] a place is in."""
    return np.minimum(np.floor(np.asarray(u, np.float64) * count), count - 1).astype(np.int64)


def integer(u: Numbers, low: int, high: int) -> Any:
    """low + floor(u n), with n = high - low + 1."""
    return low + index(u, high - low + 1)


def log_integer(u: Numbers, low: int, high: int) -> Any:
    """round(z), with log z uniform between log(low - 1/2) and log(high + 1/2)."""
    return np.clip(np.rint(log_uniform(u, low - 0.5, high + 0.5)), low, high).astype(np.int64)


def multiple(value: Numbers, step: float) -> Any:
    """step round(value / step)."""
    steps = np.rint(value / step)
    if float(step).is_integer():
        return np.asarray(steps).astype(np.int64) * int(step)
    # 3 * 0.1 is 0.30000000000000004; rounding to the precision of the step makes it 0.3.
    return np.round(steps * step, 15 - int(np.floor(np.log10(step))) - 4)


def normal(u: Numbers, mean: float, deviation: float, low: float | None, high: float | None) -> Any:
    """mean + deviation Phi^-1(Phi(l) + (Phi(h) - Phi(l)) u), with l and h the bounds in deviations."""
    x = mean + deviation * truncated(np.asarray(u, np.float64), *bounds(mean, deviation, low, high))
    return x if low is None and high is None else np.clip(x, low, high)


def log_normal(u: Numbers, median: float, deviation: float, low: float | None, high: float | None) -> Any:
    """exp(z) median, with z normal."""
    ends = (None if each is None else float(np.log(each / median)) for each in (low, high))
    x = median * np.exp(normal(u, 0.0, deviation, *ends))
    return x if low is None and high is None else np.clip(x, low, high)


def bounds(mean: float, deviation: float, low: float | None, high: float | None) -> tuple[float, float]:
    """Bounds in deviations from the mean; infinite where there is none."""
    below = -np.inf if low is None else (low - mean) / deviation
    above = np.inf if high is None else (high - mean) / deviation
    return below, above


def truncated(u: Numbers, low: float, high: float) -> Any:
    """The quantile of a standard normal between two bounds, computed in the lower tail for full precision."""
    from scipy.special import ndtr, ndtri  # here: it takes 0.2 s to import, and few spaces hold a normal

    low, high = max(low, -FARTHEST), min(high, FARTHEST)
    if low > 0:
        return -truncated(1.0 - u, -high, -low)
    return np.clip(ndtri(ndtr(low) * (1.0 - u) + ndtr(high) * u), low, high)
