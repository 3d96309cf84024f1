"""A recipe with distributions in it as a cube: one reversible map between typed values and points of [0, 1]^d."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.block import Block
from fallline.core.distribution import Distribution, parts
from fallline.core.errors import FalllineError, nearest
from fallline.distributions import Choice, alike

INACTIVE = 0.5  # the coordinate of a dimension that does not matter at a point


@dataclasses.dataclass(frozen=True)
class Dimension:
    """One distribution of a space.

    Arguments:
        place: the dotted path of the distribution in the space.
        path: the dotted path of its value in a recipe.
        name: the path, with the option in brackets where the dimension belongs to one: `optimizer[sgd].momentum`.
        distribution: what it is.
        parent: the dimension and the option on which it depends, or None.
        default: the value of the first trial, or None for the median.
    """

    place: str
    path: str
    name: str
    distribution: Distribution
    parent: tuple[int, int] | None
    default: Any

    @property
    def categorical(self) -> bool:
        """Whether its values have no order."""
        return isinstance(self.distribution, Choice)


class Space:
    """The dimensions of a recipe with distributions, and the map between its values and the unit cube.

    Arguments:
        recipe: any block with distributions in its fields.
        defaults: values of the first trial by dimension name; what is left out has its field's default where that is
            in its range, and else the median.

    Raises: FalllineError for a recipe without distributions, or where one leads to a value that its field refuses.

    >>> from fallline.distributions import LogUniform
    >>> from fallline.optimizers import SGD, Adam
    >>> from fallline.training.recipe import Recipe
    >>> space = Space(Recipe(optimizer=Choice((Adam(LogUniform(1e-4, 1e-2)), SGD(LogUniform(1e-3, 1.0))))))
    >>> space.names
    ('optimizer', 'optimizer[adam].learning_rate', 'optimizer[sgd].learning_rate')
    >>> space.fill(np.array([0.9, 0.5, 0.0])).optimizer.learning_rate
    0.001
    """

    def __init__(self, recipe: Any, defaults: Mapping[str, Any] | None = None) -> None:
        self.recipe = recipe
        found: list[Dimension] = []
        _find(recipe, "", "", "", None, None, found)
        if not found:
            raise FalllineError(
                f"{type(recipe).__name__} has no distribution in any field: put one where values are to be searched, "
                "such as replace(recipe, {'model.dropout': Uniform(0, 0.5)})"
            )
        for name, value in (defaults or {}).items():
            at = [i for i, each in enumerate(found) if each.name == name]
            if not at:
                raise FalllineError(f"dimension {name!r} is unknown: {nearest(name, [each.name for each in found])}")
            found[at[0]] = dataclasses.replace(found[at[0]], default=value)
        self.dimensions = tuple(found)
        self._index = {each.place: i for i, each in enumerate(found)}
        self._try_corners()

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def names(self) -> tuple[str, ...]:
        """One name per dimension."""
        return tuple(each.name for each in self.dimensions)

    @cached_property
    def counts(self) -> tuple[int | None, ...]:
        """How many values each dimension has; None for a continuum."""
        return tuple(each.distribution.count for each in self.dimensions)

    def fill(self, point: Float[np.ndarray, " d"]) -> Any:
        """The recipe at a point: every distribution replaced by its value there."""
        return self._fill(self.recipe, "", np.asarray(point, np.float64))

    def active(self, points: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n d"]:
        """Which dimensions matter at which points: those whose option is chosen."""
        found = np.ones(np.shape(points), bool)
        for i, each in enumerate(self.dimensions):
            if each.parent is not None:
                dimension, option = each.parent
                chosen = self.dimensions[dimension].distribution.index(points[:, dimension])  # type: ignore[attr-defined]
                found[:, i] = found[:, dimension] & (chosen == option)
        return found

    def snap(self, points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Equal points for equal recipes: the middle of the cell where values are countable, 1/2 where inactive."""
        points = np.array(points, np.float64, ndmin=2)
        for i, (each, count) in enumerate(zip(self.dimensions, self.counts, strict=True)):
            if each.categorical or each.distribution.name == "integer":
                points[:, i] = (np.minimum(np.floor(points[:, i] * count), count - 1) + 0.5) / count  # type: ignore[operator]
            elif count is not None:
                points[:, i] = each.distribution.place(each.distribution.quantile(points[:, i]))
        return np.where(self.active(points), points, INACTIVE)

    def values(self, point: Float[np.ndarray, " d"]) -> dict[str, Any]:
        """The active dimensions' values at a point, by name; a block by its word."""
        point = np.asarray(point, np.float64)
        active = self.active(point[None])[0]
        return {each.name: shown_value(each, point[i]) for i, each in enumerate(self.dimensions) if active[i]}

    def point(self, values: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
        """The point of given values; dimensions that are not among them stand at 1/2.

        Raises: FalllineError for a name that is no dimension, and for a choice that is no option.
        """
        unknown = next((name for name in values if name not in self.names), None)
        if unknown is not None:
            raise FalllineError(f"dimension {unknown!r} is unknown: {nearest(unknown, self.names)}")
        point = np.full(len(self), INACTIVE)
        for i, each in enumerate(self.dimensions):
            if each.name in values:
                point[i] = _placed(each, values[each.name])
        return point

    @cached_property
    def default(self) -> Float[np.ndarray, " d"]:
        """The point of the first trial."""
        point = np.full(len(self), INACTIVE)
        for i, each in enumerate(self.dimensions):
            if each.default is not None or each.categorical:
                point[i] = _default_place(each)
        return self.snap(point)[0]

    @cached_property
    def holds_default(self) -> bool:
        """Whether the point of the first trial is the default recipe: every default lies in its range."""
        active = self.active(self.default[None])[0]
        return all(_has_default(each) for each, on in zip(self.dimensions, active, strict=True) if on)

    def _fill(self, node: Any, place: str, point: np.ndarray) -> Any:
        if isinstance(node, Distribution):
            value = _value(node, point[self._index[place]])
            if not isinstance(node, Choice):
                return value
            option = int(node.index(point[self._index[place]]))
            return self._fill(value, f"{_joined(place, 'options')}.{option}", point)
        if isinstance(node, tuple):
            return tuple(self._fill(each, _joined(place, name), point) for name, each in parts(node))
        if not isinstance(node, Block):
            return node
        filled = {name: self._fill(each, _joined(place, name), point) for name, each in parts(node)}
        changes = {name: each for name, each in filled.items() if _changed(getattr(node, name), each)}
        return dataclasses.replace(node, **changes) if changes else node

    def _try_corners(self) -> None:
        """Fill in values of every dimension, so that a wrong one is named now and not in the middle of a search."""
        for i, each in enumerate(self.dimensions):
            options = len(each.distribution.alternatives())
            for u in (np.arange(options) + 0.5) / options if options else (0.0, 0.37, 1.0):
                point = self.default.copy()
                point[i], parent = u, each.parent
                while parent is not None:
                    dimension, option = parent
                    point[dimension] = (option + 0.5) / (self.counts[dimension] or 1)
                    parent = self.dimensions[dimension].parent
                try:
                    self.fill(point)
                except FalllineError as error:
                    raise FalllineError(f"{each.name or 'the space'} = {each.distribution!r}: {error}") from None


def _find(
    node: Any, place: str, path: str, name: str, parent: tuple[int, int] | None, default: Any, found: list[Dimension]
) -> None:
    if isinstance(node, Distribution):
        index = len(found)
        found.append(Dimension(place, path, name, node, parent, default))
        words = option_words(node.alternatives())
        for k, option in enumerate(node.alternatives()):
            _find(option, f"{_joined(place, 'options')}.{k}", path, f"{name}[{words[k]}]", (index, k), None, found)
        return
    known = {f.name: f.default for f in dataclasses.fields(node)} if isinstance(node, Block) else {}
    for key, each in parts(node):
        usual = known.get(key)
        usual = None if usual is dataclasses.MISSING else usual
        _find(each, _joined(place, key), _joined(path, key), _joined(name, key), parent, usual, found)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _changed(old: Any, new: Any) -> bool:
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) != len(new) or any(_changed(a, b) for a, b in zip(old, new, strict=True))
    return old is not new


def option_words(options: Sequence[Any]) -> list[str]:
    """How options are called: a block by its name, with its number where two blocks have the same."""
    names = [(each.name or type(each).__name__) if isinstance(each, Block) else str(each) for each in options]
    return [name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names)]


def _value(distribution: Distribution, u: float) -> Any:
    value = distribution.quantile(np.float64(u))
    return value.item() if isinstance(value, np.ndarray | np.generic) else value


def shown_value(dimension: Dimension, u: float) -> Any:
    """The value at a place of a dimension; a block by its word."""
    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        option = distribution.options[int(distribution.index(u))]
        return option_words(distribution.options)[int(distribution.index(u))] if _named(option) else option
    return _value(distribution, u)


def _named(option: Any) -> bool:
    return isinstance(option, Block) or (isinstance(option, tuple) and any(map(_named, option)))


def _placed(dimension: Dimension, value: Any) -> float:
    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        words = option_words(distribution.options)
        for k, option in enumerate(distribution.options):
            if (words[k] == value) if _named(option) else alike(option, value):
                return (k + 0.5) / len(words)
        raise FalllineError(f"{dimension.name} = {value!r} is none of the options: {nearest(str(value), words)}")
    return float(distribution.place(value))


def _default_place(dimension: Dimension) -> float:
    """Where a default stands; the first option, or the median, where it is none of the values."""
    distribution, default = dimension.distribution, dimension.default
    if isinstance(distribution, Choice):
        fits = _fitting(dimension)
        return ((fits[0] if fits else 0) + 0.5) / len(distribution.options)
    return float(distribution.place(default)) if _has_default(dimension) else INACTIVE


def _has_default(dimension: Dimension) -> bool:
    """Whether a default is one of the values."""
    default = dimension.default
    if isinstance(dimension.distribution, Choice):
        return bool(_fitting(dimension))
    low, high = dimension.distribution.reached()
    return isinstance(default, int | float) and not isinstance(default, bool) and bool(low <= default <= high)


def _fitting(dimension: Dimension) -> list[int]:
    """The options of a choice that are its default."""
    options, default = dimension.distribution.options, dimension.default  # type: ignore[attr-defined]
    words = option_words(options)
    word = (default.name or type(default).__name__) if isinstance(default, Block) else None
    return [k for k, each in enumerate(options) if alike(each, default) or words[k] == word]
