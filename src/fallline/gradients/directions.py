"""Slopes along random directions: a check of arrays of any size with a few evaluations."""

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.gradients.array import ArrayCheck, array_check
from fallline.gradients.function import CheckedFunction
from fallline.gradients.steps import Precision
from fallline.gradients.verdicts import RUNGS, Slopes, compared, rung_of, settled


def along_directions(
    function: CheckedFunction,
    precision: Precision,
    analytic: Float[np.ndarray, " numbers"],
    count: int,
    tolerance: float,
    seed: int,
) -> tuple[ArrayCheck, ...]:
    """Slopes along `count` random directions within each array: one check per array, one number per direction.

        s = (f(x + h v) - f(x - h v)) / 2h  against  v . ga,  v_i = -1 or 1

    Every direction uses the whole ladder of steps, as a coordinate that disagrees does.

    Raises: FalllineError for an invalid count.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise FalllineError(f"directions = {count!r} is not a number of directions: expected 1 or more")
    rng = np.random.default_rng(seed)
    function.expected += 2 * len(RUNGS) * count * len(function.point.names)
    arrays = []
    for name, cut in zip(function.point.names, function.point.slices, strict=True):
        numbers = cut.stop - cut.start
        if not numbers:
            continue
        signs = rng.choice([-1.0, 1.0], (count, numbers))
        own = signs @ analytic[cut]
        slopes = _slopes(function, precision, signs, cut, own, tolerance)
        arrays.append(array_check(name, (count,), np.arange(count), own, compared(own, slopes, tolerance), tolerance))
    return tuple(arrays)


def _slopes(
    function: CheckedFunction,
    precision: Precision,
    signs: np.ndarray,
    cut: slice,
    own: Float[np.ndarray, " directions"],
    tolerance: float,
) -> Slopes:
    count, numbers = signs.shape
    directions = np.zeros((count, len(function.point.vector)))
    directions[:, cut] = signs
    rungs = []
    for factor in RUNGS:
        # A power of 2, so that coordinates of size 1 all take exactly the same step.
        step = 2.0 ** np.round(np.log2(factor * precision.first / np.sqrt(numbers)))
        above, below = function.along(step * directions), function.along(-step * directions)
        each = np.full(count, step)
        rungs.append(rung_of(precision, above, below, each, each, np.zeros(count)))
    return settled(rungs, own, tolerance * np.abs(own), tolerance)
