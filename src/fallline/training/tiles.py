"""What a network answers for one tile of rows, compiled once per structure of recipe."""

import functools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from fallline.core.executables import KeptProgram
from fallline.losses import OfMembers
from fallline.training.recipe import Recipe
from fallline.training.validation import TILE, forward


def _answer_tile(
    task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array, y: Array
) -> tuple[Array, Array]:
    """The answer and the loss of each row of a tile."""
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    prediction = forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x)
    answer = recipe.loss.mean(prediction)
    if recipe.target_scaler is not None:
        answer = recipe.target_scaler.invert(arrays["target_scaling"], answer)
        y = recipe.target_scaler.apply(arrays["target_scaling"], y)
    return answer, recipe.loss.evaluation_loss(prediction, y)


answer_tile = KeptProgram(_answer_tile, "answer_tile", static=2)


@functools.partial(jax.jit, static_argnums=(0, 1))
def interval_tile(
    task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array, coverage: float
) -> tuple[Array, Array]:
    """The ends of each target's interval of a probability, for a regression by classes."""
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    prediction = forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x)
    return recipe.target_scaler.interval(arrays["target_scaling"], recipe.loss.mean(prediction), coverage)  # type: ignore


@functools.partial(jax.jit, static_argnums=(0, 1))
def mean_tile(task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array) -> Array:
    """The mean of the loss's distribution, before a scaler turns it into targets."""
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    return recipe.loss.mean(forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x))


@functools.partial(jax.jit, static_argnums=(0, 1))
def member_tile(task: str, outputs: int, recipe: Recipe, arrays: dict[str, Any], x: Array) -> Array:
    """The answer of each member of a network with several members."""
    loss, scaler = recipe.loss, recipe.target_scaler
    assert isinstance(loss, OfMembers)
    network = recipe.network(loss.outputs(outputs, task))
    z = forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x)
    answers = loss.means(z)
    return answers if scaler is None else jax.vmap(lambda a: scaler.invert(arrays["target_scaling"], a))(answers)


def tiles_of(x: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """The slices of some rows, and each slice's rows as a full tile.

    >>> [(part.start, part.stop, tile.shape) for part, tile in tiles_of(np.zeros((1500, 2)))]
    [(0, 1024, (1024, 2)), (1024, 2048, (1024, 2))]
    """
    for begin in range(0, len(x), TILE):
        part = slice(begin, begin + TILE)
        yield part, filled(x[part])


def filled(rows: np.ndarray) -> np.ndarray:
    """The rows padded with zeros to a full tile."""
    if len(rows) == TILE:
        return rows
    full = np.zeros((TILE, *rows.shape[1:]), rows.dtype)
    full[: len(rows)] = rows
    return full
