"""A case: a finished run in memory or in a folder, with everything that the doctor needs of it."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.training.arrays import suited
from fallline.training.ensemble import Ensemble
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe, complete_for
from fallline.training.run import Run

if TYPE_CHECKING:
    from fallline.training.folder import Plan


@dataclasses.dataclass(frozen=True)
class Case:
    """A finished run.

    Arguments:
        recipe: the completed recipe.
        data: the table that it was trained on.
        seed: its seed.
        history, metrics: of the run.
        outcome: finished, stopped_early, diverged or interrupted.
        best_epoch, steps: the kept epoch and the number of updates.
        model: the trained model; None if nothing was learnt.
    """

    recipe: Recipe
    data: Table
    seed: int
    history: Mapping[str, np.ndarray]
    metrics: Mapping[str, Mapping[str, float]]
    outcome: str
    best_epoch: int
    steps: int
    model: Predictor | None
    plan: "Plan | None" = None


def case_of(run: Run, data: Table | None = None) -> Case:
    """The case of a run in memory."""
    table = run.data if data is None else data
    _refuse_ensemble(run.model)
    if not isinstance(table, Table):
        raise FalllineError(f"data of type {type(table).__name__} cannot be diagnosed: expected the Table of the run")
    return Case(
        recipe=run.recipe,
        data=suited(table, [run.recipe])[0],
        seed=run.seed,
        history=run.history,
        metrics=run.metrics,
        outcome="interrupted" if run.interrupted else run.outcome.label,
        best_epoch=run.best_epoch,
        steps=run.steps,
        model=run.model if run.learnt else None,
    )


def case_of_folder(folder: Path) -> Case:
    """The case of a run folder; its source is read again.

    Raises: FalllineError for a folder without a finished run, a source that cannot be read, or one that has changed.
    """
    from fallline.report.finished import read_finished
    from fallline.streams.opening import counts_of, opened, table_of
    from fallline.training.model_file import load_predictor

    found = read_finished(Path(folder))
    trained = load_predictor(Path(folder)) if (Path(folder) / "model.safetensors").is_file() else None
    _refuse_ensemble(trained)
    if "source" not in found.plan.data:
        raise FalllineError(f"run {str(folder)!r} names no source: train it from a file to have it diagnosed")
    data = opened(**found.plan.data)
    rows = found.summary["data"]["rows"]
    known = counts_of(data)
    if any(known[name] != count for name, count in rows.items()):
        raise FalllineError(
            f"the source {found.plan.data['source']!r} has changed since run {str(folder)!r}: it has other numbers of rows; "
            "train again"
        )
    table, _ = suited(table_of(data), [found.plan.recipe])
    metrics = {
        split: {name: np.nan if value is None else value for name, value in each.items()}
        for split, each in found.summary["metrics"].items()
    }
    return Case(
        recipe=complete_for(found.plan.recipe, table.dataset),
        data=table,
        seed=found.plan.seed,
        history=found.history,
        metrics=metrics,
        outcome=str(found.summary["outcome"]),
        best_epoch=int(found.summary.get("best_epoch") or 0),
        steps=int(found.summary.get("steps") or 0),
        model=trained,
        plan=found.plan,
    )


def _refuse_ensemble(model: object) -> None:
    if isinstance(model, Ensemble):
        raise FalllineError("an ensemble is diagnosed by its members: train one of them alone, without members or bag")


def own_blocks(recipe: Recipe) -> tuple[str, ...]:
    """Names of the recipe's blocks that do not come with this library."""
    from fallline.core.block import Block, walk

    found = [value for _, _, value in walk(recipe) if isinstance(value, Block)]
    return tuple(sorted({type(each).__name__ for each in found if not type(each).__module__.startswith("fallline.")}))
