"""The predictor of a run's state, and the metrics of a predictor on labelled rows."""

from typing import Any

import jax
import numpy as np

from fallline.data.table import Table
from fallline.metrics import exactly, metrics_of
from fallline.training.arrays import scored_rows
from fallline.training.moment import settled
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe
from fallline.training.state import State
from fallline.training.step import LIMIT


def predictor_of(recipe: Recipe, table: Table, state: State, rows: int | None = None) -> Predictor:
    """The predictor with the best parameters of a state, on the host, and the numbers of the model and the loss at that step.

    `rows` is the number of training rows where the table holds only a sample of them.
    """
    rows = len(table.dataset.train) if rows is None else rows
    assert isinstance(recipe.batch_size, int)
    steps = -(-rows // max(1, min(recipe.batch_size, rows)))
    as_read = settled(recipe, state.watching, state.best_epoch, steps)
    recipe = jax.tree.map(lambda leaf: leaf.item() if isinstance(leaf, jax.Array) else leaf, as_read)
    kept = {
        "params": state.best_params,
        "stats": state.best_stats,
        "scaling": state.scaling,
        "target_scaling": state.target_scaling,
    }
    outputs = table.dataset.n_classes if table.task == "classification" else table.dataset.y.shape[1]
    return Predictor(recipe, table.schema, outputs, jax.tree.map(np.asarray, kept), table.seen)


def usable(model: Predictor, table: Table, objective: float) -> bool:
    """Whether the loss on the training rows is within the limit of divergence of a run with this first objective."""
    data = table.dataset
    return evaluate_rows(model, data.x, data.y, data.weight, data.train)["loss"] < LIMIT * objective


def evaluate_rows(
    model: Predictor,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
) -> dict[str, float]:
    """Loss and every metric of the task on labelled rows, in float64 and against the targets as given.

    Arguments:
        model: the model.
        x: encoded rows.
        y: class indices, or targets in their own unit, as in `Dataset.given`.
        weight: weight of each row; rows that all weigh 0 have no metrics.
        chosen: indices of the rows to use; default: all.
    """
    rows: Any = slice(None) if chosen is None else chosen
    target = y[rows] if model.task == "classification" else y[rows].astype(np.float64)
    w = np.ones(len(target)) if weight is None else weight[rows].astype(np.float64)
    if not w.any():
        return {}
    answer, losses = model.answer(x, model.schema.target.condition(y), chosen)
    found = {"loss": float(losses.astype(np.float64) @ w / w.sum())}
    for each in metrics_of(model.task):
        found[each.name] = exactly(each, answer.astype(np.float64), target, w)
    return found


def evaluate_splits(model: Predictor, table: Table) -> dict[str, dict[str, float]]:
    """The metrics of every split that has rows with a weight."""
    data = table.dataset
    splits = {"train": data.train, "valid": data.valid, "test": data.test}
    return {
        name: evaluate_rows(model, data.x, data.given, data.weight, rows)
        for name, rows in splits.items()
        if len(scored_rows(data, rows))
    }
