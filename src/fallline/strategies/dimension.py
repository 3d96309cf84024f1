"""One dimension of a search space, and the map between its values and [0, 1]."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.core.block import Block
from fallline.core.distribution import Distribution
from fallline.core.errors import FalllineError, nearest
from fallline.distributions import Choice, alike

INACTIVE = 0.5  # the coordinate of a dimension that is inactive at a point


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One distribution of a space.

    Arguments:
        space_path: the dotted path of the distribution in the space.
        path: the dotted path of its value in a recipe.
        name: the path, with the option in brackets where the dimension belongs to one: `optimizer[sgd].momentum`.
        distribution: the distribution itself.
        parent: the dimension and the option on which it depends, or None.
        default: the value of the first trial, or None for the median.
    """

    space_path: str
    path: str
    name: str
    distribution: Distribution
    parent: tuple[int, int] | None
    default: Any

    @property
    def categorical(self) -> bool:
        """Whether its values have no order."""
        return isinstance(self.distribution, Choice)


def option_words(options: Sequence[Any]) -> list[str]:
    """Names of options: a block has its own name, followed by a number if several blocks share it."""
    names = [(each.name or type(each).__name__) if isinstance(each, Block) else str(each) for each in options]
    return [name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names)]


def value_at(distribution: Distribution, u: float) -> Any:
    """A distribution's value at a position in [0, 1], as a Python number."""
    value = distribution.quantile(np.float64(u))
    return value.item() if isinstance(value, np.ndarray | np.generic) else value


def shown_value(dimension: Dimension, u: float) -> Any:
    """The value at a position in [0, 1] of a dimension; a block is given by its name."""
    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        option = distribution.options[int(distribution.index(u))]
        return option_words(distribution.options)[int(distribution.index(u))] if _named(option) else option
    return value_at(distribution, u)


def _named(option: object) -> bool:
    return isinstance(option, Block) or (isinstance(option, tuple) and any(map(_named, option)))


def position_of(dimension: Dimension, value: object) -> float:
    """The position of a dimension's value in [0, 1]; the inverse of `shown_value`.

    Raises: FalllineError for a value that is not an option of a choice.
    """
    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        words = option_words(distribution.options)
        for k, option in enumerate(distribution.options):
            if (words[k] == value) if _named(option) else alike(option, value):
                return (k + 0.5) / len(words)
        raise FalllineError(f"{dimension.name} = {value!r} is none of the options: {nearest(str(value), words)}")
    return float(distribution.position(value))


def default_place(dimension: Dimension) -> float:
    """The position of a dimension's default in [0, 1]; the first option, or the median, if it is not one of the values."""
    distribution, default = dimension.distribution, dimension.default
    if isinstance(distribution, Choice):
        fits = _fitting(dimension)
        return ((fits[0] if fits else 0) + 0.5) / len(distribution.options)
    return float(distribution.position(default)) if has_default(dimension) else INACTIVE


def has_default(dimension: Dimension) -> bool:
    """Whether a dimension's default is one of its values."""
    default = dimension.default
    if isinstance(dimension.distribution, Choice):
        return bool(_fitting(dimension))
    low, high = dimension.distribution.reached()
    return isinstance(default, int | float) and not isinstance(default, bool) and bool(low <= default <= high)


def _fitting(dimension: Dimension) -> list[int]:
    """Indices of a choice's options that equal its default."""
    options, default = dimension.distribution.options, dimension.default  # type: ignore[attr-defined]
    words = option_words(options)
    word = (default.name or type(default).__name__) if isinstance(default, Block) else None
    return [k for k, each in enumerate(options) if alike(each, default) or words[k] == word]
