"""The runs in a folder: trainings, searches and policies, with their tags; tagging and removing them."""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fallline.core.documents import write_json
from fallline.core.errors import FalllineError
from fallline.core.holding import LOCK, Hold
from fallline.core.reading import read_json, read_toml
from fallline.core.shape import Entries, Listed, Mapping, Plain, Text

RECIPE, METRICS, TAGS = "recipe.toml", "metrics.json", "tags.json"
RUN, STUDY, POLICY = "training", "search", "policy"
MOST = 40  # longest tag
_TAGS = Entries({"tags": Listed(Text(visible=True))})
_OPEN = Mapping(Plain())
_SPLITS = ("test", "out_of_fold", "valid", "train")
# The files that Fallline writes into a run folder; no other file is ever removed.
_OWN = re.compile(
    r"(recipe\.toml|(metrics|identity|tags|diagnosis|interpretation|study|seeds)\.json|history\.parquet|(report|fork)\.html"
    r"|(model|policy|last|checkpoint|checkpoint\.previous)\.safetensors|curve\.svg|study\.db(-wal|-shm|-journal)?|\.lock)"
)


@dataclasses.dataclass(frozen=True)
class RunEntry:
    """One run folder as a list of runs shows it.

    Attributes:
        folder: where it is.
        kind: training, search or policy.
        data: the name of its table or environment.
        outcome: how it ended; "unfinished" if it has no metrics yet, "damaged" if they cannot be read.
        metric: the name of the score: of the split that says most, test rows first.
        score: the score; None if there is none.
        split: the rows behind the score.
        seconds: its duration.
        written: when its result, or its recipe, was written, in seconds since 1970.
        tags: words that a person gave it.
    """

    folder: Path
    kind: str
    data: str
    outcome: str
    metric: str = ""
    score: float | None = None
    split: str = ""
    seconds: float | None = None
    written: float = 0.0
    tags: tuple[str, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """The entry as plain data."""
        return {**dataclasses.asdict(self), "folder": str(self.folder), "tags": list(self.tags)}


def is_run(folder: Path) -> bool:
    """Whether a folder is the folder of a run: it has a recipe."""
    return folder.is_dir() and ((folder / RECIPE).is_file() or (folder / "study.db").is_file())


def list_runs(folder: Path) -> list[RunEntry]:
    """The runs in a folder, or the run that it is, the oldest first.

    Raises: FalllineError if the folder is not there or cannot be read.
    """
    if is_run(folder):
        return [entry_of(folder)]
    if not folder.is_dir():
        raise FalllineError(f"there is no folder {str(folder)!r}: expected a folder of runs, such as runs")
    try:
        found = [entry_of(each) for each in folder.iterdir() if is_run(each)]
    except OSError as error:
        raise FalllineError(f"folder {str(folder)!r} cannot be read: {error.strerror}; choose another") from None
    return sorted(found, key=lambda each: (each.written, str(each.folder)))


def entry_of(folder: Path) -> RunEntry:
    """One run as the list shows it; a damaged file makes it `damaged`, and is no error."""
    kind = STUDY if (folder / "study.db").is_file() or (folder / "study.json").is_file() else RUN
    tags = tuple(_tags(folder))
    try:
        plain = read_toml(folder / RECIPE, "recipe", "a recipe")[0] if (folder / RECIPE).is_file() else {}
        kind = POLICY if "environment" in plain else kind
        if not (folder / METRICS).is_file():
            data = str(plain.get("environment") or _source(plain.get("data")))
            return RunEntry(folder, kind, data, "unfinished", written=_written(folder, RECIPE), tags=tags)
        summary = read_json(folder / METRICS, _OPEN, "metrics", "train again")
    except FalllineError:
        return RunEntry(folder, kind, "", "damaged", written=_written(folder, METRICS), tags=tags)
    split, metric, score = _score(summary, kind)
    named = summary.get("environment") if kind == POLICY else _part(summary, "data").get("name")
    return RunEntry(
        folder, kind, str(named or ""), str(summary.get("outcome", "")), metric, score, split,
        _real(summary.get("seconds")), _written(folder, METRICS), tags,
    )  # fmt: skip


def tag_runs(runs: Sequence[Path], add: Iterable[str], remove: Iterable[str] = ()) -> list[RunEntry]:
    """Give tags to runs, and take others away; returns the runs as they are listed now.

    Raises: FalllineError for a folder that is no run, and for a tag that is no single word.
    """
    add, remove = list(add), set(remove)
    for tag in add:
        if not tag or len(tag) > MOST or not tag.isprintable() or any(c.isspace() or c == "," for c in tag):
            raise FalllineError(
                f"tag {tag[:80]!r}: expected a word of 1 to {MOST} characters without blanks and commas"
            )
    check_runs(runs)
    for run in runs:
        tags = [each for each in dict.fromkeys([*_tags(run), *add]) if each not in remove]
        if tags:
            write_json(run / TAGS, {"tags": tags})
        else:
            (run / TAGS).unlink(missing_ok=True)
    return [entry_of(run) for run in runs]


def remove_run(run: Path) -> list[str]:
    """Remove a run: the files that Fallline wrote, and the folder if nothing else is in it; returns what is left in it.

    Raises: FalllineError if it is no run, is in use, or cannot be removed.
    """
    check_runs([run])
    if run.is_symlink():
        raise FalllineError(f"{str(run)!r} is a link: remove the folder that it leads to, or the link itself")
    homes = [each for each in run.glob("seed-*") if is_run(each) and not each.is_symlink()]
    try:
        with Hold(run):
            for home in (*homes, run):
                for each in home.iterdir():
                    if _OWN.fullmatch(each.name) and each.name != LOCK and (each.is_file() or each.is_symlink()):
                        each.unlink()
        for home in (*homes, run):
            if not any(home.iterdir()):
                home.rmdir()
        return sorted(each.name for each in run.iterdir()) if run.exists() else []
    except OSError as error:
        raise FalllineError(f"run {str(run)!r} cannot be removed: {error.strerror}; remove it by hand") from None


def check_runs(runs: Iterable[Path]) -> None:
    """Raises: FalllineError for a folder that is no run folder."""
    for run in runs:
        if not is_run(run):
            raise FalllineError(f"{str(run)!r} is not a run folder: expected one with a {RECIPE}, such as runs/iris-1")


def _tags(folder: Path) -> list[str]:
    path = folder / TAGS
    if not path.is_file():
        return []
    try:
        return list(read_json(path, _TAGS, f"tags {str(path)!r}", "tag the run again")["tags"])
    except FalllineError:
        return []


def _score(summary: dict[str, Any], kind: str) -> tuple[str, str, float | None]:
    """(split, metric, score) that say most of a run."""
    if kind == POLICY:
        return f"{summary.get('episodes', '')} episodes", "return", _real(summary.get("score"))
    metrics = _part(summary, "metrics")
    split = next((each for each in _SPLITS if metrics.get(each)), "")
    scores = _part(metrics, split)
    metric = next((name for name in scores if name != "loss"), "loss" if "loss" in scores else "")
    return split, metric, _real(scores.get(metric))


def _part(document: Any, name: str) -> dict[str, Any]:
    found = document.get(name) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _source(data: Any) -> str:
    from fallline.data.table import name_of

    return name_of(data["source"]) if isinstance(data, dict) and isinstance(data.get("source"), str) else ""


def _real(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _written(folder: Path, name: str) -> float:
    path = folder / name
    try:
        return (path if path.exists() else folder).stat().st_mtime
    except OSError:
        return 0.0
