"""The result of a minimisation."""

import dataclasses
from typing import Any, Literal

import numpy as np

Ending = Literal["target", "evaluations", "stopped", "interrupted", "at_rest", "diverged", "failed"]


@dataclasses.dataclass(frozen=True)
class Optimum:
    """The best point seen.

    Arguments:
        point: the point, in the form of x0: a list for a list, NumPy arrays for arrays, floats for numbers.
        value: the objective there; NaN if every evaluation failed.
        evaluations: number of evaluations of the objective, including failed ones.
        failures: number of failed evaluations.
        reasons: reasons for the failures of a Python objective, with their counts.
        history: a column per name, a row per iteration: `evaluations` and `failures` so far, `lowest` (the best
            candidate's value), `value` (the objective at the method's own point; NaN if not evaluated), `best`.
        outcome: target, evaluations (all used), stopped (by `watch`), interrupted (by Ctrl-C) or failed; an update rule
            may also end at_rest (no slope and no step) or diverged (its values or steps are no longer finite).
        seconds: total time, including compilation.
    """

    point: Any
    value: float
    evaluations: int
    failures: int
    reasons: dict[str, int]
    history: dict[str, np.ndarray]
    outcome: Ending
    seconds: float
    maximize: bool

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        ended = {
            "target": "reached the target",
            "evaluations": "used all evaluations",
            "stopped": "was stopped",
            "interrupted": "was interrupted",
            "at_rest": "came to rest, where there is no slope,",
            "diverged": "diverged",
            "failed": "found no point with a value",
        }[self.outcome]
        best = (
            ""
            if self.outcome == "failed"
            else f"; the {'highest' if self.maximize else 'lowest'} value is {self.value:.6g}"
        )
        count = f" after {self.evaluations:,} evaluations"
        if not self.failures:
            return f"{ended}{count}{best}"
        most = max(self.reasons, key=lambda reason: self.reasons[reason], default="")
        why = f", most often: {most}" if most else " (not finite)"
        return f"{ended}{count}{best}; {self.failures:,} of them failed{why}"
