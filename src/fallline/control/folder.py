"""The run folder of a policy's training: what `fallline ars` leaves on the disk."""

import dataclasses
import json
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from fallline.control.checkpoint import NAME as CHECKPOINT
from fallline.control.checkpoint import remove_checkpoints
from fallline.control.curve import EVALUATION
from fallline.control.presets import preset_of
from fallline.control.recipe import PolicyRecipe, from_tables, to_tables
from fallline.control.training import PolicyRun
from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, try_folder, write_atomically, write_elsewhere
from fallline.core.reading import read_if_there, read_json, read_toml
from fallline.core.shape import Entries, Listed, Mapping, Real, Text, Whole, maybe
from fallline.training.folder import abandon_folder, safe_name

RECIPE, METRICS, HISTORY, POLICY = "recipe.toml", "metrics.json", "history.parquet", "policy.safetensors"
CURVE, LEAST = "curve.svg", 2_000_000  # bytes that a training's files may take, generously
_COUNT, _NUMBER = Whole(0), maybe(Real())
# A row of the curve is floats, and so are its counts.
_EVALUATION = Entries({n: Real(0) if n in ("iteration", "steps", "failures") else _NUMBER for n in EVALUATION})
SUMMARY = Entries(  # what summarise makes, with null for what is no number
    {
        "run": Text(), "environment": Text(), "outcome": Text(choices=("reached", "completed")), "seed": _COUNT,
        "steps": _COUNT, "rollouts": _COUNT, "failures": _COUNT, "restarts": _COUNT, "iterations": _COUNT,
        "seconds": Real(0), "score": _NUMBER, "deviation": _NUMBER, "episodes": _COUNT, "returns": Listed(Real()),
        "confirmed": _NUMBER, "best_steps": _COUNT, "threshold": _NUMBER, "reached_at": maybe(_COUNT),
        "parameters": _COUNT, "outside": Text(), "versions": Mapping(Text()), "evaluations": Listed(_EVALUATION),
    },
    open=True,
)  # fmt: skip
_HEAD = "# A complete Fallline recipe of a policy: `fallline ars --recipe recipe.toml` repeats the training.\n"


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that a training needs: the environment's name, the recipe, the first seed, and how many seeds."""

    environment: str
    recipe: PolicyRecipe
    seed: int
    seeds: int = 1

    def __post_init__(self) -> None:
        for name, value, least, most in (("seed", self.seed, 0, 2**31 - 1), ("seeds", self.seeds, 1, 100_000)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise FalllineError(f"{name} = {value!r} is not valid: expected a whole number from {least} to {most}")

    def folders(self, folder: Path) -> list[tuple[int, Path]]:
        """Every seed and its folder: the run's own for one seed, one inside of it for each of several."""
        if self.seeds == 1:
            return [(self.seed, folder)]
        return [(seed, folder / f"seed-{seed}") for seed in range(self.seed, self.seed + self.seeds)]


def write_plan(folder: Path, plan: Plan) -> None:
    """Make the folder, see that there is room, and write its recipe, so that a killed training can be resumed."""
    tables = {"environment": plan.environment, "seed": plan.seed, "seeds": plan.seeds, **to_tables(plan.recipe)}
    make_folder(folder)
    try_folder(folder, LEAST)
    write_atomically(folder / RECIPE, (_HEAD + tomli_w.dumps(tables)).encode())


def copy_begun(old: Path, new: Path, plan: Plan) -> None:
    """Copy what a training has left so far into another folder, where it goes on: seeds that are done, and checkpoints."""
    for (_, home), (_, copy) in zip(plan.folders(old), plan.folders(new), strict=True):
        make_folder(copy)
        for name in (POLICY, HISTORY, CURVE, CHECKPOINT, METRICS):
            content = read_if_there(home / name, f"file {str(home / name)!r}")
            if content is not None:
                write_atomically(copy / name, content)


def read_plan(path: Path) -> Plan:
    """Read a recipe file.

    Raises: FalllineError naming the file and the place, for anything that is not a policy's recipe.
    """
    what = f"recipe {str(path)!r}"
    plain, _ = read_toml(path, what, "the recipe.toml of a fallline ars run")
    environment, seed, seeds = plain.pop("environment", None), plain.pop("seed", 0), plain.pop("seeds", 1)
    if not isinstance(environment, str):
        raise FalllineError(f"{what} is no policy's recipe: it does not name an environment")
    return Plan(environment, from_tables(plain), seed, seeds)


def summarise(folder: Path, run: PolicyRun) -> dict[str, Any]:
    """A training as plain data: what metrics.json holds and `--json` prints."""
    threshold, facts = threshold_of(run), run.policy.facts
    evaluations = run.curve.evaluation_rows()
    return {
        "run": str(folder),
        "environment": facts.name,
        "outcome": run.outcome,
        "seed": run.seed,
        "steps": run.steps,
        "rollouts": run.rollouts,
        "failures": run.failures,
        "restarts": run.restarts,
        "iterations": len(run.curve.iterations),
        "seconds": round(run.seconds, 3),
        "score": run.score,
        "deviation": run.final.deviation,
        "episodes": len(run.final.returns),
        "returns": list(run.final.returns),
        "confirmed": evaluations[-1]["best"],
        "best_steps": run.policy.notes["timesteps"],
        "threshold": threshold,
        "reached_at": None if threshold is None else run.curve.reached(threshold),
        "parameters": run.policy.network.size,
        "outside": run.recipe.outside,
        "versions": facts.versions,
        "evaluations": evaluations,
    }


def threshold_of(run: PolicyRun) -> float | None:
    """The return at which the environment counts as solved: the target asked for, the preset's, or Gymnasium's."""
    if run.recipe.target is not None:
        return float(run.recipe.target)
    known = preset_of(run.policy.facts.name).threshold
    return run.policy.facts.threshold if known is None else known


def write_run(folder: Path, run: PolicyRun) -> dict[str, Any]:
    """Write policy, history and metrics; returns the summary."""
    summary = summarise(folder, run)
    run.policy.save(folder / POLICY)
    run.curve.save(folder / HISTORY)
    if run.outcome != "interrupted":  # a run with metrics is a finished one
        write_json(folder / METRICS, summary)
        remove_checkpoints(folder)
    elif run.unsaved is not None:
        run.unsaved(folder)
    return summary


@dataclasses.dataclass(frozen=True)
class Kept:
    """Where a training is kept: the folder, its summary, and why it is not the folder that was asked for, if so."""

    folder: Path
    summary: dict[str, Any]
    refused: str = ""


def keep(folder: Path, home: Path, plan: Plan, run: PolicyRun, check: Callable[[], None]) -> Kept:
    """Write a training into its folder, or, where that is refused, a whole run folder elsewhere: nothing trained is lost.

    Arguments:
        folder: of the whole plan, and `home` of this seed.
        plan, run: what is written.
        check: raises FalllineError where the folder is no longer the run's.

    Raises: FalllineError where no place takes it.
    """
    try:
        check()
        return Kept(home, write_run(home, run))
    except FalllineError as error:
        refused = str(error)
    single = dataclasses.replace(plan, seed=run.seed, seeds=1)

    def write(place: Path) -> dict[str, Any]:
        write_plan(place, single)
        return write_run(place, run)

    try:
        place, summary = write_elsewhere(f"fallline-{safe_name(plan.environment)}", write)
    except FalllineError as error:
        raise FalllineError(f"the trained policy cannot be saved: {refused}; {error}") from None
    return Kept(place, summary, refused)


def home_for(home: Path, check: Callable[[], None]) -> Path | None:
    """The folder of a seed, made where it is missing; None where there is no place for it: the seed is trained all the same.

    The run's own folder was tried; what fails now has failed since.
    """
    try:
        check()
        make_folder(home)
        try_folder(home)
    except FalllineError:
        return None
    return home


def read_summary(folder: Path) -> dict[str, Any]:
    """What a finished training has left.

    Raises: FalllineError for a file that is not there, damaged, or not that of a policy's training.
    """
    path = folder / METRICS
    found: dict[str, Any] = read_json(path, SUMMARY, f"metrics {str(path)!r}", "train this seed again")
    return found


def abandon(folder: Path, plan: Plan) -> None:
    """Take back what `write_plan` made, where training could not begin: bad input leaves nothing behind."""
    homes = [home for _, home in plan.folders(folder)] if plan.seeds > 1 else []
    with suppress(OSError):
        for home in homes:
            if home.is_dir() and not any(home.iterdir()):
                home.rmdir()
    abandon_folder(folder)


def write_json(path: Path, document: Any) -> None:
    """Write plain data; what is not a number is null."""
    write_atomically(path, (json.dumps(_without_nan(document), indent=2) + "\n").encode())


def over_seeds(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores over seeds: all of them, median and quartiles, how many reach the threshold.

    >>> runs = [{"seed": k, "score": 100.0 * k, "threshold": 250.0, "reached_at": None} for k in range(5)]
    >>> found = over_seeds(runs)
    >>> found["median"], found["quartiles"], found["reached"], found["best_seed"]
    (200.0, [100.0, 300.0], 2, 4)
    """
    scores = [each["score"] for each in summaries]
    good = [score for score in scores if math.isfinite(score)]
    threshold = summaries[0]["threshold"]
    quartiles = np.quantile(good, [0.25, 0.5, 0.75]).tolist() if good else [math.nan] * 3
    return {
        "scores": {str(each["seed"]): each["score"] for each in summaries},
        "reached_at": {str(each["seed"]): each["reached_at"] for each in summaries},
        "median": quartiles[1],
        "quartiles": [quartiles[0], quartiles[2]],
        "threshold": threshold,
        "reached": None if threshold is None else sum(score >= threshold for score in good),
        "seeds": len(summaries),
        "best_seed": summaries[int(np.nanargmax(scores))]["seed"] if good else None,
    }


def _without_nan(value: object) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
