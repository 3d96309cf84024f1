"""One run as the board shows it: its line in the list, the fields of its recipe, its metrics and its status."""

import dataclasses
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fallline.board.files import Stamp
from fallline.board.histories import live_facts
from fallline.board.studies import study_facts
from fallline.core.errors import FalllineError
from fallline.core.holding import holder_of
from fallline.core.nested import dotted
from fallline.core.reading import read_json, read_toml
from fallline.core.scores import larger_is_better
from fallline.core.shape import Mapping as Table
from fallline.core.shape import Plain
from fallline.report.runs import METRICS, POLICY, RECIPE, STUDY, RunEntry, entry_of

RUNNING, FINISHED, FAILED, STOPPED = "running", "finished", "failed", "stopped"
SEEDS = "seeds.json"  # the result of a policy with several seeds
_ENDS = {
    "finished": FINISHED, "stopped_early": FINISHED, "completed": FINISHED, "reached": FINISHED,
    "interrupted": STOPPED, "unfinished": STOPPED,
}  # fmt: skip
_OPEN = Table(Plain())
MOST_FIELDS = 2000  # of a recipe


@dataclasses.dataclass(frozen=True)
class BoardRun:
    """One run of the board.

    Attributes:
        key: an identifier that is safe in an address; it stays the same while the folder keeps its name.
        name: the folder's name.
        entry: the run as `fallline runs` lists it.
        status: running, finished, failed or stopped.
        epochs, planned: epochs so far and epochs of the recipe; of a study, trials.
        settings: every field of the recipe by its dotted path.
        metrics: every metric of the result by split and name, such as `test accuracy`.
        sentence: how the run ended, in words.
        revision: the index's revision at which this was read.
        loss: the latest validation loss of a run without a result.
    """

    key: str
    name: str
    entry: RunEntry
    status: str
    epochs: float | None
    planned: float | None
    settings: Mapping[str, str]
    metrics: Mapping[str, float]
    sentence: str = ""
    revision: int = 0
    loss: float | None = None

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.entry.folder

    def to_plain(self) -> dict[str, Any]:
        """The line of the list."""
        found = self.entry.to_plain()
        del found["folder"]
        larger = self.entry.kind == POLICY or larger_is_better(self.entry.metric)
        own = {"id": self.key, "name": self.name, "status": self.status, "epochs": self.epochs, "planned": self.planned}
        return {**found, **own, "loss": self.loss, "larger_is_better": larger}


def read_run(folder: Path, key: str, revision: int, stamp: Stamp) -> BoardRun:
    """One run from its folder; whatever cannot be read is left out.

    Arguments:
        folder: its folder.
        key, revision: as in `BoardRun`.
        stamp: the files of the folder.
    """
    held = is_running(folder, stamp)
    entry = entry_of(folder)
    summary = _document(folder / METRICS, stamp)
    plain = _recipe(folder, stamp)
    # A thousand runs share most of their words.
    settings = {sys.intern(path): sys.intern(value) for path, value in list(dotted(plain))[:MOST_FIELDS]}
    epochs, planned, loss = _count(summary.get("epochs")), _count(plain.get("epochs")), None
    if entry.kind == STUDY and "study.db" in stamp:
        entry, epochs, planned, more = study_facts(folder, entry, held)
        settings = settings or more
    elif held or entry.outcome == "unfinished":
        entry, epochs, loss = live_facts(folder, entry, stamp)
    if entry.kind == POLICY:
        epochs, planned = epochs or _count(summary.get("steps")), _count(plain.get("steps"))
        entry = _over_seeds(folder, entry, stamp)
    metrics = {f"{split} {name}": value for split, name, value in _metrics(summary)}
    status = RUNNING if held else _ENDS.get(entry.outcome, FAILED)
    sentence = summary.get("sentence")
    return BoardRun(
        key, os.fsdecode(folder.name) or str(folder), entry, status, epochs, planned, settings, metrics,
        sentence if isinstance(sentence, str) and not held else "", revision, loss,
    )  # fmt: skip


def is_running(folder: Path, stamp: Stamp) -> bool:
    """Whether a living process holds the folder."""
    return ".lock" in stamp and holder_of(folder) is not None


def _recipe(folder: Path, stamp: Stamp) -> dict[str, Any]:
    if RECIPE in stamp:
        with suppress(FalllineError):
            return read_toml(folder / RECIPE, "recipe", "a recipe")[0]
    return {}


def _document(path: Path, stamp: Stamp) -> dict[str, Any]:
    if path.name in stamp:
        with suppress(FalllineError):
            found: dict[str, Any] = read_json(path, _OPEN, "metrics", "train again")
            return found
    return {}


def _metrics(summary: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    splits = summary.get("metrics")
    found = []
    for split, values in splits.items() if isinstance(splits, dict) else ():
        for name, value in values.items() if isinstance(values, dict) else ():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append((str(split), str(name), float(value)))
    if not found and isinstance(summary.get("score"), int | float):
        found.append(("", "return", float(summary["score"])))
    return found


def _over_seeds(folder: Path, entry: RunEntry, stamp: Stamp) -> RunEntry:
    """A policy of several seeds: the median of their scores."""
    said = _document(folder / SEEDS, stamp)
    if not said:
        return entry
    median = said.get("median")
    score = float(median) if isinstance(median, int | float) else None
    split = f"median of {said.get('seeds')} seeds"
    return dataclasses.replace(entry, outcome="completed", metric="return", score=score, split=split)


def _count(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
