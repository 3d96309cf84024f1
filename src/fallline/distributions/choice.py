"""One of several: values, or whole blocks with distributions of their own."""

from typing import Any, ClassVar

import numpy as np

from fallline.core import quantiles
from fallline.core.block import Block
from fallline.core.distribution import Distribution, Numbers
from fallline.core.errors import FalllineError
from fallline.core.field import options, required


class Choice(Distribution):
    """One of several values or blocks, equally likely and unordered.

        quantile(u) = options[floor(u n)]

    A distribution within a block is searched only where the block is chosen: `Choice((Adam(LogUniform(1e-4, 1e-2)),
    SGD(LogUniform(1e-3, 1.0))))` has two learning rates. An option may be a distribution, or another choice.

    >>> Choice((16, 32, 64)).quantile(0.5)
    32
    """

    name: ClassVar[str] = "choice"
    options: tuple[Any, ...] = required(options(help="what to choose from"))

    def __check_init__(self) -> None:
        if not isinstance(self.options, tuple) or not self.options:
            raise FalllineError(f"Choice({self.options!r}) has nothing to choose from: expected a tuple of options")
        if not all(
            isinstance(each, Block | tuple | str | bool | int | float | np.number | None) for each in self.options
        ):
            raise FalllineError(f"Choice({self.options!r}): an option is a number, a word, None, a tuple or a block")

    @property
    def count(self) -> int:
        return len(self.options)

    def index(self, u: Numbers) -> Any:
        """The index of the option at a position in [0, 1]."""
        return quantiles.index(u, self.count)

    def quantile(self, u: Numbers) -> Any:
        index = self.index(u)
        if index.ndim == 0:
            return self.options[int(index)]
        found = np.empty(index.shape, object)
        for where, each in np.ndenumerate(index):
            found[where] = self.options[int(each)]
        return found

    def cdf(self, x: object) -> Any:
        return (self._number(x) + 1) / self.count

    def position(self, x: object) -> Any:
        return (self._number(x) + 0.5) / self.count

    def _number(self, x: object) -> int:
        for index, each in enumerate(self.options):
            if alike(each, x):
                return index
        raise FalllineError(f"{x!r} is none of the options of {self!r}")

    def reached(self) -> tuple[float, ...]:
        return ()

    def alternatives(self) -> tuple[Any, ...]:
        return self.options


def alike(one: object, other: object) -> bool:
    """Whether two values are the same. 1 and True differ; a list equals a tuple, since files only have lists."""
    one, other = (tuple(each) if isinstance(each, list) else each for each in (one, other))
    if isinstance(one, bool) != isinstance(other, bool) or isinstance(one, Block) != isinstance(other, Block):
        return False
    return bool(one == other)
