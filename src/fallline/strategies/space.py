"""A recipe with distributions as a unit cube: a reversible map between typed values and points of [0, 1]^d."""

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.block import Block, replace
from fallline.core.distribution import Distribution, parts
from fallline.core.errors import FalllineError, nearest
from fallline.core.plain import parse
from fallline.distributions import Choice
from fallline.distributions.foreign import converted
from fallline.strategies.dimension import (
    INACTIVE,
    Dimension,
    default_place,
    has_default,
    option_words,
    position_of,
    shown_value,
    value_at,
)


class Space:
    """The dimensions of a recipe with distributions, and the map between its values and the unit cube.

    Arguments:
        recipe: any block with distributions in its fields.
        defaults: values of the first trial, by dimension name; a dimension that is left out has its field's default if that
            lies in its range, otherwise the median.

    Raises: FalllineError for a recipe without distributions, or for a distribution with values that its field refuses.

    >>> from fallline.distributions import LogUniform
    >>> from fallline.optimizers import SGD, Adam
    >>> from fallline.training.recipe import Recipe
    >>> space = Space(Recipe(optimizer=Choice((Adam(LogUniform(1e-4, 1e-2)), SGD(LogUniform(1e-3, 1.0))))))
    >>> space.names
    ('optimizer', 'optimizer[adam].learning_rate', 'optimizer[sgd].learning_rate')
    >>> space.fill(np.array([0.9, 0.5, 0.0])).optimizer.learning_rate
    0.001
    """

    def __init__(self, recipe: object, defaults: Mapping[str, Any] | None = None) -> None:
        self.recipe: Any = recipe
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
        self._index = {each.space_path: i for i, each in enumerate(found)}
        self._try_corners()

    def __len__(self) -> int:
        return len(self.dimensions)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return tuple(each.name for each in self.dimensions)

    @cached_property
    def counts(self) -> tuple[int | None, ...]:
        """Number of values of each dimension; None for a continuous one."""
        return tuple(each.distribution.count for each in self.dimensions)

    def fill(self, point: Float[np.ndarray, " d"]) -> Any:
        """The recipe at a point, with every distribution replaced by its value there."""
        return self._fill(self.recipe, "", np.asarray(point, np.float64))

    def active(self, points: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n d"]:
        """Which dimensions are active at which points: those that belong to a chosen option, or to none."""
        found = np.ones(np.shape(points), bool)
        for i, each in enumerate(self.dimensions):
            if each.parent is not None:
                dimension, option = each.parent
                chosen = self.dimensions[dimension].distribution.index(points[:, dimension])  # type: ignore[attr-defined]
                found[:, i] = found[:, dimension] & (chosen == option)
        return found

    def snap(self, points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
        """Move points so that equal recipes have equal points: to the middle of a countable value's cell, 1/2 if inactive."""
        points = np.array(points, np.float64, ndmin=2)
        for i, (each, count) in enumerate(zip(self.dimensions, self.counts, strict=True)):
            if each.categorical or each.distribution.name == "integer":
                points[:, i] = (np.minimum(np.floor(points[:, i] * count), count - 1) + 0.5) / count  # type: ignore[operator]
            elif count is not None:
                points[:, i] = each.distribution.position(each.distribution.quantile(points[:, i]))
        return np.where(self.active(points), points, INACTIVE)

    def values(self, point: Float[np.ndarray, " d"]) -> dict[str, Any]:
        """Values of the active dimensions at a point, by name; a block is given by its name."""
        point = np.asarray(point, np.float64)
        active = self.active(point[None])[0]
        return {each.name: shown_value(each, point[i]) for i, each in enumerate(self.dimensions) if active[i]}

    def point(self, values: Mapping[str, Any]) -> Float[np.ndarray, " d"]:
        """The point with given values; all other dimensions are at 1/2.

        Raises: FalllineError for an unknown dimension, and for a value that is not an option of a choice.
        """
        unknown = next((name for name in values if name not in self.names), None)
        if unknown is not None:
            raise FalllineError(f"dimension {unknown!r} is unknown: {nearest(unknown, self.names)}")
        point = np.full(len(self), INACTIVE)
        for i, each in enumerate(self.dimensions):
            if each.name in values:
                point[i] = position_of(each, values[each.name])
        return point

    @cached_property
    def default(self) -> Float[np.ndarray, " d"]:
        """The point of the first trial."""
        point = np.full(len(self), INACTIVE)
        for i, each in enumerate(self.dimensions):
            if each.default is not None or each.categorical:
                point[i] = default_place(each)
        found: Float[np.ndarray, " d"] = self.snap(point)[0]
        return found

    @cached_property
    def holds_default(self) -> bool:
        """Whether the first trial is the default recipe, so that every default lies in its range."""
        active = self.active(self.default[None])[0]
        return all(has_default(each) for each, on in zip(self.dimensions, active, strict=True) if on)

    def _fill(self, node: object, space_path: str, point: np.ndarray) -> Any:
        if isinstance(node, Distribution):
            value = value_at(node, point[self._index[space_path]])
            if not isinstance(node, Choice):
                return value
            option = int(node.index(point[self._index[space_path]]))
            return self._fill(value, f"{_joined(space_path, 'options')}.{option}", point)
        if isinstance(node, tuple):
            return tuple(self._fill(each, _joined(space_path, name), point) for name, each in parts(node))
        if not isinstance(node, Block):
            return node
        filled = {name: self._fill(each, _joined(space_path, name), point) for name, each in parts(node)}
        changes = {name: each for name, each in filled.items() if _changed(getattr(node, name), each)}
        return dataclasses.replace(node, **changes) if changes else node

    def _try_corners(self) -> None:
        """Fill in some values of every dimension, so that an invalid one raises now and not in the middle of a search."""
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
    node: object,
    space_path: str,
    path: str,
    name: str,
    parent: tuple[int, int] | None,
    default: object,
    found: list[Dimension],
) -> None:
    if isinstance(node, Distribution):
        index = len(found)
        found.append(Dimension(space_path, path, name, node, parent, default))
        words = option_words(node.alternatives())
        for k, option in enumerate(node.alternatives()):
            _find(option, f"{_joined(space_path, 'options')}.{k}", path, f"{name}[{words[k]}]", (index, k), None, found)
        return
    known = {f.name: f.default for f in dataclasses.fields(node)} if isinstance(node, Block) else {}
    for key, each in parts(node):
        usual = known.get(key)
        usual = None if usual is dataclasses.MISSING else usual
        _find(each, _joined(space_path, key), _joined(path, key), _joined(name, key), parent, usual, found)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _changed(old: object, new: object) -> bool:
    if isinstance(old, tuple) and isinstance(new, tuple):
        return len(old) != len(new) or any(_changed(a, b) for a, b in zip(old, new, strict=True))
    return old is not new


def space_from(recipe: object, values: Mapping[str, Any]) -> Space:
    """The space of a recipe from dotted paths to lists or to distributions of Fallline, scipy.stats, Optuna or hyperopt.

    An option may be a block as in a recipe file: `{"name": "sgd", "learning_rate": hp.loguniform("rate", -9, 0)}`. Whatever
    the source, a search returns values, never the index of an option.

    Raises: FalllineError naming the path, for a distribution that has no counterpart here.

    >>> from scipy import stats
    >>> from fallline.optimizers import Adam
    >>> space_from(Adam(), {"learning_rate": stats.loguniform(1e-4, 1e-1), "beta1": [0.9, 0.95]}).dimensions[0].distribution
    LogUniform(low=0.0001, high=0.1)
    """
    for path, value in values.items():
        ours = converted(value, path)
        recipe = parse(recipe, path, ours) if isinstance(ours, dict) else replace(recipe, {path: ours})
    return Space(recipe)
