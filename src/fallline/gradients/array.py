"""The result of a check for one array: the analytic and the measured slopes of its coordinates."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from fallline.gradients.verdicts import COARSE, NOT_FINITE, STATUSES, WRONG, Slopes


@dataclasses.dataclass(frozen=True)
class Coordinate:
    """One number of x, given by `array` and `index`, with its analytic and its measured slopes."""

    array: str
    index: tuple[int, ...]
    analytic: float
    numerical: float
    uncertainty: float
    relative_error: float
    status: str
    left: float
    right: float

    @property
    def name(self) -> str:
        """The coordinate's name, such as `dense_1.weight[3, 2]`."""
        return self.array + (f"[{', '.join(map(str, self.index))}]" if self.index else "")


@dataclasses.dataclass(frozen=True)
class ArrayCheck:
    """One array of x.

    Arguments:
        name: its dotted path.
        shape: its shape.
        checked: flat indices, in row-major order, of the checked numbers.
        analytic: the analytic gradient at these indices.
        numerical: the slopes by differences.
        uncertainty: the error bound of these slopes: the rounding error of f, or half the jump of the slope at a kink.
        left: the slopes just below.
        right: the slopes just above.
        relative_error: |ga - gn| / max(|ga|, |gn|, uncertainty / tolerance), so that differences below the uncertainty
            count as no more than the tolerance.
        status: 0 ok, 1 a kink, 2 wrong, 3 not finite.
        hint: the kind of fault.
        undecided: number of coordinates at which several kinks meet and the analytic slope is on neither side.
    """

    name: str
    shape: tuple[int, ...]
    checked: Int[np.ndarray, " chosen"]
    analytic: Float[np.ndarray, " chosen"]
    numerical: Float[np.ndarray, " chosen"]
    uncertainty: Float[np.ndarray, " chosen"]
    left: Float[np.ndarray, " chosen"]
    right: Float[np.ndarray, " chosen"]
    relative_error: Float[np.ndarray, " chosen"]
    status: Int[np.ndarray, " chosen"]
    hint: str = ""
    undecided: int = 0

    def count(self, status: int) -> int:
        """Number of coordinates with this status."""
        return int(np.sum(self.status == status))

    @property
    def faults(self) -> int:
        """Number of coordinates that are wrong or not finite."""
        return self.count(WRONG) + self.count(NOT_FINITE)

    @property
    def worst(self) -> Coordinate:
        """The coordinate with the largest relative error; a coordinate that is not finite ranks first."""
        k = int(np.argmax(np.where(np.isfinite(self.relative_error), self.relative_error, np.inf)))
        return self.coordinate(k)

    @property
    def coarse(self) -> int:
        """Number of coordinates whose slopes are so small, or jump so much, that a fault of 1 % would go unnoticed."""
        scale = np.maximum(np.abs(self.analytic), np.abs(self.numerical))
        return int(np.sum((self.uncertainty > COARSE * scale) & (self.status != NOT_FINITE)))

    @property
    def norm_error(self) -> float:
        """||ga - gn|| / max(||ga||, ||gn||) of the whole array."""
        scale = max(np.linalg.norm(self.analytic), np.linalg.norm(self.numerical))
        return float(np.linalg.norm(self.analytic - self.numerical) / scale) if scale > 0 else 0.0

    def coordinate(self, k: int) -> Coordinate:
        """The k-th checked coordinate."""
        index = tuple(int(i) for i in np.unravel_index(self.checked[k], self.shape)) if self.shape else ()
        return Coordinate(
            self.name,
            index,
            float(self.analytic[k]),
            float(self.numerical[k]),
            float(self.uncertainty[k]),
            float(self.relative_error[k]),
            STATUSES[self.status[k]],
            float(self.left[k]),
            float(self.right[k]),
        )

    def wrong(self) -> list[Coordinate]:
        """The coordinates that are wrong or not finite, worst first."""
        at = np.flatnonzero((self.status == WRONG) | (self.status == NOT_FINITE))
        order = np.argsort(-np.where(np.isfinite(self.relative_error[at]), self.relative_error[at], np.inf))
        return [self.coordinate(int(k)) for k in at[order]]


def array_check(
    name: str,
    shape: tuple[int, ...],
    checked: np.ndarray,
    analytic: np.ndarray,
    slopes: Slopes,
    tolerance: float,
    said: str = "",
    undecided: int = 0,
) -> ArrayCheck:
    """The check of an array, from the slopes of its checked numbers."""
    difference = np.abs(analytic - slopes.numerical)
    scale = np.maximum.reduce([np.abs(analytic), np.abs(slopes.numerical), slopes.uncertainty / tolerance])
    with np.errstate(invalid="ignore"):
        error = np.where(difference == 0, 0.0, difference / np.where(scale > 0, scale, 1.0))
    known = vars(slopes)
    return ArrayCheck(name, shape, checked, analytic, **known, relative_error=error, hint=said, undecided=undecided)
