"""The diagnosis of a study, as data."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class Stretch:
    """One stretch of one dimension: its bounds, how many trials lie there, and how many of them diverged or stalled."""

    name: str
    low: str
    high: str
    trials: int
    diverged: int
    stalled: int


@dataclasses.dataclass(frozen=True)
class StudyDiagnosis:
    """What the trials of a study say about its space.

    Arguments:
        map: every dimension in stretches, with the trials that diverged or stalled (no better than the worst finished fifth).
        failing: a sentence for each stretch where trials fail more often than elsewhere.
        common: what the best fifth of the trials have in common, a sentence for each hyperparameter that differs.
        bounds: a sentence for each bound to move.
        default: whether the gain over the default is more than noise; None if the default was not tried.
        more: whether more trials would help; None for few trials.
    """

    map: tuple[Stretch, ...]
    failing: tuple[str, ...]
    common: tuple[str, ...]
    bounds: tuple[str, ...]
    default: str | None
    more: str | None

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it in words."""
        return (*self.failing, *self.common, *self.bounds, *filter(None, (self.default, self.more)))

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return dataclasses.asdict(self)
