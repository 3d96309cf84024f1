"""Normal and log-normal distributions, truncated to bounds if given."""

from typing import Any, ClassVar

import numpy as np

from fallline.core import quantiles
from fallline.core.distribution import Distribution, Numbers
from fallline.core.errors import FalllineError
from fallline.core.field import number, required
from fallline.core.quantiles import FARTHEST


def _cdf(z: Numbers, low: float, high: float) -> Any:
    from scipy.special import ndtr  # here: it takes 0.2 s to import, and few spaces hold a normal

    low, high = max(low, -FARTHEST), min(high, FARTHEST)
    if low > 0:
        return 1.0 - _cdf(-z, -high, -low)
    return (ndtr(np.clip(z, low, high)) - ndtr(low)) / (ndtr(high) - ndtr(low))


class Normal(Distribution):
    """Numbers around a mean, cut off at six deviations or at the bounds given.

        quantile(u) = mean + deviation Phi^-1(Phi(l) + (Phi(h) - Phi(l)) u),  l, h the bounds in deviations

    For a hyperparameter with a known good value.

    >>> float(Normal(0.9, 0.05, high=0.99).quantile(0.0)), float(Normal(2.0, 3.0).quantile(0.5))
    (0.6, 2.0)
    """

    name: ClassVar[str] = "normal"
    mean: float = required(number(help="the middle"))
    deviation: float = required(number(valid="(0, inf)", help="the spread"))
    low: float | None = number(None, optional=True, help="the smallest value")
    high: float | None = number(None, optional=True, help="the largest value")

    def __check_init__(self) -> None:
        low, high = self._bounds()
        if not low < high or low >= FARTHEST or high <= -FARTHEST:
            raise FalllineError(
                f"{self!r} has no values: expected low < high, and one of them within {FARTHEST:g} deviations of the mean"
            )

    def _bounds(self) -> tuple[float, float]:
        return quantiles.bounds(self.mean, self.deviation, self.low, self.high)

    @property
    def bounded(self) -> bool:
        return False

    def quantile(self, u: Numbers) -> Any:
        return quantiles.normal(u, self.mean, self.deviation, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        return _cdf((np.asarray(x, np.float64) - self.mean) / self.deviation, *self._bounds())


class LogNormal(Distribution):
    """Numbers around a median, normal on a log scale.

        log x is normal with mean log(median) and the deviation given

    For a rate or a strength with a known good value: a deviation of 1 is a factor of e in either direction.

    >>> float(LogNormal(1e-3, 1.0).quantile(0.5))
    0.001
    """

    name: ClassVar[str] = "log_normal"
    median: float = required(number(valid="(0, inf)", help="the middle"))
    deviation: float = required(number(valid="(0, inf)", unit="of the natural logarithm", help="the spread"))
    low: float | None = number(None, valid="(0, inf)", optional=True, help="the smallest value")
    high: float | None = number(None, valid="(0, inf)", optional=True, help="the largest value")

    def __check_init__(self) -> None:
        self._inner()

    def _inner(self) -> Normal:
        ends = {
            name: np.log(each / self.median) for name in ("low", "high") if (each := getattr(self, name)) is not None
        }
        return Normal(0.0, self.deviation, **ends)

    @property
    def bounded(self) -> bool:
        return False

    def quantile(self, u: Numbers) -> Any:
        return quantiles.log_normal(u, self.median, self.deviation, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        with np.errstate(divide="ignore"):
            return self._inner().cdf(np.log(np.maximum(np.asarray(x, np.float64), 0.0) / self.median))
