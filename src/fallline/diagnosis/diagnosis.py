"""The findings of a run by importance, and what was checked."""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from fallline.core.block import Block
from fallline.diagnosis.base import Finding, Kind, Remedy
from fallline.diagnosis.evidence import Evidence, RecipeLike
from fallline.diagnosis.kinds import KINDS


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a run, by importance.

    Arguments:
        findings: findings that no other finding explains, the most important first.
        explained: findings that follow from others, which `explained_by` names.
        checked: titles of the kinds that the evidence allowed to judge.
        unseen: titles of the kinds that need evidence that was not gathered.
        skills: skill of the model and of simple models on the same rows, by name.
        subjects: the titles in `checked` by what they are about.
        tried: remedies that were tried; None if none was.
    """

    findings: tuple[Finding, ...]
    explained: tuple[Finding, ...]
    checked: tuple[str, ...]
    unseen: tuple[str, ...]
    skills: dict[str, float]
    subjects: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    tried: Any = None

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the findings, the most important first; those explained by others come last."""
        return tuple(each.name for each in (*self.findings, *self.explained))

    @property
    def bill(self) -> str:
        """A sentence for a run without findings; `subjects` lists what was checked."""
        return f"Nothing was found. {len(self.checked)} possible causes were checked."

    def to_plain(self) -> dict[str, Any]:
        """The diagnosis as plain data; blocks are named, and numbers that are not finite become None."""
        return {
            "healthy": self.healthy,
            "findings": [finding_to_plain(each) for each in self.findings],
            "explained": [finding_to_plain(each) for each in self.explained],
            "checked": list(self.checked),
            "subjects": {name: list(titles) for name, titles in self.subjects.items()},
            "unseen": list(self.unseen),
            "skills": {name: finite(value) for name, value in self.skills.items()},
            "bill": self.bill if self.healthy else None,
            "tried": None if self.tried is None else self.tried.to_plain(),
        }


def judge(evidence: Evidence, kinds: Sequence[Kind] | None = None) -> Diagnosis:
    """Hand the evidence to every kind of finding, and order what they find.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(), fl.load("sklearn:digits"))
    >>> run.diagnosis.healthy
    True
    """
    kinds = KINDS if kinds is None else kinds
    seen = [each for each in kinds if each.sees(evidence)]
    found = {each.name: finding for each in seen if (finding := each.judge(evidence)) is not None}
    explained = _explained(found, kinds)
    subjects: dict[str, tuple[str, ...]] = {}
    for each in seen:
        subjects[each.subject] = (*subjects.get(each.subject, ()), each.title)
    order = sorted(found.values(), key=lambda each: -each.importance)
    own = {"model": evidence.skill(evidence.scored_on), **evidence.skills}
    return Diagnosis(
        findings=tuple(_possible(each, evidence.recipe) for each in order if each.name not in explained),
        explained=tuple(
            dataclasses.replace(each, explained_by=explained[each.name]) for each in order if each.name in explained
        ),
        checked=tuple(dict.fromkeys(each.title for each in seen)),
        unseen=tuple(dict.fromkeys(each.title for each in kinds if not each.sees(evidence))),
        skills={name: float(value) for name, value in own.items() if math.isfinite(value)},
        subjects={name: tuple(dict.fromkeys(titles)) for name, titles in subjects.items()},
    )


def _explained(found: dict[str, Finding], kinds: Sequence[Kind]) -> dict[str, str]:
    """Which findings another one explains. Of two that explain each other, the more important one stays."""
    claims = {each.name: [other for other in each.explains if other in found] for each in kinds if each.name in found}
    order = sorted(found, key=lambda name: -found[name].importance)
    explained: dict[str, str] = {}
    for name in order:
        if name in explained and any(name in claims[each] for each in order[: order.index(name)]):
            continue  # what follows from another finding explains nothing by itself
        for other in claims[name]:
            mutual = name in claims[other] and order.index(other) < order.index(name)
            if other not in explained and not mutual:
                explained[other] = name
    return explained


def _possible(finding: Finding, recipe: RecipeLike) -> Finding:
    """The finding with the remedies that change this recipe."""
    return dataclasses.replace(finding, remedies=tuple(each for each in finding.remedies if each.fits(recipe)))


def finding_to_plain(finding: Finding) -> dict[str, Any]:
    """A finding as plain data."""
    return {
        "name": finding.name,
        "title": finding.title,
        "evidence": finding.evidence,
        "cause": finding.cause,
        "confidence": round(finding.confidence, 3),
        "importance": round(finding.importance, 3),
        "epoch": finding.epoch,
        "numbers": {name: finite(value) for name, value in finding.numbers.items()},
        "remedies": [remedy_to_plain(each) for each in finding.remedies],
        "advice": finding.advice,
        "columns": list(finding.columns),
        "explained_by": finding.explained_by,
    }


def remedy_to_plain(remedy: Remedy) -> dict[str, Any]:
    """A remedy as plain data."""
    return {"name": remedy.name, "changes": {path: _shown(value) for path, value in remedy.changes.items()}}


def _shown(value: Any) -> Any:
    from fallline.core.plain import to_plain

    if isinstance(value, Block):
        return to_plain(value)
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    return value


def finite(value: float) -> float | None:
    """The number, or None if it is not finite."""
    return float(value) if math.isfinite(value) else None
