"""Decides whether analytic slopes are right: by one central difference for most, by a ladder of steps for the rest."""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from fallline.gradients.function import CheckedFunction
from fallline.gradients.numerical import differences
from fallline.gradients.sides import EPSILON, Sides, limit
from fallline.gradients.steps import Precision, size

OK, KINK, WRONG, NOT_FINITE = range(4)
STATUSES = ("ok", "kink", "wrong", "not finite")
DEEPER = (1e-8, 1e-9, 1e-10, 1e-11, 1e-12)  # steps below the ladder, if f still bends within its last step
RUNGS = (1e2, 1e1, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)  # steps of the ladder, in units of the first step
SIGMAS = 8.0  # standard deviations of f's rounding error: 10^5 coordinates are checked, and its distribution has tails
COARSE = 1e-2  # a slope with a relative uncertainty above this is called coarse


@dataclasses.dataclass(frozen=True)
class Slopes:
    """The slopes of some coordinates, measured by differences.

    Arguments:
        numerical: the slope.
        uncertainty: its error bound, from rounding, truncation, or the disagreement of the one-sided slopes.
        left: the slope just below.
        right: the slope just above.
        status: OK, KINK or NOT_FINITE; WRONG is set by the comparison with the analytic slopes.
    """

    numerical: Float[np.ndarray, " chosen"]
    uncertainty: Float[np.ndarray, " chosen"]
    left: Float[np.ndarray, " chosen"]
    right: Float[np.ndarray, " chosen"]
    status: Int[np.ndarray, " chosen"]


@dataclasses.dataclass(frozen=True)
class Rung:
    """The differences at one step per coordinate, their rounding error, and the steps down and up.

    `held` is the rounding error of storing f's values, and x times its slope, in float64: f cannot be more accurate.
    """

    central: Float[np.ndarray, " chosen"]
    left: Float[np.ndarray, " chosen"]
    right: Float[np.ndarray, " chosen"]
    rounding: Float[np.ndarray, " chosen"]
    down: Float[np.ndarray, " chosen"]
    up: Float[np.ndarray, " chosen"]
    held: Float[np.ndarray, " chosen"]

    @property
    def jump(self) -> Float[np.ndarray, " chosen"]:
        """right - left: about h f'' if f is smooth, and independent of h at a kink."""
        found: Float[np.ndarray, " chosen"] = self.right - self.left
        return found

    @property
    def level(self) -> Bool[np.ndarray, " chosen"]:
        """Where the jump is within the rounding error."""
        found: Bool[np.ndarray, " chosen"] = np.abs(self.jump) <= 2 * self.rounding
        return found


def assess(
    function: CheckedFunction,
    precision: Precision,
    analytic: Float[np.ndarray, " chosen"],
    chosen: Int[np.ndarray, " chosen"],
    tolerance: float,
    h: float | None = None,
) -> Slopes:
    """The numerical slopes, each at its best step, marked WRONG where they disagree with the analytic ones.

    All coordinates first get a central difference at one step. Those that agree are right. The others, and those whose
    slope is lost in f's rounding error, get the whole ladder of steps: see `best_rung`.
    """
    unit = size(function.point.vector[chosen])
    first = np.full(len(chosen), h) if h is not None else precision.first * unit
    rung = _rung(function, precision, chosen, first)
    slopes = Slopes(
        numerical=rung.central.copy(),
        uncertainty=rung.rounding.copy(),
        left=rung.left.copy(),
        right=rung.right.copy(),
        status=np.where(np.isfinite(rung.central), OK, NOT_FINITE),
    )
    scale = np.maximum(np.abs(analytic), np.abs(rung.central))
    with np.errstate(invalid="ignore"):
        agrees = np.abs(analytic - rung.central) <= np.maximum(tolerance * scale, rung.rounding)
    unmoved = (rung.left == 0) & (rung.right == 0) & (analytic == 0)
    slopes.uncertainty[unmoved] = 0.0
    coarse = (rung.rounding > COARSE * scale) & ~unmoved
    again = np.flatnonzero(~agrees | coarse)
    if len(again) and h is None:
        function.expected += 2 * len(RUNGS) * len(again)
        rungs = [_rung(function, precision, chosen[again], first[again] * factor) for factor in RUNGS]
        found = settled(rungs, analytic[again], tolerance * scale[again], tolerance)
        open_ = (found.status == WRONG) & ~rungs[-1].level & ~_smooth(rungs)[-1]
        turning = np.flatnonzero(open_ & ~sides_of(rungs).known)
        if len(turning):
            function.expected += 2 * len(DEEPER) * len(turning)
            at = again[turning]
            rungs = [part(rung, turning) for rung in rungs]
            rungs += [_rung(function, precision, chosen[at], first[at] * factor) for factor in DEEPER]
            put(found, turning, settled(rungs, analytic[at], tolerance * scale[at], tolerance))
        put(slopes, again, found)
    return compared(analytic, slopes, tolerance)


def settled(
    rungs: list[Rung], analytic: Float[np.ndarray, " chosen"], enough: Float[np.ndarray, " chosen"], tolerance: float
) -> Slopes:
    """The slopes that a ladder supports: that of the best rung, or the limits of the two sides at the point itself.

    The sides are used if the best rung bounds the slope only by its one-sided differences, or contradicts the analytic
    slope: at a kink any slope between the two limits is right, however much f curves on either side.
    """
    found = compared(analytic, best_rung(rungs, enough), tolerance)
    sides = sides_of(rungs)
    with np.errstate(invalid="ignore"):
        exact = sides.error <= np.maximum.reduce([found.uncertainty, enough, sides.jump / 8])
    kinked = sides.kinked & (sides.jump > 2 * enough)
    room = tolerance * np.maximum(np.abs(sides.left), np.abs(sides.right))
    asked = (found.status == WRONG) | ((found.status == KINK) & kinked & (found.uncertainty > enough))
    at = np.flatnonzero(asked & exact & np.isfinite(sides.error))
    limits = Slopes(
        numerical=sides.middle[at],
        uncertainty=sides.jump[at] / 2 + sides.error[at] + np.where(kinked, room, 0.0)[at],
        left=sides.left[at],
        right=sides.right[at],
        status=np.where(kinked[at], KINK, OK),
    )
    limits = compared(analytic[at], limits, tolerance)
    # Without a kink, the limits may only show a slope to be right; the best rung describes faults better.
    better = kinked[at] | (limits.status != WRONG)
    put(found, at[better], part(limits, np.flatnonzero(better)))
    return found


def sides_of(rungs: list[Rung]) -> Sides:
    """The limits of the one-sided slopes of a ladder."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        noise = [rung.rounding * (rung.up + rung.down) + rung.held for rung in rungs]
        left = limit(
            np.array([r.left for r in rungs]),
            np.array([r.down for r in rungs]),
            np.array([n / r.down for r, n in zip(rungs, noise, strict=True)]),
        )
        right = limit(
            np.array([r.right for r in rungs]),
            np.array([r.up for r in rungs]),
            np.array([n / r.up for r, n in zip(rungs, noise, strict=True)]),
        )
    return Sides(*left, *right)


def part(columns: "Rung | Slopes", at: Int[np.ndarray, " some"]) -> Any:
    """A rung or slopes, restricted to some coordinates."""
    return type(columns)(*(each[at] for each in vars(columns).values()))


def put(slopes: Slopes, at: Int[np.ndarray, " some"], others: Slopes) -> None:
    """Write `others` into `slopes` at some coordinates."""
    for name, column in vars(others).items():
        getattr(slopes, name)[at] = column


def compared(analytic: Float[np.ndarray, " chosen"], slopes: Slopes, tolerance: float) -> Slopes:
    """The slopes, marked WRONG where they differ from the analytic ones beyond tolerance and uncertainty."""
    difference = np.abs(analytic - slopes.numerical)
    scale = np.maximum(np.abs(analytic), np.abs(slopes.numerical))
    with np.errstate(invalid="ignore"):
        wrong = ~(difference <= np.maximum(tolerance * scale, slopes.uncertainty))
    status = np.where(wrong & (slopes.status != NOT_FINITE), WRONG, slopes.status)
    return dataclasses.replace(slopes, status=np.where(np.isfinite(analytic), status, NOT_FINITE))


def best_rung(rungs: list[Rung], enough: Float[np.ndarray, " chosen"]) -> Slopes:
    """For each coordinate, the slope at the step with the smallest uncertainty.

        uncertainty(h) = rounding(h) + max(|right - left| / 2, a tenth of the change since the step before)

    The slope of a function that is convex or concave within h lies between the one-sided slopes, and so does each
    subgradient at a kink. If the jump right - left shrinks in proportion to h twice in a row, f is smooth there, and the
    truncation error, a fiftieth of the change since the step before, replaces the jump. If it does not shrink, the kink is
    closer than the smallest step, and the one-sided slopes bound the slope.

    A step is rejected if a shorter one contradicts it by more than both uncertainties.

    Arguments:
        rungs: from the largest step to the smallest, each a tenth of the one before.
        enough: an uncertainty small enough not to count as a kink.
    """
    smooth = _smooth(rungs)
    bounds, jumps = [], []
    for k, rung in enumerate(rungs):
        change = np.abs(rung.central - rungs[k - 1].central) if k else np.zeros_like(rung.central)
        change = np.where(np.isfinite(change), change, 0.0)
        with np.errstate(invalid="ignore"):
            jump = np.where(smooth[k], 0.0, np.abs(rung.jump) / 2)
            bound = rung.rounding + np.maximum(jump, np.where(smooth[k], 0.02, 0.1) * change)
        bounds.append(np.where(np.isfinite(rung.central) & np.isfinite(rung.jump), bound, np.inf))
        jumps.append(np.where(np.isfinite(jump), jump, 0.0))
    best = np.argmin(_consistent(rungs, bounds), axis=0)

    def pick(columns: Sequence[np.ndarray]) -> np.ndarray:
        found: np.ndarray = np.take_along_axis(np.array(columns), best[None], axis=0)[0]
        return found

    uncertainty, jump = pick(bounds), pick(jumps)
    kinked = (jump > pick([rung.rounding for rung in rungs])) & (jump > enough)
    # A kink that only the longer steps cross is still within reach of the first step: the slope at the point is then the
    # slope of one of its sides.
    first, slope = rungs[RUNGS.index(1.0)], pick([rung.central for rung in rungs])
    beside = np.minimum(np.abs(first.left - slope), np.abs(first.right - slope))
    passed = (best > RUNGS.index(1.0)) & (beside < 0.1 * np.abs(first.jump))
    passed &= ~smooth[RUNGS.index(1.0)] & (np.abs(first.jump) / 2 > enough + first.rounding)
    return Slopes(
        numerical=slope,
        uncertainty=uncertainty,
        left=pick([rung.left for rung in rungs]),
        right=pick([rung.right for rung in rungs]),
        status=np.where(~np.isfinite(uncertainty), NOT_FINITE, np.where(kinked | passed, KINK, OK)),
    )


def _consistent(rungs: list[Rung], bounds: list[np.ndarray]) -> Float[np.ndarray, "rungs chosen"]:
    """The uncertainties, infinite if a shorter step contradicts them: f then varies within h."""
    kept = [bound.copy() for bound in bounds]
    for k, wide in enumerate(rungs):
        for narrow, bound in zip(rungs[k + 1 :], bounds[k + 1 :], strict=True):
            with np.errstate(invalid="ignore"):
                kept[k][np.abs(wide.central - narrow.central) > bounds[k] + bound] = np.inf
    return np.array(kept)


def _smooth(rungs: list[Rung]) -> Bool[np.ndarray, "rungs chosen"]:
    """Where the jump shrinks tenfold, or is lost in rounding, over two consecutive pairs of rungs."""
    shrinks = []
    for wide, narrow in itertools.pairwise(rungs):
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = narrow.jump / wide.jump
        # A factor of 2 either way: if the jump is not far above the rounding error, half of it may be noise.
        tenth = (ratio > 0.05) & (ratio < 0.2)
        shrinks.append((tenth & ~wide.level) | (wide.level & narrow.level))
    never = np.zeros_like(shrinks[0])
    twice = [a & b for a, b in itertools.pairwise(shrinks)]
    near = [*twice, never, never]
    return np.array([near[k] | (near[k - 1] if k else never) for k in range(len(rungs))])


def _rung(
    function: CheckedFunction,
    precision: Precision,
    chosen: Int[np.ndarray, " chosen"],
    steps: Float[np.ndarray, " chosen"],
) -> Rung:
    return rung_of(precision, *differences(function, chosen, steps), np.abs(function.point.vector[chosen]))


def rung_of(
    precision: Precision, above: np.ndarray, below: np.ndarray, up: np.ndarray, down: np.ndarray, x: np.ndarray
) -> Rung:
    """A rung from f above and below, the steps up and down, and the size of the shifted numbers."""
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        left, right = (precision.value - below) / down, (above - precision.value) / up
        values = np.maximum.reduce([np.abs(above), np.abs(below), np.full(len(above), abs(precision.value))])
        return Rung(
            central=(above - below) / (up + down),
            left=left,
            right=right,
            rounding=SIGMAS * precision.noise / (up + down),
            down=down,
            up=up,
            held=EPSILON * np.maximum(values, x * np.maximum(np.abs(left), np.abs(right))),
        )
