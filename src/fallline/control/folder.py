"""The run folder of a policy's training, as written by `fallline ars`."""

import dataclasses
import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fallline.control.checkpoint import remove_checkpoints
from fallline.control.curve import EVALUATION
from fallline.control.presets import preset_of
from fallline.control.recipe import PolicyRecipe, from_tables, to_tables
from fallline.control.training import PolicyRun
from fallline.core.checkpoints import NAME as CHECKPOINT
from fallline.core.documents import copy_file, write_json, write_toml
from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, try_folder, write_or_elsewhere
from fallline.core.reading import read_json, read_toml
from fallline.core.shape import Entries, Listed, Mapping, Real, Text, Whole, maybe
from fallline.training.folder import abandon_folder, safe_name

RECIPE, METRICS, HISTORY, POLICY = "recipe.toml", "metrics.json", "history.parquet", "policy.safetensors"
CURVE, LEAST = "curve.svg", 2_000_000  # generous size of a training's files in bytes
_COUNT, _NUMBER = Whole(0), maybe(Real())
# All entries of a curve's row are floats, including the counts.
_EVALUATION = Entries({n: Real(0) if n in ("iteration", "steps", "failures") else _NUMBER for n in EVALUATION})
SUMMARY = Entries(  # the result of summarise, with null for NaN
    {
        "run": Text(), "environment": Text(), "outcome": Text(choices=("reached", "completed")), "seed": _COUNT,
        "steps": _COUNT, "rollouts": _COUNT, "failures": _COUNT, "restarts": _COUNT, "iterations": _COUNT,
        "seconds": Real(0), "score": _NUMBER, "deviation": _NUMBER, "episodes": _COUNT, "returns": Listed(Real()),
        "confirmed": _NUMBER, "best_steps": _COUNT, "threshold": _NUMBER, "reached_at": maybe(_COUNT),
        "parameters": _COUNT, "outside": Text(), "versions": Mapping(Text()), "evaluations": Listed(_EVALUATION),
    },
    open=True,
)  # fmt: skip
_HEADING = "A complete Fallline recipe of a policy: `fallline ars --recipe recipe.toml` repeats the training."


@dataclasses.dataclass(frozen=True)
class PolicyPlan:
    """Everything that defines a training: the environment's name, the recipe, the first seed, the number of seeds."""

    environment: str
    recipe: PolicyRecipe
    seed: int
    seeds: int = 1

    def __post_init__(self) -> None:
        for name, value, least, most in (("seed", self.seed, 0, 2**31 - 1), ("seeds", self.seeds, 1, 100_000)):
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise FalllineError(f"{name} = {value!r} is not valid: expected a whole number from {least} to {most}")

    def folders(self, folder: Path) -> list[tuple[int, Path]]:
        """Every seed and its folder: the run's folder for a single seed, otherwise a subfolder per seed."""
        if self.seeds == 1:
            return [(self.seed, folder)]
        return [(seed, folder / f"seed-{seed}") for seed in range(self.seed, self.seed + self.seeds)]


def write_plan(folder: Path, plan: PolicyPlan) -> None:
    """Make the folder, check its free space, and write the recipe, so that a killed training can be resumed."""
    tables = {"environment": plan.environment, "seed": plan.seed, "seeds": plan.seeds, **to_tables(plan.recipe)}
    make_folder(folder)
    try_folder(folder, LEAST)
    write_toml(folder / RECIPE, tables, _HEADING)


def copy_begun(old: Path, new: Path, plan: PolicyPlan) -> None:
    """Copy a training's files, finished seeds and checkpoints, to another folder in which it continues."""
    for (_, home), (_, copy) in zip(plan.folders(old), plan.folders(new), strict=True):
        make_folder(copy)
        for name in (POLICY, HISTORY, CURVE, CHECKPOINT, METRICS):
            copy_file(home / name, copy / name, "file")


def read_plan(path: Path) -> PolicyPlan:
    """Read a recipe file.

    Raises: FalllineError naming the file and the place, for anything that is not a policy's recipe.
    """
    what = f"recipe {str(path)!r}"
    plain, _ = read_toml(path, what, "the recipe.toml of a fallline ars run")
    environment, seed, seeds = plain.pop("environment", None), plain.pop("seed", 0), plain.pop("seeds", 1)
    if not isinstance(environment, str):
        raise FalllineError(f"{what} is no policy's recipe: it does not name an environment")
    return PolicyPlan(environment, from_tables(plain), seed, seeds)


def summarise(folder: Path, run: PolicyRun) -> dict[str, Any]:
    """A training as plain data, for metrics.json and `--json`."""
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
    """The return at which the environment counts as solved: the recipe's target, the preset's, or Gymnasium's."""
    if run.recipe.target is not None:
        return float(run.recipe.target)
    known = preset_of(run.policy.facts.name).threshold
    return run.policy.facts.threshold if known is None else known


def write_run(folder: Path, run: PolicyRun) -> dict[str, Any]:
    """Write policy, history and metrics, and return the summary."""
    summary = summarise(folder, run)
    run.policy.save(folder / POLICY)
    run.curve.save(folder / HISTORY)
    if run.outcome != "interrupted":  # the presence of metrics marks a finished run
        write_json(folder / METRICS, summary)
        remove_checkpoints(folder)
    elif run.unsaved is not None:
        run.unsaved(folder)
    return summary


@dataclasses.dataclass(frozen=True)
class KeptPolicy:
    """Where a training is saved: the folder, the summary, and why the requested folder was not used, if so."""

    folder: Path
    summary: dict[str, Any]
    refused: str = ""


def keep(folder: Path, home: Path, plan: PolicyPlan, run: PolicyRun, check: Callable[[], None]) -> KeptPolicy:
    """Write a training into its folder, or, if that fails, a complete run folder elsewhere, so that it is not lost.

    Arguments:
        folder, home: the folder of the whole plan, and that of this seed.
        plan, run: the plan and the training to write.
        check: raises FalllineError if the folder no longer belongs to the run.

    Raises: FalllineError if no place accepts it.
    """
    single = dataclasses.replace(plan, seed=run.seed, seeds=1)

    def write(folder: Path) -> dict[str, Any]:
        write_plan(folder, single)
        return write_run(folder, run)

    name = f"fallline-{safe_name(plan.environment)}"
    placed = write_or_elsewhere(
        home,
        lambda folder: write_run(folder, run),
        check=check,
        elsewhere=write,
        name=name,
        what="the trained policy",
    )
    return KeptPolicy(*placed)


def home_for(home: Path, check: Callable[[], None]) -> Path | None:
    """The folder of a seed, made if missing; None if it cannot be used, in which case the seed is trained anyway.

    The run's own folder has been checked before, so a failure here arose during the run.
    """
    try:
        check()
        make_folder(home)
        try_folder(home)
    except FalllineError:
        return None
    return home


def read_summary(folder: Path) -> dict[str, Any]:
    """The summary of a finished training.

    Raises: FalllineError for a file that is missing, damaged, or not from a policy's training.
    """
    path = folder / METRICS
    found: dict[str, Any] = read_json(path, SUMMARY, f"metrics {str(path)!r}", "train this seed again")
    return found


def abandon(folder: Path, plan: PolicyPlan) -> None:
    """Undo `write_plan` if training could not begin, so that bad input leaves nothing behind."""
    homes = [home for _, home in plan.folders(folder)] if plan.seeds > 1 else []
    with suppress(OSError):
        for home in homes:
            if home.is_dir() and not any(home.iterdir()):
                home.rmdir()
    abandon_folder(folder)


def over_seeds(summaries: list[dict[str, Any]]) -> dict[str, Any]:
    """Scores over seeds: all scores, median and quartiles, and the number that reach the threshold.

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
