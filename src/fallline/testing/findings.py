"""The contract of kinds of findings: silent on a healthy run, unshaken by odd evidence, remedies that change the recipe."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.facts import Facts
from fallline.testing.base import demand, of
from fallline.testing.evidence import answers_of, healthy, history_of, layers_of

TASKS = ("classification", "regression")
PARTS = ("facts", "opening", "closing", "held", "columns", "split", "gradient")
EPOCHS = len(history_of()["epoch"])


def odd() -> Iterator[tuple[str, Evidence]]:
    """Evidence of runs that ended at once, diverged, learnt nothing, or know little, with a word for each."""
    nothing = np.full(EPOCHS, np.nan)
    flat, poor = np.full(EPOCHS, 1.1), {"loss": 1.1, "accuracy": 0.34, "balanced_accuracy": 0.33}
    for task in TASKS:
        usual = healthy(task)
        yield "one epoch", dataclasses.replace(usual, history={name: each[:1] for name, each in usual.history.items()})
        yield "no epoch", dataclasses.replace(usual, history={name: each[:0] for name, each in usual.history.items()})
        yield (
            "divergence",
            healthy(task, outcome="diverged", history=history_of(train_loss=nothing, valid_loss=nothing)),
        )
        yield "a flat loss", healthy(task, history=history_of(train_loss=flat, valid_loss=flat))
        yield "no validation rows", healthy(task, rows={"train": 800}, metrics={"train": usual.metrics["train"]})
        yield "bare columns", healthy(task, history={name: usual.history[name] for name in ("epoch", "train_loss")})
        for part in PARTS:
            missing: dict[str, Any] = {part: None}
            yield f"no {part}", dataclasses.replace(usual, **missing)
    splits = ("train", "valid", "test")
    yield "bad scores", healthy(metrics=dict.fromkeys(splits, poor), held=answers_of(wrong=0.6))
    yield "bad layers", healthy(opening=layers_of(gradient=np.zeros(3), dead=np.ones(2), loss=np.inf))
    yield "an empty class", healthy(facts=Facts(largest=0.99, counts=(792, 8, 0), entropy=0.06))


def findings(kind: Kind) -> Iterator[tuple[str, Evidence, Finding]]:
    """What it finds in odd evidence that it can see."""
    for word, evidence in odd():
        if kind.sees(evidence) and (found := kind.judge(evidence)) is not None:
            yield word, evidence, found


@of("finding")
def described(kind: Kind) -> None:
    """It has a title, a subject and words for what it measures, a severity from 0 to 1, and needs that evidence has."""
    for name in ("title", "subject", "measures"):
        demand(getattr(kind, name).strip(), f"its {name} is empty")
    demand(0.0 < kind.severity <= 1.0, f"its severity is {kind.severity:g}")
    known = {each.name for each in dataclasses.fields(Evidence)}
    for need in kind.needs:
        demand(need in known, f"it needs {need!r}, which evidence does not have")


@of("finding")
def silent_on_health(kind: Kind) -> None:
    """A healthy run shows nothing of it."""
    for task in TASKS:
        evidence = healthy(task)
        found = kind.judge(evidence) if kind.sees(evidence) else None
        demand(found is None, f"in a healthy {task} it finds: {'' if found is None else found.evidence}")


@of("finding")
def unshaken(kind: Kind) -> None:
    """Evidence of runs that ended at once, diverged or know little is judged without an error, twice in the same way."""
    for word, evidence in odd():
        if not kind.sees(evidence):
            continue
        try:
            first = kind.judge(evidence)
        except Exception as error:
            raise AssertionError(f"for {word} it raises {type(error).__name__}: {error}") from error
        demand(repr(kind.judge(evidence)) == repr(first), f"for {word} it finds something else the second time")


@of("finding")
def reported(kind: Kind) -> None:
    """What it finds has its name, a sentence of evidence with a cause, a confidence from 0 to 1 and an epoch of the run."""
    for word, evidence, found in findings(kind):
        demand(found.name == kind.name, f"for {word} the finding is named {found.name!r}")
        demand(found.evidence.strip() and found.cause.strip(), f"for {word} it gives no evidence or no cause")
        demand(0.0 <= found.confidence <= 1.0, f"for {word} its confidence is {found.confidence:g}")
        last = len(evidence.history["epoch"])
        demand(
            found.epoch is None or 0 <= found.epoch <= max(last, 1),
            f"for {word} it names epoch {found.epoch} of {last}",
        )


@of("finding")
def remedied(kind: Kind) -> None:
    """It says what to do: by a remedy that changes the recipe, or by advice in words."""
    for word, evidence, found in findings(kind):
        fitting = [remedy for remedy in found.remedies if remedy.fits(evidence.recipe)]
        demand(
            fitting or found.advice.strip(), f"for {word} it names neither a remedy that changes the recipe nor advice"
        )
