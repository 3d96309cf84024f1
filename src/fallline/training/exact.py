"""Predictions in float64, for uses where neighbouring rows may change an answer by no more than rounding."""

import functools
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import as_arrays
from fallline.training.host import host_of, wide
from fallline.training.recipe import Recipe
from fallline.training.validation import TILE, answering, forward


def exact_answers(
    recipe: Recipe, task: str, outputs: int, arrays: dict[str, Any], x: Float[np.ndarray, "rows features"]
) -> Float[np.ndarray, "rows targets"]:
    """Probabilities, or targets in their own unit, for encoded rows; everything is computed in float64.

    NumPy computes few rows, and JAX many.

    Arguments:
        recipe: completed recipe.
        task: classification, multilabel or regression.
        outputs: number of classes, labels or targets.
        arrays: `params`, `stats`, `scaling` and `target_scaling`, as a predictor holds them.
        x: the rows; they pass through the network in tiles of one size, so that one program serves any number of rows.
    """
    host = host_of(recipe, task, outputs)
    found = host.answer(wide(arrays), x)
    if found is not None and host.proven:
        return found
    answers = np.zeros((len(x), outputs))
    with jax.enable_x64(True):
        exact, doubles = as_arrays(answering(recipe), np.float64), jax.tree.map(_float64, arrays)
        tile = np.zeros((TILE, x.shape[1]))
        for begin in range(0, len(x), TILE):
            rows = x[begin : begin + TILE]
            tile[: len(rows)] = rows
            answers[begin : begin + TILE] = np.asarray(_tile(task, outputs, exact, doubles, tile))[: len(rows)]
    if found is not None:
        host.agrees(found, answers)
    return answers


@functools.partial(jax.jit, static_argnums=(0, 1))
def _tile(task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array) -> Array:
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    answer = recipe.loss.mean(forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x))
    return answer if recipe.target_scaler is None else recipe.target_scaler.invert(arrays["target_scaling"], answer)


def _float64(leaf: object) -> np.ndarray:
    array = np.asarray(leaf)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
