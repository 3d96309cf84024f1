"""A kind of finding is a block: what it measures, its thresholds, and `judge(evidence) -> Finding | None`."""

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar

from fallline.core.block import Block, replace
from fallline.core.errors import FalllineError
from fallline.diagnosis.evidence import Evidence, RecipeLike


@dataclasses.dataclass(frozen=True)
class Remedy:
    """A change of the recipe that may help.

    Arguments:
        name: what it does, in a few words.
        changes: new values by the recipe's dotted paths.
    """

    name: str
    changes: dict[str, Any]

    def apply(self, recipe: RecipeLike) -> Any:
        """The changed recipe; raises FalllineError where it does not fit."""
        return replace(recipe, self.changes)

    def fits(self, recipe: RecipeLike) -> bool:
        """Whether the change is possible and changes something."""
        try:
            return bool(self.apply(recipe) != recipe)
        except (FalllineError, ValueError):
            return False


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a run.

    Arguments:
        name, title: of its kind.
        evidence: what was measured, as a sentence.
        cause: the likely cause, as a sentence.
        confidence: from 0 to 1.
        severity: how much it matters, from 0 to 1.
        epoch: where it shows, from 1; None for findings about data or answers.
        numbers: the measurements.
        remedies: changes of the recipe that may help.
        advice: what to do besides, as a sentence; may be empty.
        columns: columns of the history that show it.
        explained_by: name of the finding that explains this one; empty if none does.
    """

    name: str
    title: str
    evidence: str
    cause: str
    confidence: float
    severity: float
    epoch: int | None
    numbers: dict[str, float]
    remedies: tuple[Remedy, ...] = ()
    advice: str = ""
    columns: tuple[str, ...] = ()
    explained_by: str = ""

    @property
    def importance(self) -> float:
        """Severity times confidence; findings are ordered by it."""
        return self.severity * self.confidence


class Kind(Block):
    """A kind of finding.

    Facts: `title` names it for a user, `subject` is what it is about, and `measures` says what it looks at.
    `severity` says how much it matters (1: the run is useless). `explains` names the kinds whose findings follow from
    this one and are listed below it. `needs` names the parts of the evidence without which it says nothing.
    """

    family: ClassVar[str] = "finding"
    title: ClassVar[str] = ""
    subject: ClassVar[str] = "other"
    measures: ClassVar[str] = ""
    severity: ClassVar[float] = 0.5
    explains: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ()

    def sees(self, evidence: Evidence) -> bool:
        """Whether the evidence that it needs was gathered."""
        return all(getattr(evidence, each) is not None for each in self.needs)

    @abstractmethod
    def judge(self, evidence: Evidence) -> Finding | None:
        """The finding, or None if the evidence does not show it."""

    def found(
        self,
        evidence: str,
        cause: str,
        confidence: float,
        numbers: dict[str, float],
        *,
        epoch: int | None = None,
        remedies: list[Remedy] | None = None,
        advice: str = "",
        columns: tuple[str, ...] = (),
    ) -> Finding:
        """A finding of this kind."""
        plain = {name: float(value) for name, value in numbers.items()}
        sure = min(max(float(confidence), 0.0), 1.0)
        return Finding(
            self.name,
            self.title,
            evidence,
            cause,
            sure,
            self.severity,
            epoch,
            plain,
            tuple(remedies or ()),
            advice,
            columns,
        )
