"""Distributions: they replace a field's value, and a search chooses from them."""

from collections.abc import Iterator
from typing import Any, ClassVar, TypeAlias

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, Placeholder, declared_fields
from fallline.core.errors import FalllineError
from fallline.core.random import Seed, uniform

Numbers: TypeAlias = float | Float[np.ndarray, "*shape"]


class Distribution(Placeholder):
    """Values of a field and their probabilities; a recipe that holds one is a search space.

    `quantile` maps [0, 1] to values and `cdf` maps them back. If the values are countable, each has its own cell of [0, 1],
    and `position` is the middle of that cell. Everything is computed on the host in float64, since a search proposes few
    values.
    """

    family: ClassVar[str] = "distribution"

    def quantile(self, u: Numbers) -> Any:
        """The value below which a share u of the probability lies."""
        raise TypeError(f"{type(self).__name__} does not say its values: define quantile(self, u)")

    def cdf(self, x: Any) -> Any:
        """The probability of x and of all values below it."""
        raise TypeError(f"{type(self).__name__} does not say its probabilities: define cdf(self, x)")

    def position(self, x: Any) -> Any:
        """The position of a value in [0, 1]: `quantile(position(x)) = x`."""
        return self.cdf(x)

    @property
    def count(self) -> int | None:
        """Number of values; None if they are continuous or infinitely many."""
        return None

    @property
    def bounded(self) -> bool:
        """Whether the smallest and the largest value may themselves be tried."""
        return True

    def sample(self, key: Seed, shape: tuple[int, ...] = ()) -> Any:
        """Values drawn at random: `quantile` of uniform numbers."""
        return self.quantile(np.asarray(uniform(key, shape), np.float64))

    def reached(self) -> tuple[float, ...]:
        return tuple(float(each) for each in self.quantile(np.array([0.0, 1.0])))


def distributions(node: object, path: str = "") -> Iterator[tuple[str, Distribution]]:
    """Every distribution in a block, outermost first, with its dotted path.

    >>> from fallline.distributions import Uniform
    >>> from fallline.optimizers import Adam
    >>> [path for path, _ in distributions(Adam(beta1=Uniform(0.8, 0.99)))]
    ['beta1']
    """
    if isinstance(node, Distribution):
        yield path, node
    elif isinstance(node, Block | tuple):
        for name, part in parts(node):
            yield from distributions(part, f"{path}.{name}" if path else name)


def parts(node: object) -> Iterator[tuple[str, Any]]:
    """The fields of a block, or the entries of a tuple, by name."""
    if isinstance(node, tuple):
        yield from ((str(index), each) for index, each in enumerate(node))
    elif isinstance(node, Block):
        yield from ((name, getattr(node, name)) for name in declared_fields(type(node)))


def refuse_space(recipe: Block) -> None:
    """Raises: FalllineError naming the first distribution, for a recipe that is a search space."""
    for path, distribution in distributions(recipe):
        raise FalllineError(
            f"{type(recipe).__name__}.{path} = {distribution!r} is a distribution, which makes this a search space: "
            "search it with fallline.search, or put a value there"
        )
