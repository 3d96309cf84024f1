"""The numerical gradient of any function, one coordinate at a time."""

import contextlib
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import check_choice
from fallline.core.tree import Tree
from fallline.gradients.function import CheckedFunction
from fallline.gradients.functions import function_of
from fallline.gradients.point import point_of
from fallline.gradients.steps import Precision, measure, optimal

METHODS = ("central", "forward", "complex")
TINY = 1e-20  # the complex step; it can be arbitrarily small, since no difference is taken


def numerical_gradient(f: Callable[[Any], Any], x: Tree, method: str = "central", h: float | None = None) -> Any:
    """The gradient of f at x by differences, in float64.

        forward:  g_i = (f(x + h e_i) - f(x)) / h
        central:  g_i = (f(x + h e_i) - f(x - h e_i)) / 2h
        complex:  g_i = Im f(x + i h e_i) / h

    At the optimal step, the central difference is accurate to about 10 digits of f, the forward difference to 8. The
    complex step has no rounding error, but it requires an f that is analytic and accepts complex numbers: no absolute
    value, no maximum, no comparison.

    A JAX function is mapped over the coordinates in one program, in chunks that fit the memory; a NumPy or PyTorch
    function is called once per coordinate. JAX's own precision setting is neither needed nor changed.

    Arguments:
        f: a function of x that returns a number, or an array (then its elements are summed with fixed random weights).
        x: an array, or any tree of arrays.
        method: `forward`, `central` or `complex`.
        h: the step; default: the optimal one for each coordinate, from an estimate of f's third (forward: second)
            derivative and of its rounding error.

    Returns: a tree like x, of float64 NumPy arrays.

    Raises: FalllineError for an x without numbers, and for an f that is not finite at x.

    >>> g = numerical_gradient(lambda w: np.sum(np.exp(w["a"]) * w["b"]), {"a": np.array([0.0, 1.0]), "b": 3.0})
    >>> g["a"].round(6).tolist(), g["b"].round(6).tolist()
    ([3.0, 8.154845], 3.718282)
    """
    check_choice("numerical_gradient", "method", method, METHODS)
    with contextlib.closing(function_of(f, point_of(x))) as function:
        chosen = np.arange(len(function.point.vector))
        if method == "complex":
            found = complex_slopes(function, chosen)
        else:
            value = finite_value(function)
            if h is None:
                probes = np.unique(np.linspace(0, len(chosen) - 1, 8).astype(np.int64))
                steps = optimal(function, measure(function, value, probes), chosen, method)
            else:
                if isinstance(h, bool) or not isinstance(h, int | float | np.number) or not 0 < h < np.inf:
                    raise FalllineError(f"h = {h!r} is not a step: expected a number above 0")
                steps = np.full(len(chosen), float(h))
            found = _slopes(function, value, chosen, steps, method)
        return function.point.tree(function.point.parts(found))


def differences(
    function: CheckedFunction, chosen: Int[np.ndarray, " chosen"], steps: Float[np.ndarray, " chosen"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """f above and below each coordinate, and the steps up and down as rounded by float64."""
    x = function.point.vector[chosen]
    up, down = (x + steps) - x, x - (x - steps)
    values = function.shifted(np.tile(chosen, 2), np.concatenate([up, -down]))
    return values[: len(chosen)], values[len(chosen) :], up, down


def complex_slopes(function: CheckedFunction, chosen: Int[np.ndarray, " chosen"]) -> Float[np.ndarray, " chosen"]:
    """The slopes by the complex step.

    Raises: FalllineError for an f that loses the imaginary part.

    Source: Squire and Trapp, "Using complex variables to estimate derivatives of real functions", 1998.
    """
    try:
        values = function.shifted(chosen, np.full(len(chosen), 1j * TINY))
    except FalllineError:
        raise
    except Exception as error:
        raise FalllineError(
            f"f does not compute with complex numbers ({type(error).__name__}): use method='central'"
        ) from None
    if not np.iscomplexobj(values):
        raise FalllineError("f drops the imaginary part, as an absolute value does: use method='central'")
    return values.imag / TINY


def finite_value(function: CheckedFunction) -> float:
    """f(x).

    Raises: FalllineError if it is not finite.
    """
    value = float(function.shifted(np.zeros(1, np.int64), np.zeros(1))[0])
    if not np.isfinite(value):
        raise FalllineError(f"f(x) is {value}: a function has a gradient only where it is finite; look at x and f")
    return value


def _slopes(
    function: CheckedFunction, value: float, chosen: np.ndarray, steps: np.ndarray, method: str
) -> Float[np.ndarray, " chosen"]:
    """The slopes, with shorter steps if f is not finite at the ends of the first step."""
    found = np.full(len(chosen), np.nan)
    left = np.arange(len(chosen))
    for _ in range(8):
        above, below, up, down = _ends(function, value, chosen[left], steps[left], method)
        with np.errstate(invalid="ignore"):
            found[left] = (above - below) / (up + down)
        left = left[~np.isfinite(found[left])]
        if not len(left):
            break
        steps = steps / 10
    return found


def _ends(
    function: CheckedFunction, value: float, chosen: np.ndarray, steps: np.ndarray, method: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    if method == "central":
        return differences(function, chosen, steps)
    x = function.point.vector[chosen]
    up = (x + steps) - x
    return function.shifted(chosen, up), np.full(len(chosen), value), up, np.zeros(len(chosen))


@dataclasses.dataclass(frozen=True)
class StepErrors:
    """The error of differences by step: as h shrinks, truncation falls and rounding rises.

    Arguments:
        steps: h.
        forward: relative error of the forward difference at each step, in the Euclidean norm over all coordinates.
        central: the same of the central difference.
        chosen: the default step of the central difference (the median over coordinates).
        chosen_error: the error of the central difference at the default steps.
    """

    steps: tuple[float, ...]
    forward: tuple[float, ...]
    central: tuple[float, ...]
    chosen: float
    chosen_error: float


def step_errors(
    f: Callable[[Any], Any], x: Tree, gradient: Tree, steps: Sequence[float] = tuple(np.logspace(-14, 0, 57))
) -> StepErrors:
    """The relative error of forward and central differences at every step, given the right gradient.

        error(h) = ||g(h) - g|| / ||g||

    Arguments:
        f: a function of x.
        x: an array, or a tree of arrays.
        gradient: the right gradient, as a tree like x or a function of x.
        steps: h, the same for all coordinates.

    >>> found = step_errors(np.sin, 1.0, np.cos, (1e-12, 1e-5, 1e-1))
    >>> found.central[1] < found.central[0], found.central[1] < found.central[2], found.central[1] < found.forward[1]
    (True, True, True)
    """
    with contextlib.closing(function_of(f, point_of(x))) as function:
        point = function.point
        right = point.flatten(gradient(x) if callable(gradient) else gradient, "gradient")
        chosen = np.arange(len(point.vector))
        value = finite_value(function)
        precision: Precision = measure(function, value, chosen[:8])
        own = optimal(function, precision, chosen, "central")

        def error(steps: np.ndarray, method: str) -> float:
            return float(
                np.linalg.norm(_slopes(function, value, chosen, steps, method) - right) / np.linalg.norm(right)
            )

        def all_of(method: str) -> tuple[float, ...]:
            return tuple(error(np.full(len(chosen), h), method) for h in steps)

        return StepErrors(
            steps=tuple(float(h) for h in steps),
            forward=all_of("forward"),
            central=all_of("central"),
            chosen=float(np.median(own)),
            chosen_error=error(own, "central"),
        )
