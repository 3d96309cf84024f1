"""What a check has found: numbers in fields, and the verdict in words."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from fallline.gradients.judge import COARSE, KINK, NOT_FINITE, STATUSES, WRONG, Slopes


@dataclasses.dataclass(frozen=True)
class Coordinate:
    """One number of x: `array` and `index` say which; its slopes as derived, and as measured."""

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
        """Such as `dense_1.weight[3, 2]`."""
        return self.array + (f"[{', '.join(map(str, self.index))}]" if self.index else "")


@dataclasses.dataclass(frozen=True)
class ArrayCheck:
    """One array of x.

    Arguments:
        name: its dotted path.
        shape: its shape.
        checked: which of its numbers, counted row by row, were looked at.
        analytic: the gradient that was given, at those.
        numerical: the slopes by differences.
        uncertainty: how far these may be off: the rounding error of f, or, at a kink, half the jump of the slope.
        left: the slopes just below.
        right: the slopes just above.
        relative_error: |ga - gn| / max(|ga|, |gn|, uncertainty / tolerance), so that what differences cannot see
            counts as no more than the tolerance.
        status: 0 ok, 1 a kink, 2 wrong, 3 not finite.
        hint: what kind of fault it is.
        undecided: how many of the kinks are such that several meet at the point, and the derived slope is on neither side.
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
        """How many coordinates have a status."""
        return int(np.sum(self.status == status))

    @property
    def faults(self) -> int:
        """How many coordinates are wrong or not finite."""
        return self.count(WRONG) + self.count(NOT_FINITE)

    @property
    def worst(self) -> Coordinate:
        """The coordinate with the largest relative error; one that is not finite comes first."""
        k = int(np.argmax(np.where(np.isfinite(self.relative_error), self.relative_error, np.inf)))
        return self.coordinate(k)

    @property
    def coarse(self) -> int:
        """Coordinates whose slopes are so small, or jump so much, that a fault of 1 % would not be seen."""
        scale = np.maximum(np.abs(self.analytic), np.abs(self.numerical))
        return int(np.sum((self.uncertainty > COARSE * scale) & (self.status != NOT_FINITE)))

    @property
    def norm_error(self) -> float:
        """||ga - gn|| / max(||ga||, ||gn||), of the array as a whole."""
        scale = max(np.linalg.norm(self.analytic), np.linalg.norm(self.numerical))
        return float(np.linalg.norm(self.analytic - self.numerical) / scale) if scale > 0 else 0.0

    def coordinate(self, k: int) -> Coordinate:
        """The k-th of the coordinates that were looked at."""
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
        """The coordinates that are wrong or not finite, the worst first."""
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
    """An array's entry, from the slopes of those of its numbers that were looked at."""
    difference = np.abs(analytic - slopes.numerical)
    scale = np.maximum.reduce([np.abs(analytic), np.abs(slopes.numerical), slopes.uncertainty / tolerance])
    with np.errstate(invalid="ignore"):
        error = np.where(difference == 0, 0.0, difference / np.where(scale > 0, scale, 1.0))
    known = vars(slopes)
    return ArrayCheck(name, shape, checked, analytic, **known, relative_error=error, hint=said, undecided=undecided)


@dataclasses.dataclass(frozen=True)
class GradientCheck:
    """The result of `check_gradient`; as text, the verdict and a table of the arrays.

    Arguments:
        outcome: `right`, `wrong`, `noisy` (two evaluations at the same point differ) or `not finite` (f(x) is not).
        verdict: the outcome in words, with the place.
        arrays: one entry per array of x; none where f itself was at fault.
        tolerance: on the relative error.
        value: f(x).
        noise: the rounding error of f, measured.
        share: of the coordinates that were looked at.
        method: `central`, `complex` or `directional`.
        evaluations: of f.
    """

    outcome: str
    verdict: str
    arrays: tuple[ArrayCheck, ...]
    tolerance: float
    value: float
    noise: float
    share: float
    method: str
    evaluations: int

    @property
    def right(self) -> bool:
        """Whether the gradient was found right."""
        return self.outcome == "right"

    @property
    def worst(self) -> Coordinate | None:
        """The coordinate with the largest relative error."""
        found = [each.worst for each in self.arrays]
        errors = [each.relative_error if np.isfinite(each.relative_error) else np.inf for each in found]
        return found[int(np.argmax(errors))] if found else None

    @property
    def kinks(self) -> int:
        """Coordinates at or near a kink of f, where the analytic slope is a possible one."""
        return sum(each.count(KINK) for each in self.arrays)

    @property
    def undecided(self) -> int:
        """Coordinates of which nothing is decided: several kinks meet at x, and beside it the gradient is right."""
        return sum(each.undecided for each in self.arrays)

    def wrong(self) -> list[Coordinate]:
        """The wrong coordinates of all arrays, the worst of each array first."""
        return [each for array in self.arrays for each in array.wrong()]

    def __getitem__(self, name: str) -> ArrayCheck:
        return next(each for each in self.arrays if each.name == name)

    def __str__(self) -> str:
        from fallline.gradients.words import table

        return "\n".join([self.verdict, *(["", *table(self)] if self.arrays else [])])
