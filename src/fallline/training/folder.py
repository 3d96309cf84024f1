"""The run folder: what a training leaves on the disk, complete enough to repeat, resume, predict and report."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import tomli_w

from fallline.core.errors import FalllineError, nearest
from fallline.core.files import write_atomically
from fallline.core.reading import read_toml
from fallline.core.shape import Either, Entries, Listed, Mapping, Real, Text, Whole, check
from fallline.data.table import Table
from fallline.training.checkpoint import remove_checkpoints
from fallline.training.recipe import Recipe, complete_for, recipe_from_plain, recipe_to_plain
from fallline.training.train import Run

RECIPE, METRICS, HISTORY, MODEL = "recipe.toml", "metrics.json", "history.parquet", "model.safetensors"
_TEXTS = Listed(Text())
DATA = Entries(  # the arguments of `load` that a file may give
    {},
    {"source": Text(), "target": Either(Text(), _TEXTS), "names": _TEXTS, "test_source": Text(), "valid_source": Text(),
     "kinds": Mapping(Text()), "task": Text(), "test": Real(), "valid": Real(), "seed": Whole(0), "missing": Text()},
)  # fmt: skip
_HEAD = "# A complete Fallline recipe: `fallline train --recipe recipe.toml` repeats the run.\n"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that a run needs: the recipe, the arguments of `load`, the seed."""

    recipe: Recipe
    data: dict[str, Any]
    seed: int


def new_folder(path: Path | None, name: str) -> Path:
    """Choose the folder of a new run: the one asked for, or the next free `runs/NAME-k`.

    Raises: FalllineError where the folder already holds something.
    """
    if path is not None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise FalllineError(f"run folder {str(path)!r} is not empty: choose another with --out, or remove it")
        return path
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")[:60] or "data"
    count = 1
    while (folder := Path("runs") / f"{safe}-{count}").exists():
        count += 1
    return folder


def checked(plan: Plan, table: Table) -> Recipe:
    """The completed recipe; called before a folder is made, so that bad input leaves nothing behind.

    Raises: FalllineError as `complete` does.
    """
    return complete_for(plan.recipe, table.dataset)


def begin_folder(folder: Path, plan: Plan) -> None:
    """Make the folder and write its recipe, so that a killed run can be resumed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FalllineError(
            f"cannot make run folder {str(folder)!r}: {error.strerror}; choose another with --out"
        ) from None
    write_atomically(folder / RECIPE, plan_to_toml(plan).encode())


def abandon_folder(folder: Path) -> None:
    """Take back what `begin_folder` made, where training could not begin: bad input leaves nothing behind."""
    if [each.name for each in folder.iterdir()] == [RECIPE]:
        (folder / RECIPE).unlink()
        folder.rmdir()
        if folder.parent == Path("runs") and not any(folder.parent.iterdir()):
            folder.parent.rmdir()


def finish_folder(folder: Path, plan: Plan, run: Run, table: Table) -> dict[str, Any]:
    """Write model, history and metrics; returns what `--json` prints."""
    summary = summarise(folder, run, table)
    run.model.save(folder / MODEL)
    run.history.save(folder / HISTORY)
    write_atomically(folder / RECIPE, plan_to_toml(dataclasses.replace(plan, recipe=run.recipe)).encode())
    write_atomically(folder / METRICS, (json.dumps(_without_nan(summary), indent=2) + "\n").encode())
    if not run.interrupted:
        remove_checkpoints(folder)
    return summary


def summarise(folder: Path, run: Run, table: Table) -> dict[str, Any]:
    """A run as plain data."""
    data = table.dataset
    return {
        "run": str(folder),
        "outcome": "interrupted" if run.interrupted else run.outcome.label,
        "sentence": run.sentence,
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "steps": int(run.state.step),
        "seconds": round(run.seconds, 3),
        "setup_seconds": round(run.compile_seconds, 3),
        "seed": run.seed,
        "metrics": run.metrics,
        "parameters": run.model.size,
        "scaling": {"name": run.recipe.scaler.name, **run.scaling},
        "data": {
            "name": table.name,
            "task": table.task,
            "target": list(table.schema.target.names),
            "classes": None if table.classes is None else [str(each) for each in table.classes],
            "features": int(data.x.shape[1]),
            "rows": {"train": len(data.train), "valid": len(data.valid), "test": len(data.test)},
        },
        "notes": [*table.warnings, *run.notes],
    }


def plan_to_toml(plan: Plan) -> str:
    """A plan as a TOML document."""
    return _HEAD + tomli_w.dumps({"seed": plan.seed, "data": plan.data, **recipe_to_plain(plan.recipe)})


def read_plan(path: Path) -> Plan:
    """Read a recipe file.

    Raises: FalllineError naming the file and the place, for anything that is not a recipe.
    """
    what = f"recipe {str(path)!r}"
    plain, _ = read_toml(path, what, "a TOML file such as a run's recipe.toml")
    data, seed = plain.pop("data", {}), plain.pop("seed", 0)
    if not isinstance(data, dict) or isinstance(seed, bool) or not isinstance(seed, int):
        raise FalllineError(f"{what}: [data] must be a table and seed a whole number")
    for key in data:
        if key not in DATA.optional:
            raise FalllineError(f"{what}: [data] has no entry {key!r}: {nearest(key, DATA.optional)}")
    check(DATA, data, f"[data] of {what}", "correct it")
    return Plan(recipe_from_plain(plain), data, seed)


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is not a number is null."""
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value
