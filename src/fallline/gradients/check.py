"""`check_gradient` compares the analytic gradient of a function with its numerical gradient."""

import contextlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import check_choice
from fallline.core.tree import Tree
from fallline.gradients.array import ArrayCheck, array_check
from fallline.gradients.directions import along_directions
from fallline.gradients.function import CheckedFunction
from fallline.gradients.functions import function_of
from fallline.gradients.hints import hint
from fallline.gradients.nearby import Gradient, acquitted, undecided
from fallline.gradients.numerical import complex_slopes
from fallline.gradients.point import Point, coordinates, point_of
from fallline.gradients.result import GradientCheck
from fallline.gradients.steps import Precision, measure
from fallline.gradients.torch_functions import function_of_parameters, is_module
from fallline.gradients.verdicts import KINK, NOT_FINITE, OK, WRONG, Slopes, assess, compared
from fallline.gradients.words import noisy, not_finite, verdict_of

MOST = 1 << 18  # most coordinates checked by default; of larger x, a random sample of this size
SAME = 1e-5  # relative difference of two evaluations up to which f counts as noise-free, for single precision inside f


def check_gradient(
    f: Callable[[Any], Any],
    x: Tree,
    gradient: Tree = None,
    *,
    tolerance: float = 1e-6,
    method: str = "central",
    h: float | None = None,
    share: float | None = None,
    directions: int | None = None,
    seed: int = 0,
    watch: Callable[[int, int], None] | None = None,
) -> GradientCheck:
    """Compare the analytic gradient of f at x with the slopes of f, coordinate by coordinate, in float64.

        error_i = |ga_i - gn_i| / max(|ga_i|, |gn_i|, u_i / tolerance),  right where error_i <= tolerance

    gn is the central difference and u its uncertainty: the measured rounding error of f divided by the step. A coordinate
    that disagrees is checked again with steps from 100 times to a ten-millionth of the first, and the best step is used.
    At a kink of f, the slopes to the left and to the right disagree however small the step; they are extrapolated to a
    step of 0. Any slope between the two is right, and any other is wrong. If kinks of several layers meet at x, and a
    gradient that can be evaluated elsewhere is right beside x, the coordinate is undecided, and the verdict says so. Noise
    is detected by evaluating f twice.

    Arguments:
        f: a JAX, NumPy or PyTorch function of x that returns a number (or an array, whose elements are summed with
            fixed random weights); or a PyTorch module, whose parameters and input x are checked on a float64 copy.
        x: an array, or any tree of arrays; its floats are cast to float64.
        gradient: the gradient to check: a function of x, or a tree like x. None: automatic differentiation's.
        tolerance: largest relative error that counts as right.
        method: `central`, or `complex` for an analytic f that accepts complex numbers: no rounding error.
        h: the only step; default: chosen from f's rounding error, with a ladder of other steps if that one fails.
        share: share of the coordinates to check, drawn at random; default: all of up to 262,144 coordinates, or a random
            sample of that size.
        directions: number of random directions to check in each array instead of its coordinates: cheap for any size, but
            a fault in few of many coordinates may go unnoticed, and only the array is named.
        seed: seed of the random coordinates and directions.
        watch: callback for the number of evaluations of f done so far and expected in total.

    Raises: FalllineError for arguments that do not fit together.

    >>> check = check_gradient(lambda w: np.sum(np.tanh(w)), np.array([0.5, -1.0]), lambda w: 1 - w**2)
    >>> print(check.verdict)
    The gradient is wrong. x: every one of 2 slopes, at [1] derived as 0, measured as 0.419974.
    >>> check_gradient(lambda w: np.sum(np.tanh(w)), np.array([0.5, -1.0]), lambda w: 1 - np.tanh(w) ** 2).right
    True
    """
    check_choice("check_gradient", "method", method, ("central", "complex"))
    if is_module(f):
        f, x = function_of_parameters(f, x)
    point = point_of(x)
    with contextlib.closing(function_of(f, point)) as function:
        chosen = coordinates(point, share, MOST, seed)
        function.watch, function.expected = watch, 1
        if directions is None:
            function.expected += (1 if method == "complex" else 2) * len(chosen)
        value = float(np.real(function.shifted(np.zeros(1, np.int64), np.zeros(1))[0]))
        nothing = {"arrays": (), "tolerance": tolerance, "value": value, "noise": 0.0, "share": 0.0, "method": method}
        if not np.isfinite(value):
            return GradientCheck("not finite", not_finite(value), **nothing, evaluations=function.evaluations)  # type: ignore
        analytic = _analytic(function, point, x, gradient)
        again = function.again()
        if abs(again - value) > SAME * max(abs(value), abs(again)):
            return GradientCheck("noisy", noisy(value, again), **nothing, evaluations=function.evaluations)  # type: ignore
        precision = measure(function, value, _probes(point, analytic, seed))
        if directions is not None:
            if h is not None or share is not None or method != "central":
                raise FalllineError("directions look along all coordinates at once: leave h, share and method out")
            arrays = along_directions(function, precision, analytic, directions, tolerance, seed)
            method, part = "directional", 1.0
        else:
            part = len(chosen) / len(point.vector)
            elsewhere = method == "central" and h is None and (gradient is None or callable(gradient))
            derive = (lambda beside: _analytic(beside, beside.point, x, gradient)) if elsewhere else None
            slopes, open_ = _along_coordinates(
                function, precision, analytic[chosen], chosen, derive, tolerance, method, h, seed
            )
            arrays = tuple(_cut(point, chosen, analytic, slopes, open_, tolerance))
        outcome = "wrong" if any(each.faults for each in arrays) else "right"
        verdict = verdict_of(arrays, part, tolerance, method) + _few_digits(precision, arrays)
        return GradientCheck(
            outcome, verdict, arrays, tolerance, value, precision.noise, part, method, function.evaluations
        )


def _along_coordinates(
    function: CheckedFunction,
    precision: Precision,
    analytic: Float[np.ndarray, " chosen"],
    chosen: Int[np.ndarray, " chosen"],
    derive: Gradient | None,
    tolerance: float,
    method: str,
    h: float | None,
    seed: int,
) -> tuple[Slopes, np.ndarray]:
    """The slopes along the chosen coordinates, and which of them are undecided because kinks meet there.

    `derive` is the analytic gradient of a function at its point, if it can be evaluated beside x.
    """
    if method == "complex":
        slopes = _complex(function, analytic, chosen, tolerance)
    else:
        slopes = assess(function, precision, analytic, chosen, tolerance, h)
    if derive is None:
        return slopes, np.zeros(len(chosen), bool)
    open_ = undecided(function, precision, derive, analytic, chosen, slopes, tolerance, seed)
    return acquitted(analytic, slopes, open_), open_


def _few_digits(precision: Precision, arrays: tuple[ArrayCheck, ...]) -> str:
    """A sentence if f computes with few digits, otherwise nothing."""
    # If all coordinates are at kinks, f bends between the points at which its noise was measured.
    smooth = any((each.status != KINK).any() for each in arrays)
    if precision.digits >= 10 or not smooth:
        return ""
    return f" f computes with about {precision.digits:.0f} digits only: use float64 inside it to see more."


def _analytic(function: CheckedFunction, point: Point, x: Tree, gradient: Tree) -> Float[np.ndarray, " numbers"]:
    if gradient is None:
        return point.flatten(function.gradient(), "the gradient")
    if callable(gradient):
        with jax.enable_x64(True):
            return point.flatten(gradient(_copied(function, point)), "the gradient")
    return point.flatten(gradient, "the gradient")


def _copied(function: CheckedFunction, point: Point) -> Any:
    """x in float64, in arrays of their original library."""
    parts: list[Any] = [part.copy() for part in point.parts(point.vector)]
    if point.kind == "jax":
        parts = [jax.numpy.asarray(part) for part in parts]
    elif point.kind == "torch":
        import torch

        parts = [torch.from_numpy(part) for part in parts]
    return point.tree(parts)


def _probes(point: Point, analytic: Float[np.ndarray, " numbers"], seed: int) -> Int[np.ndarray, " probes"]:
    """Coordinates along which f's rounding error is measured: the steepest ones, and some at random."""
    steep = [cut.start + int(np.argmax(np.abs(analytic[cut]))) for cut in point.slices if cut.stop > cut.start]
    random = np.random.default_rng(seed).integers(0, len(point.vector), 4)
    return np.concatenate([np.array(steep[:6], np.int64), random])


def _complex(function: CheckedFunction, analytic: np.ndarray, chosen: np.ndarray, tolerance: float) -> Slopes:
    found = complex_slopes(function, chosen)
    # No difference is taken, so only the slope itself is rounded, relative to the largest slope.
    rounding = np.full(len(chosen), 1e-14 * float(np.max(np.abs(found), initial=0.0)))
    status = np.where(np.isfinite(found), OK, NOT_FINITE)
    return compared(analytic, Slopes(found, rounding, found, found, status), tolerance)


def _cut(
    point: Point, chosen: np.ndarray, analytic: np.ndarray, slopes: Slopes, open_: np.ndarray, tolerance: float
) -> list[ArrayCheck]:
    arrays = []
    for name, shape, cut in zip(point.names, point.shapes, point.slices, strict=True):
        mine = slice(*np.searchsorted(chosen, [cut.start, cut.stop]))
        if mine.start == mine.stop:
            continue
        part = Slopes(*(each[mine] for each in vars(slopes).values()))
        own = analytic[chosen[mine]]
        whole = mine.stop - mine.start == cut.stop - cut.start
        said = hint(own, part, shape if whole else own.shape, tolerance) if (part.status >= WRONG).any() else ""
        count = int(open_[mine].sum())
        arrays.append(array_check(name, shape, chosen[mine] - cut.start, own, part, tolerance, said, count))
    return arrays
