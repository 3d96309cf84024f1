"""Points where several kinks meet: the slopes beside the point tell whether an unexpected slope is a fault."""

import copy
import dataclasses
from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Int

from fallline.gradients.function import CheckedFunction
from fallline.gradients.steps import Precision, size
from fallline.gradients.verdicts import KINK, WRONG, Slopes, assess, part

RAYS = 32  # rays along which analytic slopes are evaluated
CHECKED = 3  # rays of these along which slopes are also measured
REACH = 1e-4  # distance from the point, in units of a coordinate's steps

Gradient = Callable[[CheckedFunction], np.ndarray]


def undecided(
    function: CheckedFunction,
    precision: Precision,
    derive: Gradient,
    analytic: Float[np.ndarray, " chosen"],
    chosen: Int[np.ndarray, " chosen"],
    slopes: Slopes,
    tolerance: float,
    seed: int,
) -> Bool[np.ndarray, " chosen"]:
    """Which of the wrong slopes may belong to a right gradient, because several kinks meet at the point.

    If units of two layers are at exactly 0, several cells in which f is smooth meet at the point, and the axis of a
    coordinate crosses only two of them. Automatic differentiation takes one side at every unit. This may be another cell
    or none, so its slope may equal that of neither side without being a fault. A coordinate is undecided if

        the slopes in the cells around x, g(x + t r) for t -> 0, are not all between those of its own two sides,
        the analytic slope at x is not far from them, and
        beside x, at x + t r, analytic and measured slopes agree.

    A wrong gradient is also wrong beside the point, so it remains wrong. So does a gradient that is wrong only at a kink
    whose two sides are known.

    Arguments:
        function: f at x.
        precision: precision of f there.
        derive: returns the analytic gradient of a function at its point.
        analytic: the analytic slopes at x.
        chosen: their coordinates.
        slopes: their measured slopes.
        tolerance: tolerance of relative errors.
        seed: seed of the rays r.
    """
    found = np.zeros(len(chosen), bool)
    at = np.flatnonzero(slopes.status == WRONG)
    if not len(at):
        return found
    x = function.point.vector
    functions = [_moved(function, x + REACH * size(x) * ray) for ray in _rays(function, seed)]
    far = np.array([derive(each)[chosen] for each in functions])
    near = np.array([derive(_moved(function, 0.5 * x + 0.5 * each.point.vector))[chosen] for each in functions])
    at = at[_meets(analytic[at], part(slopes, at), near[:, at], far[:, at], tolerance)]
    for beside, own in zip(functions[:CHECKED], far, strict=False):
        if not len(at):
            break
        value = float(beside.shifted(np.zeros(1, np.int64), np.zeros(1))[0])
        here = dataclasses.replace(precision, value=value)
        at = at[assess(beside, here, own[at], chosen[at], tolerance).status < WRONG]
        function.count(beside.evaluations - function.evaluations)
    found[at] = True
    return found


def acquitted(analytic: Float[np.ndarray, " chosen"], slopes: Slopes, open_: Bool[np.ndarray, " chosen"]) -> Slopes:
    """The slopes with undecided ones marked as KINK; their uncertainty is raised to cover the difference."""
    apart = np.maximum(slopes.uncertainty, np.abs(analytic - slopes.numerical))
    return dataclasses.replace(
        slopes,
        status=np.where(open_, KINK, slopes.status),
        uncertainty=np.where(open_, apart, slopes.uncertainty),
    )


def _rays(function: CheckedFunction, seed: int) -> Iterator[Float[np.ndarray, " numbers"]]:
    """Directions from the point: first uniform ones, then ones that push whole arrays to one side, by different amounts.

    The latter move the units of one layer to the same side, or let one layer dominate another, and so reach more cells.
    """
    rng, count = np.random.default_rng(seed), len(function.point.vector)
    for k in range(RAYS):
        ray = rng.uniform(-1.0, 1.0, count)
        for cut in function.point.slices if k >= CHECKED else ():
            ray[cut] = 10.0 ** rng.uniform(-1.5, 0.0) * 0.5 * (ray[cut] + rng.choice([-1.0, 0.0, 1.0]))
        yield ray


def _meets(
    analytic: Float[np.ndarray, " some"],
    slopes: Slopes,
    near: Float[np.ndarray, "rays some"],
    far: Float[np.ndarray, "rays some"],
    tolerance: float,
) -> Bool[np.ndarray, " some"]:
    """Where the cells around the point have slopes outside those of the two sides, and the analytic slope is near them."""
    low, high = np.minimum(slopes.left, slopes.right), np.maximum(slopes.left, slopes.right)
    with np.errstate(invalid="ignore", over="ignore"):
        limits = 2 * near - far
        room = 2 * tolerance * np.maximum.reduce([np.abs(analytic), np.abs(low), np.abs(high)])
        beyond = np.maximum(low - limits, limits - high) > room + 0.1 * np.abs(near - far)
        least, most = np.minimum(low, limits.min(axis=0)), np.maximum(high, limits.max(axis=0))
        close = np.abs(analytic - 0.5 * (least + most)) <= 1.5 * (most - least)
        found: Bool[np.ndarray, " some"] = beyond.any(axis=0) & close & np.isfinite(limits).all(axis=0)
        return found


def _moved(function: CheckedFunction, vector: Float[np.ndarray, " numbers"]) -> CheckedFunction:
    """The same f at another point, without compiling it again."""
    other = copy.copy(function)
    other.point = dataclasses.replace(function.point, vector=vector)
    return other
