"""A finished run read back from its folder."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.training.folder import Plan
    from fallline.training.history import History


@dataclasses.dataclass(frozen=True)
class Finished:
    """What a run folder says: the plan, its TOML text, what came out, and one row per epoch."""

    folder: Path
    plan: "Plan"
    recipe_text: str
    summary: dict[str, Any]
    history: "History"


def read_finished(folder: Path) -> Finished:
    """Read a run folder.

    Raises: FalllineError for a folder that is not a run folder, is unfinished or has a damaged file.
    """
    from fallline.training.folder import HISTORY, METRICS, RECIPE, read_plan

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
    text = (folder / RECIPE).read_text(encoding="utf-8")
    return Finished(folder, plan, text, _read_summary(folder / METRICS), _read_history(folder / HISTORY))


def _read_summary(path: Path) -> dict[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FalllineError(f"metrics {str(path)!r} cannot be read as JSON: {error}; train the run again") from None
    shape = {"sentence": str, "outcome": str, "metrics": dict, "data": dict, "notes": list}
    if not isinstance(summary, dict) or any(not isinstance(summary.get(key), kind) for key, kind in shape.items()):
        raise FalllineError(f"metrics {str(path)!r} are not those of a run: expected {', '.join(shape)}; train again")
    splits, data = summary["metrics"], summary["data"]
    if not all(isinstance(each, dict) for each in splits.values()) or not isinstance(data.get("rows"), dict):
        raise FalllineError(
            f"metrics {str(path)!r} are not those of a run: expected metrics by split and rows; train again"
        )
    return summary


def _read_history(path: Path) -> "History":
    import polars as pl

    from fallline.training.history import load_history

    try:
        history = load_history(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise FalllineError(f"history {str(path)!r} cannot be read as Parquet: {error}; train the run again") from None
    wrong = [name for name, column in history.columns.items() if column.dtype.kind not in "iuf"]
    if wrong or "epoch" not in history.columns:
        what = f"column {wrong[0]!r} is not of numbers" if wrong else "it has no column 'epoch'"
        raise FalllineError(f"history {str(path)!r} is not that of a run: {what}; train the run again")
    return history
