"""The run folder: everything needed to repeat a run, resume it, predict with its model and report on it."""

import dataclasses
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fallline.core.documents import to_toml, write_json
from fallline.core.errors import FalllineError, nearest
from fallline.core.files import clear_left_over, make_folder, try_folder, write_atomically, write_or_elsewhere
from fallline.core.holding import LOCK
from fallline.core.reading import read_toml
from fallline.core.shape import Either, Entries, Flag, Listed, Mapping, Real, Text, Whole, check
from fallline.data.table import Table
from fallline.serving.outcome import outcome_of
from fallline.training.checkpoint import copy_checkpoints, remove_checkpoints
from fallline.training.class_weights import with_class_weights
from fallline.training.recipe import Recipe, complete_for, recipe_from_plain, recipe_to_plain
from fallline.training.run import Run

RECIPE, METRICS, HISTORY, MODEL = "recipe.toml", "metrics.json", "history.parquet", "model.safetensors"
REPORT = "report.html"
LEAST = (
    8_000_000  # bytes that a run's files may take beside its checkpoints: the report brings its drawing program along
)
_TEXTS = Listed(Text())
DATA = Entries(  # the arguments of `load` and `scan` that a file may give
    {},
    {"source": Either(Text(), _TEXTS), "target": Either(Text(), _TEXTS), "names": _TEXTS, "test_source": Text(),
     "valid_source": Text(), "kinds": Mapping(Text()), "task": Text(), "test": Real(), "valid": Real(),
     "seed": Whole(0), "missing": Text(),
     "groups": Text(), "time": Text(), "stratify": Text(), "weights": Text(), "drop_missing_target": Flag(), "image_size": Text(),
     "split": Text(), "memory": Text(), "cache": Text()},
)  # fmt: skip
_HEADING = "A complete Fallline recipe: `fallline train --recipe recipe.toml` repeats the run."
_STAGES = Listed(Listed(Whole(1, 2**31 - 1), 2, 2))
_EXTENDED = "The recipe of a Fallline run that extends another: `fallline train --resume RUN --epochs N` repeats it."


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything a run needs: the recipe, the arguments of `load`, the seed, and the networks of an ensemble.

    `extended` holds (epochs planned, epochs run) of every run that this one extends, the first one first. `workers` is the
    number of processes that share every minibatch, if there are several: sums are rounded in another way for each number.
    """

    recipe: Recipe
    data: dict[str, Any]
    seed: int
    extended: tuple[tuple[int, int], ...] = ()
    members: int | None = None
    bag: int | None = None
    workers: int | None = None

    @property
    def several(self) -> dict[str, int]:
        """The arguments of `train` that make an ensemble; empty for a single network."""
        given = {"members": self.members, "bag": self.bag}
        return {name: value for name, value in given.items() if value is not None}


def new_folder(path: Path | None, name: str) -> Path:
    """The folder for a new run: the given path, or the next free `runs/NAME-k`.

    Raises: FalllineError where the folder already holds something.
    """
    if path is not None:
        if path.exists() and (not path.is_dir() or _holds_something(path)):
            raise FalllineError(f"run folder {str(path)!r} is not empty: choose another with --out, or remove it")
        return path
    count = 1
    while (folder := Path("runs") / f"{safe_name(name)}-{count}").exists():
        count += 1
    return folder


def claim_folder(path: Path | None, name: str) -> Path:
    """Make the folder for a new run; several runs that begin at once each get their own.

    Raises: FalllineError where it cannot be made, or already holds something.
    """
    while True:
        folder = new_folder(path, name)
        make_folder(folder.parent)
        try:
            folder.mkdir(exist_ok=path is not None)
        except FileExistsError:  # another process has just made it
            continue
        except OSError as error:
            raise FalllineError(
                f"cannot make run folder {str(folder)!r}: {error.strerror}; choose another with --out"
            ) from None
        return folder


def safe_name(name: str) -> str:
    """A name in which all characters are safe in a folder's name."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name).strip(".")[:60] or "data"


def _holds_something(folder: Path) -> bool:
    """Whether a folder holds more than the left-overs of a run that was killed before it began."""
    try:
        clear_left_over(folder)
        return any(each.name != LOCK for each in folder.iterdir())
    except OSError as error:
        raise FalllineError(
            f"run folder {str(folder)!r} cannot be read: {error.strerror}; choose another with --out"
        ) from None


def checked(plan: Plan, table: Table) -> Recipe:
    """The completed recipe; called before a folder is made, so that invalid input leaves nothing behind.

    Raises: FalllineError as `complete` does.
    """
    found: Recipe = with_class_weights(complete_for(plan.recipe, table.dataset), table)
    return found


def begin_folder(folder: Path, plan: Plan, resume: Path | None = None) -> None:
    """Make the folder, check the free space and write the recipe, so that a killed run can be resumed.

    With `resume`, the checkpoints in that folder are copied, and the run continues in the new one.
    """
    make_folder(folder)
    try_folder(folder, LEAST)
    write_atomically(folder / RECIPE, plan_to_toml(plan).encode())
    if resume is not None:
        copy_checkpoints(resume, folder)


def has_finished(folder: Path) -> bool:
    """Whether the run in a folder has finished: it has metrics, and they do not come from an interrupted run."""
    if not (folder / METRICS).is_file() or any(folder.glob("checkpoint*.safetensors")):
        return False
    return outcome_of(folder) != "interrupted"


def abandon_folder(folder: Path) -> None:
    """Undo `begin_folder` if training could not begin, so that invalid input leaves nothing behind."""
    with suppress(OSError):
        if [each.name for each in folder.iterdir()] in ([RECIPE], []):
            (folder / RECIPE).unlink(missing_ok=True)
            folder.rmdir()
            if folder.parent == Path("runs") and not any(folder.parent.iterdir()):
                folder.parent.rmdir()


def finish_folder(folder: Path, plan: Plan, run: Run, table: Table) -> dict[str, Any]:
    """Write model, history and metrics; returns the summary printed by `--json`.

    No model is written for a run that diverged before any epoch was worth keeping.
    """
    summary = summarise(folder, run, table)
    if run.learnt:
        run.model.save(folder / MODEL)
    run.history.save(folder / HISTORY)
    write_atomically(folder / RECIPE, plan_to_toml(dataclasses.replace(plan, recipe=run.recipe)).encode())
    write_json(folder / METRICS, summary)
    if not run.interrupted:
        if run.last_state is not None and run.learnt:
            run.last_state(folder)
        remove_checkpoints(folder)
    return summary


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a finished run was saved.

    Arguments:
        folder: the folder with the run's files.
        summary: the summary printed by `--json`.
        refused: the reason why some or all files could not be written to the run's own folder; otherwise empty.
    """

    folder: Path
    summary: dict[str, Any]
    refused: str = ""

    @property
    def files(self) -> list[str]:
        """Names of the files that users look for, as far as they exist."""
        return [name for name in (MODEL, REPORT, HISTORY, RECIPE) if (self.folder / name).is_file()]

    @property
    def sentence(self) -> str:
        """Where the run was saved, and why not in its own folder."""
        return f"The run is in {self.folder}, because of this: {self.refused}."


def keep(
    folder: Path, plan: Plan, run: Run, table: Table, more: Callable[[Path], Any], check: Callable[[], None]
) -> Kept:
    """Write a finished run into its folder; if that fails, into a new folder elsewhere, so that no training is lost.

    Arguments:
        folder: the run's own folder.
        plan, run, table: the contents.
        more: writes files that can be made again from the run, such as its report.
        check: raises FalllineError if the folder no longer belongs to the run.

    Raises: FalllineError where no place takes it.
    """

    def write(home: Path) -> dict[str, Any]:
        summary = finish_folder(home, plan, run, table)
        if run.unsaved is not None:
            run.unsaved(home)
        return summary

    name = f"fallline-{safe_name(table.name)}"
    home, summary, refused = write_or_elsewhere(
        folder, write, check=check, elsewhere=write, name=name, what="the trained model"
    )
    missing = _more(more, home)
    if not refused:
        return Kept(home, summary, missing)
    summary["notes"].append(f"the run was saved in {home}: {refused}")
    return Kept(home, summary, refused)


def _more(more: Callable[[Path], Any], folder: Path) -> str:
    try:
        more(folder)
    except FalllineError as error:
        return str(error)
    return ""


def summarise(folder: Path, run: Run, table: Table) -> dict[str, Any]:
    """A run as plain data."""
    data = table.dataset
    return {
        "run": str(folder),
        "outcome": "interrupted" if run.interrupted else run.outcome.label,
        "sentence": run.sentence,
        "epochs": len(run.history),
        "best_epoch": run.best_epoch,
        "still_improving": None if run.outlook is None else run.outlook.to_plain(),
        "steps": run.steps,
        "seconds": round(run.seconds, 3),
        "setup_seconds": round(run.compile_seconds, 3),
        "seed": run.seed,
        "metrics": run.metrics,
        **({} if run.calibration is None else {"calibration": run.calibration.to_plain()}),
        "parameters": run.model.size,
        "scaling": {"name": run.recipe.scaler.name, **run.scaling},
        "data": {
            "name": table.name,
            "task": table.task,
            "target": list(table.schema.target.names),
            "classes": None if table.classes is None else [str(each) for each in table.classes],
            "features": int(data.x.shape[1]),
            "rows": run.rows(table),
        },
        "notes": [*table.warnings, *run.notes],
        **run.more,
    }


def plan_to_toml(plan: Plan) -> str:
    """A plan as a TOML document."""
    heading, more = _HEADING, dict[str, Any](plan.several)
    if plan.extended:
        heading, more = _EXTENDED, {"extended": [list(each) for each in plan.extended]}
    if plan.workers is not None:
        more["workers"] = plan.workers
    return to_toml({"seed": plan.seed, **more, "data": plan.data, **recipe_to_plain(plan.recipe)}, heading)


def read_plan(path: Path) -> Plan:
    """Read a recipe file.

    Raises: FalllineError naming the file and the place, for anything that is not a recipe.
    """
    what = f"recipe {str(path)!r}"
    plain, _ = read_toml(path, what, "a TOML file such as a run's recipe.toml")
    data, seed = plain.pop("data", {}), plain.pop("seed", 0)
    several = {name: plain.pop(name, None) for name in ("members", "bag", "workers")}
    extended = plain.pop("extended", [])
    check(_STAGES, extended, f"'extended' of {what}", "correct it")
    if not isinstance(data, dict) or isinstance(seed, bool) or not isinstance(seed, int):
        raise FalllineError(f"{what}: [data] must be a table and seed a whole number")
    for name, value in several.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
            raise FalllineError(f"{what}: {name} = {value!r} is not a whole number")
    for key in data:
        if key not in DATA.optional:
            raise FalllineError(f"{what}: [data] has no entry {key!r}: {nearest(key, DATA.optional)}")
    check(DATA, data, f"[data] of {what}", "correct it")
    stages = tuple((int(each[0]), int(each[1])) for each in extended)
    return Plan(recipe_from_plain(plain), data, seed, stages, **several)
