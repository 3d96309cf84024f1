"""The objective of a step: its minibatch as the network sees it, its loss and penalty, and the score of its answers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.random import Seed, named
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.layers import LayerCall, Sequential
from fallline.schedules.plateau import remembered
from fallline.training.arrays import Arrays
from fallline.training.moment import network_of, time_of
from fallline.training.recipe import Recipe
from fallline.training.state import State


class Batch(NamedTuple):
    """The minibatch of a step: its rows and their weights, the step's number in the run, and the steps of an epoch.

    Without `rows`, the arrays hold the minibatch and nothing else.
    """

    rows: Int[Array, " batch"] | None
    weight: Float[Array, " batch"]
    step: Array
    steps_per_epoch: Array


class StepInputs(NamedTuple):
    """The recipe at one step, its time, its random key, its targets as the loss sees them, and its objective."""

    recipe: Recipe
    time: Time
    key: Seed
    y: Array
    objective: Callable[[Any], tuple[Array, tuple[Array, Array, Any]]]


def inputs_of(recipe: Recipe, arrays: Arrays, state: State, batch: Batch) -> StepInputs:
    """The inputs of a step. Of the state it uses the statistics, but not the params."""
    time = time_of(recipe, batch.step, batch.steps_per_epoch)
    now = at_time(remembered(recipe, state.watching), time)
    network = network_of(now, arrays)
    x = now.inputs.apply(state.scaling, taken(arrays.x, batch.rows))
    y = scaled_target(now, state, taken(arrays.y, batch.rows))
    key = named(state.key, "noise", batch.step)

    def objective(params: Tree) -> tuple[Array, tuple[Array, Array, Any]]:
        return cost_of(now, network, params, state.stats, x, y, batch.weight, key=key, training=True)

    return StepInputs(now, time, key, y, objective)


def cost_of(
    recipe: Recipe,
    network: Sequential,
    params: Tree,
    stats: Tree,
    x: Float[Array, "batch inputs"],
    y: Array,
    weight: Float[Array, " batch"],
    *,
    key: Seed | None,
    training: bool,
) -> tuple[Array, tuple[Array, Array, Any]]:
    """The objective (weighted mean of the loss, plus the penalty), and (loss, prediction, new stats)."""
    assert recipe.loss is not None
    total = jnp.maximum(jnp.sum(weight), 1e-30)
    share = weight / total
    prediction, stats = network.apply(params, stats, x, LayerCall(training, key, weight))
    loss = jnp.vdot(recipe.loss(prediction, y), share)
    cost = loss
    if recipe.penalty is not None:
        penalty = recipe.penalty(params)
        cost = loss + (penalty if recipe.penalty_per == "step" else penalty / total)
    return cost, (loss, prediction, stats)


def taken(array: Array, rows: Int[Array, " batch"] | None) -> Array:
    """Rows of an array; all of it if none are named."""
    return array if rows is None else array[rows]


def scaled_target(recipe: Recipe, state: State, y: Array) -> Array:
    """The target as the loss sees it."""
    return y if recipe.target_scaler is None else recipe.target_scaler.apply(state.target_scaling, y)


def answers(recipe: Recipe, state: State, prediction: Float[Array, "rows outputs"]) -> Float[Array, "rows targets"]:
    """Probabilities, or targets in their own unit."""
    assert recipe.loss is not None
    mean = recipe.loss.mean(prediction)
    return mean if recipe.target_scaler is None else recipe.target_scaler.invert(state.target_scaling, mean)


def relative(arrays: Arrays, values: Float[Array, "rows targets"]) -> Float[Array, "rows targets"]:
    """Conditioned targets or their differences, scaled so that the targets have their own relative sizes."""
    return values if arrays.sizes is None else values * arrays.sizes


def score(recipe: Recipe, state: State, arrays: Arrays, prediction: Array, y: Array, rows: Array | None) -> Array:
    """The first metric of each example, before its mean (and root): a hit, or a squared error in the target's unit."""
    if arrays.task == "regression":
        error = answers(recipe, state, prediction) - taken(arrays.y, rows)
        return jnp.mean(relative(arrays, error) ** 2, axis=-1)
    if arrays.task == "multilabel":
        return jnp.all((prediction > 0) == (y > 0.5), axis=-1).astype(jnp.float32)
    if prediction.shape[-1] == 1:
        return ((prediction[:, 0] > 0) == (y > 0)).astype(jnp.float32)
    return (jnp.argmax(prediction, axis=-1) == y).astype(jnp.float32)
