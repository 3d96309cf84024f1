"""Polishes a recipe by a few steps down its hypergradient, and keeps them only if real runs are better by more than chance."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.lab.hypergradients import USUAL, hypergradients_of, present
from fallline.lab.short_run import INITIAL, short_run
from fallline.population import evaluate
from fallline.training.recipe import Recipe

LONGEST = 0.3  # most that a step changes a coordinate: a third more or a quarter less of a rate


@dataclasses.dataclass(frozen=True)
class PolishedRecipe:
    """A recipe after some steps down its hypergradient.

    Arguments:
        recipe: the polished recipe if it is better, otherwise the given one.
        kept: whether it is the polished one.
        gain: fall of the validation loss of whole runs with seeds that were not used for the steps, the mean over them.
        error: its standard error.
        frame: a row per step and number: the value, its derivative, whether it was trusted, and the short run's loss.
        sentence: what came out.
    """

    recipe: Recipe
    kept: bool
    gain: float
    error: float
    frame: pl.DataFrame
    sentence: str


def polish(
    recipe: Recipe,
    data: Any,
    paths: Sequence[str] = USUAL[:3],
    *,
    steps: int = 4,
    epochs: int = 5,
    seeds: int = 3,
    judges: int = 5,
) -> PolishedRecipe:
    """Improve a recipe, such as a search's winner, by steps down the derivative of its short run's validation loss.

    A number moves only while its derivative is trusted. The last recipe is kept if whole runs with other seeds have a lower
    validation loss, paired by seed, by more than twice the standard error.

    Arguments:
        recipe: the recipe.
        data: a table or a source, with validation rows.
        paths: as for `hypergradients`, without the initial scale.
        steps: most steps.
        epochs, seeds: of the short runs.
        judges: seeds of the whole runs, 3 or more.

    Raises: FalllineError as `hypergradients` does.
    """
    if isinstance(judges, bool) or not isinstance(judges, int) or not 3 <= judges <= 1000:
        raise FalllineError(f"judges = {judges!r} is not a number of seeds: expected 3 to 1000")
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 100:
        raise FalllineError(f"steps = {steps!r} is not a number of steps: expected 1 to 100")
    if INITIAL in paths:
        raise FalllineError(
            "the initial scale is no number of a recipe: polish others, and choose an initializer for it"
        )
    table = data if isinstance(data, Table) else load(data)
    chosen = present(recipe, paths) if tuple(paths) == USUAL[:3] else tuple(paths)
    rows: list[dict[str, Any]] = []
    at, best = recipe, np.inf
    last = recipe
    for step in range(steps + 1):
        run = short_run(at, table, chosen, epochs)
        found = hypergradients_of(run, tuple(range(seeds)))
        loss, slope = float(found.loss[:, -1].mean()), found.slope[:, -1].mean(axis=0)
        names = ("number", "value", "slope", "trusted", "loss")
        rows += [
            {"step": step, **dict(zip(names, each, strict=True))}
            for each in zip(
                run.paths, run.values, slope.tolist(), found.trusted.tolist(), [loss] * len(slope), strict=True
            )
        ]
        if not loss < best:
            break
        last, best = at, loss
        move = np.where(found.trusted, -slope, 0.0)
        if step == steps or not np.isfinite(move).all() or not move.any():
            break
        at = _moved(at, run.paths, run.moved(_step(move)))
    return _judged(recipe, last, table, judges, pl.DataFrame(rows), seeds)


def _step(move: Float[np.ndarray, " paths"]) -> Float[np.ndarray, " paths"]:
    """A step along the move whose largest coordinate is 0.3."""
    return np.asarray(move * (LONGEST / np.abs(move).max()))


def _moved(recipe: Recipe, places: Sequence[str], short: Recipe) -> Recipe:
    """The recipe with the numbers of a short run's recipe."""
    from fallline.core.block import get

    found: Recipe = replace(recipe, {path: get(short, path) for path in places})
    return found


def _judged(
    recipe: Recipe, polished: Recipe, table: Table, judges: int, frame: pl.DataFrame, used: int
) -> PolishedRecipe:
    if polished == recipe:
        sentence = (
            "No step was taken: no derivative is trusted, or the first step did not lower the loss of the short run."
        )
        return PolishedRecipe(recipe, False, 0.0, 0.0, frame, sentence)
    seeds = range(used, used + judges)
    found = evaluate([recipe, polished], table, seeds=list(seeds), probes=())
    scores = np.zeros((2, judges))
    scores[found.recipe, np.unique(found.seed, return_inverse=True)[1]] = found.score
    with np.errstate(invalid="ignore"):
        gains = np.nan_to_num(scores[0] - scores[1], nan=0.0)
    gain, error = float(gains.mean()), float(gains.std(ddof=1) / np.sqrt(judges))
    kept = bool(gain > 2 * error)
    said = f"In {judges} whole runs with other seeds the validation loss fell by {gain:.4g} ± {error:.2g}"
    sentence = (
        f"{said}: the polished recipe is kept." if kept else f"{said}, which is no more than chance: the recipe stays."
    )
    return PolishedRecipe(polished if kept else recipe, kept, gain, error, frame, sentence)
