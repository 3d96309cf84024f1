"""What a walk is made of, from what a caller may give: rules, a surface, starts."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, declared_fields, family, lookup, walk
from fallline.core.errors import FalllineError, nearest
from fallline.optimizers import Optimizer
from fallline.surfaces import Formula, Function, Surface

RuleLike = str | Optimizer
Rules = RuleLike | Sequence[RuleLike] | Mapping[str, RuleLike]
SurfaceLike = str | Surface | Callable[..., object]
LETTERS = "+-*/^() .0123456789"


def rules_of(rules: Rules) -> dict[str, Optimizer]:
    """Update rules by a label: from a name, a block, a list of them, or a dict from labels to them.

    Rules of one kind are told apart by the numbers in which they differ.

    Raises: FalllineError for what is no rule, for an unknown name, and for no rule at all.

    >>> from fallline.optimizers import SGD
    >>> list(rules_of(["adam", SGD(0.1), SGD(0.2)]))
    ['adam', 'sgd learning_rate=0.1', 'sgd learning_rate=0.2']
    """
    if isinstance(rules, Mapping):
        found = {str(label): _rule(rule) for label, rule in rules.items()}
    else:
        given = [
            _rule(each) for each in (rules if isinstance(rules, Sequence) and not isinstance(rules, str) else [rules])
        ]
        found = dict(zip(_labels(given), given, strict=True))
    if not found:
        raise FalllineError("rules is empty: expected one or more update rules, such as ['sgd', 'momentum', 'adam']")
    return found


def _rule(rule: object) -> Optimizer:
    if isinstance(rule, str):
        return lookup("optimizer", rule)()  # type: ignore[return-value]
    if not isinstance(rule, Optimizer):
        raise FalllineError(
            f"{rule!r} is no update rule: expected one such as SGD(0.1), or a name: {nearest('', family('optimizer'))}"
        )
    return rule


def _labels(rules: list[Optimizer]) -> list[str]:
    names = [rule.name or type(rule).__name__ for rule in rules]
    found = []
    for rule, name in zip(rules, names, strict=True):
        alike = [other for other, own in zip(rules, names, strict=True) if own == name]
        differs = [path for path in _settings(rule) if len({_settings(each).get(path) for each in alike}) > 1]
        found.append(" ".join([name, *(f"{path}={_settings(rule)[path]}" for path in differs)]))
    return [label if found.count(label) == 1 else f"{label} ({i + 1})" for i, label in enumerate(found)]


def _settings(rule: Block) -> dict[str, str]:
    def shown(value: object) -> str:
        return value.name if isinstance(value, Block) else f"{value:g}" if isinstance(value, float) else str(value)

    return {path: shown(value) for path, _, value in walk(rule)}


def surface_of(surface: SurfaceLike, limits: Any = None, starts: Any = None) -> Surface:
    """A surface: a block, its name, a formula as text, or a function of an array of n numbers.

    Arguments:
        surface: the surface.
        limits: the domain of a formula or a function: the lowest and the highest value of every coordinate.
        starts: where a function without limits is walked; its domain is twice the box around them and 0.

    Raises: FalllineError for what is no surface.

    >>> surface_of("ravine"), surface_of("x^2 + y^4").dimensions
    (Ravine(), 2)
    """
    if isinstance(surface, str):
        known = family("surface")
        if surface.strip() in known:
            return _named(known[surface.strip()], limits)
        if not any(letter in LETTERS for letter in surface.strip()) and surface.strip() not in ("x", "y", "z"):
            raise FalllineError(
                f"surface {surface!r} is unknown: {nearest(surface, known)}; or a formula, such as 'x^2 + y^4'"
            )
        return Formula(surface, limits)
    if isinstance(surface, Surface):
        if limits is not None and "limits" in declared_fields(type(surface)):
            return dataclasses.replace(surface, limits=limits)  # type: ignore[call-arg]
        return _named(surface, limits)
    if callable(surface):
        if limits is None:
            limits = _around(starts)
        return Function(surface, limits)
    raise FalllineError(
        f"{surface!r} is no surface: expected a block such as Ravine(), its name, a formula or a function"
    )


def _named(surface: Surface | type, limits: Any) -> Surface:
    if limits is not None:
        raise FalllineError("limits are for a formula or a function of your own: a built-in surface has its own domain")
    found: Surface = surface() if isinstance(surface, type) else surface
    return found


def _around(starts: Any) -> Any:
    if starts is None or isinstance(starts, int):
        raise FalllineError(
            "a function needs starts or limits: give starts=[[1.0, 2.0]], or limits=((-2, 2), (-2, 2)) for its domain"
        )
    reach = 2 * np.maximum(np.abs(np.atleast_2d(np.asarray(starts, np.float64))).max(axis=0), 0.5)
    return tuple((-float(each), float(each)) for each in reach)


def starts_of(surface: Surface, starts: Any, seed: int) -> Float[np.ndarray, "starts n"]:
    """Starts as rows: the surface's own, one point, rows of points, or a number of random points in the domain.

    Raises: FalllineError for points of another number of coordinates, or that are not finite.
    """
    n = surface.dimensions
    if starts is None:
        return np.asarray([surface.start], np.float64)
    if isinstance(starts, int | np.integer) and not isinstance(starts, bool):
        if not 1 <= starts <= 1_000_000:
            raise FalllineError(f"starts = {starts} is not a number of starts: expected 1 to 1,000,000")
        low, high = np.asarray(surface.domain).T
        found: Float[np.ndarray, "starts n"] = low + (high - low) * np.random.default_rng(seed).random((int(starts), n))
        return found
    try:
        rows = np.atleast_2d(np.asarray(starts, np.float64))
    except (TypeError, ValueError):
        raise FalllineError(
            f"starts = {starts!r} are no points: expected rows of {n} numbers, or a number of starts"
        ) from None
    if rows.ndim != 2 or rows.shape[1] != n or not len(rows):
        raise FalllineError(
            f"starts of shape {np.shape(starts)} do not fit {type(surface).__name__}, which has {n} coordinates: expected rows "
            f"of {n} numbers"
        )
    if not np.isfinite(rows).all():
        raise FalllineError("starts hold numbers that are not finite: begin where the surface has a height")
    return rows
