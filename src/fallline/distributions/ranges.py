"""Uniform distributions over a range, on a linear or a log scale."""

from typing import Any, ClassVar

import numpy as np

from fallline.core import quantiles
from fallline.core.distribution import Distribution, Numbers
from fallline.core.errors import FalllineError
from fallline.core.field import number, required


def check_range(block: Any, least: float = -np.inf) -> None:
    """Raises: FalllineError for ends that are not numbers, are in the wrong order, or are not above `least`."""
    low, high, owner = block.low, block.high, type(block).__name__
    if isinstance(low, Distribution) or isinstance(high, Distribution) or not least < low < high < np.inf:
        rule = "low < high" if least == -np.inf else f"{least:g} < low < high"
        raise FalllineError(f"{owner}({low!r}, {high!r}) is not a range: expected {rule}, both finite")


class Uniform(Distribution):
    """All numbers between two bounds, equally likely.

        quantile(u) = low + (high - low) u

    For hyperparameters whose effect is proportional to their size: a dropout rate, a momentum.

    >>> Uniform(2.0, 6.0).quantile(0.25)
    3.0
    """

    name: ClassVar[str] = "uniform"
    low: float = required(number(help="the smallest value"))
    high: float = required(number(help="the largest value"))

    def __check_init__(self) -> None:
        check_range(self)

    def quantile(self, u: Numbers) -> Any:
        return quantiles.uniform(u, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        return np.clip((x - self.low) / (self.high - self.low), 0.0, 1.0)


class LogUniform(Distribution):
    """All numbers between two bounds, every order of magnitude equally likely.

        quantile(u) = low (high / low)^u

    For hyperparameters whose effect depends on ratios: a learning rate, the strength of a penalty.

    >>> round(float(LogUniform(1e-4, 1.0).quantile(0.75)), 12)
    0.1
    """

    name: ClassVar[str] = "log_uniform"
    low: float = required(number(help="the smallest value, above 0"))
    high: float = required(number(help="the largest value"))

    def __check_init__(self) -> None:
        check_range(self, least=0.0)

    def quantile(self, u: Numbers) -> Any:
        return quantiles.log_uniform(u, self.low, self.high)

    def cdf(self, x: Numbers) -> Any:
        x = np.clip(x, self.low, self.high)
        return np.log(x / self.low) / np.log(self.high / self.low)
