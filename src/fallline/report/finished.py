"""Reads a finished run from its folder."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.errors import FalllineError
from fallline.core.reading import read_json, read_text
from fallline.report.shapes import SUMMARY

if TYPE_CHECKING:
    from fallline.training.folder import Plan
    from fallline.training.history import History


@dataclasses.dataclass(frozen=True)
class Finished:
    """The content of a run folder: the plan, its TOML text, the summary of results, and one row per epoch."""

    folder: Path
    plan: "Plan"
    recipe_text: str
    summary: dict[str, Any]
    history: "History"


def read_finished(folder: Path) -> Finished:
    """Read a run folder.

    Raises: FalllineError if it is not a run folder, the run is unfinished, or a file is damaged.
    """
    from fallline.training.folder import HISTORY, METRICS, RECIPE, read_plan
    from fallline.training.history import load_history

    folder = Path(folder)
    if not folder.is_dir() or not (folder / RECIPE).is_file():
        raise FalllineError(
            f"{str(folder)!r} is not a run folder: expected a folder with {RECIPE}, {METRICS} and {HISTORY}, "
            "as `fallline train` leaves it"
        )
    for name in (METRICS, HISTORY):
        if not (folder / name).is_file():
            raise FalllineError(
                f"run folder {str(folder)!r} has no {name}: the run is not finished; resume it, or wait for its end"
            )
    plan = read_plan(folder / RECIPE)
    text = read_text(folder / RECIPE, f"recipe {str(folder / RECIPE)!r}")
    return Finished(folder, plan, text, _read_summary(folder / METRICS), load_history(folder / HISTORY))


def _read_summary(path: Path) -> dict[str, Any]:
    what, remedy = f"metrics {str(path)!r}", "train the run again"
    found: dict[str, Any] = read_json(path, SUMMARY, what, remedy)
    uncounted = [split for split, metrics in found["metrics"].items() if metrics and split not in found["data"]["rows"]]
    if uncounted:
        raise FalllineError(f"{what} is damaged: it does not say how many rows {uncounted[0][:80]!r} has; {remedy}")
    return found
