"""The values of a trial, from its study's space as plain data: a space of blocks would need JAX."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import numpy as np

from fallline.core import quantiles

CHOICE, INACTIVE = "choice", -1
Plain: TypeAlias = Mapping[str, Any]
_DAMAGED = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError)


@dataclasses.dataclass(frozen=True)
class SpacePlace:
    """One dimension of a space.

    Attributes:
        name: its name, as in `Space.names`.
        plain: its distribution as plain data.
        parent: the dimension and the option on which it depends, or None.
    """

    name: str
    plain: Plain
    parent: tuple[int, int] | None


def places_of(space: object) -> tuple[SpacePlace, ...]:
    """The dimensions of a space, without those of a user's own distributions; none of a space that is damaged.

    >>> [each.name for each in places_of({"optimizer": {"name": "adam", "beta1": {"name": "uniform", "low": 0, "high": 1}}})]
    ['optimizer.beta1']
    """
    found: list[SpacePlace] = []
    with suppress(*_DAMAGED):
        _find(space, "", None, found)
        return tuple(found)
    return ()


def values_at(places: Sequence[SpacePlace], point: Sequence[float]) -> dict[str, Any]:
    """The values of the dimensions that are active at a point, by name; none for a point of another space."""
    chosen: list[int] = []  # of every dimension: the option
    values: dict[str, Any] = {}
    with suppress(*_DAMAGED), np.errstate(all="ignore"):
        for place, u in zip(places, point, strict=True):
            if place.parent is not None and chosen[place.parent[0]] != place.parent[1]:
                chosen.append(INACTIVE)
                continue
            options = place.plain["options"] if place.plain["name"] == CHOICE else ()
            chosen.append(int(quantiles.index(u, len(options))) if options else INACTIVE)
            values[place.name] = _option(options, chosen[-1]) if options else _number(place.plain, u)
        return values
    return {}


def _find(node: object, name: str, parent: tuple[int, int] | None, found: list[SpacePlace]) -> None:
    if isinstance(node, dict) and (node.get("name") in _NUMBERS or node.get("name") == CHOICE):
        index = len(found)
        found.append(SpacePlace(name, node, parent))
        options = node.get("options", []) if node["name"] == CHOICE else []
        for k, (option, word) in enumerate(zip(options, _words(options), strict=True)):
            _find(option, f"{name}[{word}]", (index, k), found)
        return
    for key, each in _parts(node):
        _find(each, f"{name}.{key}" if name else key, parent, found)


def _parts(node: object) -> Iterator[tuple[str, object]]:
    if isinstance(node, list):
        yield from ((str(k), each) for k, each in enumerate(node))
    elif isinstance(node, dict):
        yield from ((key, each) for key, each in node.items() if key != "name")


def _words(options: Sequence[Any]) -> list[str]:
    """Names of options, as in a space of blocks."""
    names = [str(each["name"]) if isinstance(each, dict) else str(_tuple(each)) for each in options]
    return [name if names.count(name) == 1 else f"{name} {k + 1}" for k, name in enumerate(names)]


def _option(options: Sequence[Any], k: int) -> Any:
    return _words(options)[k] if isinstance(options[k], dict) else _tuple(options[k])


def _tuple(option: Any) -> Any:
    return tuple(map(_tuple, option)) if isinstance(option, list) else option


def _number(plain: Plain, u: float) -> Any:
    value = _NUMBERS[plain["name"]](u, plain)
    return value.item() if isinstance(value, np.ndarray | np.generic) else value


def _end(plain: Plain, name: str) -> float | None:
    found = plain.get(name)
    return None if isinstance(found, str) else found  # "none", since a file has no null


# By the names in a recipe: the value at a place in [0, 1].
_NUMBERS: dict[str, Callable[[float, Plain], Any]] = {
    "uniform": lambda u, d: quantiles.uniform(u, d["low"], d["high"]),
    "log_uniform": lambda u, d: quantiles.log_uniform(u, d["low"], d["high"]),
    "integer": lambda u, d: quantiles.integer(u, d["low"], d["high"]),
    "log_integer": lambda u, d: quantiles.log_integer(u, d["low"], d["high"]),
    "normal": lambda u, d: quantiles.normal(u, d["mean"], d["deviation"], _end(d, "low"), _end(d, "high")),
    "log_normal": lambda u, d: quantiles.log_normal(u, d["median"], d["deviation"], _end(d, "low"), _end(d, "high")),
    "quantised": lambda u, d: quantiles.multiple(_number(d["distribution"], u), d["step"]),
}
