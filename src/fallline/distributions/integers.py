"""Whole numbers, and numbers rounded to a step."""

from typing import Any, ClassVar

import numpy as np

from fallline.core import quantiles
from fallline.core.distribution import Distribution, Numbers
from fallline.core.errors import FalllineError
from fallline.core.field import number, part, required
from fallline.distributions.ranges import LogUniform, check_range

MOST = 10_000  # most values of a rounded distribution that are counted individually


class Integer(Distribution):
    """Every whole number from `low` to `high`, both included.

        quantile(u) = low + floor(u n),  n = high - low + 1

    For counts whose effect is proportional to their size: layers, pieces.

    >>> Integer(1, 4).quantile(np.array([0.0, 0.3, 1.0])).tolist()
    [1, 2, 4]
    """

    name: ClassVar[str] = "integer"
    low: int = required(number(integer=True, help="the smallest value"))
    high: int = required(number(integer=True, help="the largest value, included"))

    def __check_init__(self) -> None:
        check_range(self)

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    def quantile(self, u: Numbers) -> Any:
        return quantiles.integer(u, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        return np.clip((np.floor(x) - self.low + 1) / self.count, 0.0, 1.0)

    def position(self, x: Numbers) -> Any:
        return (np.asarray(x) - self.low + 0.5) / self.count


class LogInteger(Distribution):
    """Whole numbers from `low` to `high`, every order of magnitude equally likely.

        quantile(u) = round(z),  log z uniform between log(low - 1/2) and log(high + 1/2)

    For counts whose effect depends on ratios: units of a layer, epochs.

    >>> LogInteger(1, 1000).quantile(np.array([0.0, 0.5, 1.0])).tolist()
    [1, 22, 1000]
    """

    name: ClassVar[str] = "log_integer"
    low: int = required(number(valid="[1, inf)", integer=True, help="the smallest value, at least 1"))
    high: int = required(number(integer=True, help="the largest value, included"))

    def __check_init__(self) -> None:
        check_range(self, least=0.0)

    @property
    def count(self) -> int:
        return self.high - self.low + 1

    def _inner(self) -> LogUniform:
        return LogUniform(self.low - 0.5, self.high + 0.5)

    def quantile(self, u: Numbers) -> Any:
        return quantiles.log_integer(u, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        # The inner distribution clips to low - 1/2, so that no logarithm of 0 is taken.
        return self._inner().cdf(np.floor(x) + 0.5)

    def position(self, x: Numbers) -> Any:
        return (self._inner().cdf(np.asarray(x) - 0.5) + self._inner().cdf(np.asarray(x) + 0.5)) / 2


class Quantised(Distribution):
    """Another distribution, rounded to multiples of a step.

        quantile(u) = step round(z / step),  z of the other distribution

    For values in steps, such as layer widths that suit the hardware: `Quantised(LogUniform(32, 512), 32)`.

    >>> Quantised(LogUniform(32, 512), 32).quantile(np.array([0.0, 0.5, 0.9, 1.0])).tolist()
    [32, 128, 384, 512]
    """

    name: ClassVar[str] = "quantised"
    distribution: Distribution = required(part(family="distribution", help="what is rounded"))
    step: float = required(number(valid="(0, inf)", help="the distance between two values"))

    def __check_init__(self) -> None:
        inner = self.distribution
        if isinstance(self.step, Distribution) or inner.name in ("choice", "integer", "log_integer", "quantised"):
            raise FalllineError(
                f"Quantised({inner!r}, {self.step!r}) rounds what is no range of numbers: expected Uniform, LogUniform, "
                "Normal or LogNormal, and a number as the step"
            )

    @property
    def count(self) -> int | None:
        low, high = self.reached()
        values = round((high - low) / self.step) + 1
        return values if values <= MOST else None

    @property
    def bounded(self) -> bool:
        return self.distribution.bounded

    def quantile(self, u: Numbers) -> Any:
        return quantiles.multiple(self.distribution.quantile(u), self.step)

    def cdf(self, x: Numbers) -> Any:
        return self.distribution.cdf((np.floor(np.asarray(x) / self.step + 1e-9) + 0.5) * self.step)

    def position(self, x: Numbers) -> Any:
        k = np.rint(np.asarray(x) / self.step)
        below, above = ((k + half) * self.step for half in (-0.5, 0.5))
        return (self.distribution.cdf(below) + self.distribution.cdf(above)) / 2
