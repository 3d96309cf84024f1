"""What the board shows of one run beside its curves, and of several runs beside each other."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from fallline.board.entries import FINISHED, RUNNING, BoardRun
from fallline.board.studies import read_trials
from fallline.core.errors import FalllineError
from fallline.report.differences import NOT_THERE
from fallline.report.runs import STUDY
from fallline.report.why_section import read_diagnosis

FINDINGS = 20  # most findings of a run
COMPARED = 30  # most runs in a table beside each other
LONGEST = 300  # characters of a value


def details(run: BoardRun) -> dict[str, Any]:
    """One run: its recipe, its metrics, what the doctor found, and the trials of its study."""
    return {
        **run.to_plain(),
        "folder": str(run.folder),
        "sentence": run.sentence,
        "settings": [[path, _cut(value)] for path, value in sorted(run.settings.items())],
        "metrics": [[name, value] for name, value in run.metrics.items()],
        "doctor": _doctor(run),
        "study": _study(run),
    }


def compared(runs: Sequence[BoardRun]) -> dict[str, Any]:
    """In what the recipes of some runs differ, and their metrics."""
    runs = runs[:COMPARED]
    paths = sorted({path for each in runs for path in each.settings})
    rows = [(path, [_cut(each.settings.get(path, NOT_THERE)) for each in runs]) for path in paths]
    names = list(dict.fromkeys(name for each in runs for name in each.metrics))
    return {
        "ids": [each.key for each in runs],
        "names": [each.name for each in runs],
        "fields": [[path, values] for path, values in rows if len(set(values)) > 1],
        "metrics": [[name, [each.metrics.get(name) for each in runs]] for name in names],
    }


def _doctor(run: BoardRun) -> dict[str, Any]:
    """The doctor's findings, or the reason why there are none."""
    try:
        found = read_diagnosis(run.folder)
    except FalllineError as error:
        return {"findings": [], "text": f"The diagnosis cannot be read: {error}."}
    if found is None:
        said = "the doctor looks at a training when it has ended" if run.status == RUNNING else "there is no diagnosis"
        if run.entry.kind != "training" and run.status == FINISHED:
            said = "a diagnosis is made of trainings"
        return {"findings": [], "text": f"{said[0].upper()}{said[1:]}."}
    findings = [
        {"title": each["title"], "evidence": each["evidence"], "cause": each["cause"], "advice": each["advice"],
         "remedies": [one["name"] for one in each["remedies"]]}
        for each in found["findings"][:FINDINGS]
    ]  # fmt: skip
    text = (found["bill"] or "Nothing was found.") if found["healthy"] else ""
    return {"findings": findings, "text": text}


def _study(run: BoardRun) -> dict[str, Any] | None:
    if run.entry.kind != STUDY or not (run.folder / "study.db").exists():
        return None
    try:
        return dataclasses.asdict(read_trials(run.folder))
    except FalllineError as error:
        return {"error": str(error)}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
