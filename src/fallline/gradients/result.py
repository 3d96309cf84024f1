"""The result of a check: numbers in fields, and the verdict in words."""

import dataclasses

import numpy as np

from fallline.gradients.array import ArrayCheck, Coordinate
from fallline.gradients.verdicts import KINK
from fallline.gradients.words import table


@dataclasses.dataclass(frozen=True)
class GradientCheck:
    """The result of `check_gradient`; as text, the verdict and a table of the arrays.

    Arguments:
        outcome: `right`, `wrong`, `noisy` (two evaluations at the same point differ) or `not finite` (f(x) is not).
        verdict: the outcome in words, with the place.
        arrays: one entry per array of x; empty if f itself is at fault.
        tolerance: largest relative error that counts as right.
        value: f(x).
        noise: the measured rounding error of f.
        share: share of the coordinates that were checked.
        method: `central`, `complex` or `directional`.
        evaluations: number of evaluations of f.
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
        """Whether the gradient was found to be right."""
        return self.outcome == "right"

    @property
    def worst(self) -> Coordinate | None:
        """The coordinate with the largest relative error."""
        found = [each.worst for each in self.arrays]
        errors = [each.relative_error if np.isfinite(each.relative_error) else np.inf for each in found]
        return found[int(np.argmax(errors))] if found else None

    @property
    def kinks(self) -> int:
        """Number of coordinates at or near a kink of f at which the analytic slope is a possible one."""
        return sum(each.count(KINK) for each in self.arrays)

    @property
    def undecided(self) -> int:
        """Number of undecided coordinates: several kinks meet at x, and the gradient is right beside x."""
        return sum(each.undecided for each in self.arrays)

    def wrong(self) -> list[Coordinate]:
        """The wrong coordinates of all arrays, worst first within each array."""
        return [each for array in self.arrays for each in array.wrong()]

    def __getitem__(self, name: str) -> ArrayCheck:
        return next(each for each in self.arrays if each.name == name)

    def __str__(self) -> str:
        return "\n".join([self.verdict, *(["", *table(self.arrays)] if self.arrays else [])])
