"""One update: a minibatch, its loss and gradient, the rule's step."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.random import named
from fallline.core.schedule import Time, at_time
from fallline.layers import Sequential
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.state import State


def network_of(recipe: Recipe, arrays: Arrays) -> Sequential:
    """The layers that the recipe makes of this data set."""
    assert recipe.loss is not None
    return recipe.model.network(recipe.loss.outputs(arrays.targets))


def batch_rows(recipe: Recipe, arrays: Arrays) -> int:
    """Examples per step."""
    assert isinstance(recipe.batch_size, int)
    return max(1, min(recipe.batch_size, arrays.train.shape[0]))


def one_step(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    sums: dict[str, Array],
    rows: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    steps_per_epoch: Array,
) -> tuple[State, dict[str, Array]]:
    """One update from one minibatch."""
    network = network_of(recipe, arrays)
    step = state.step.astype(jnp.float32)
    time = time_of(recipe, step, steps_per_epoch)
    now = at_time(recipe, time)
    network = at_time(network, time)
    x = now.scaler.apply(state.scaling, arrays.x[rows])
    y = scaled_target(now, state, arrays.y[rows])
    total = jnp.sum(weight)
    share = weight / jnp.maximum(total, 1e-30)
    key = named(state.key, "noise", state.step)

    def objective(params: Any) -> tuple[Array, tuple[Array, Array, Any]]:
        prediction, stats = network.apply(params, state.stats, x, key=key, training=True, weight=weight)
        loss = jnp.vdot(now.loss(prediction, y), share)
        cost = loss if now.penalty is None else loss + now.penalty(params)
        return cost, (loss, prediction, stats)

    (cost, (loss, prediction, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
    delta, memory = now.optimizer.update(gradient, state.memory, state.params, value=cost)
    # One dot product per array says whether the gradient is finite; see docs/design.md for what it costs.
    square = sum(jnp.vdot(g, g) for g in jax.tree.leaves(gradient))
    filled = total > 0
    healthy = jnp.isfinite(loss) & jnp.isfinite(square)
    moves = state.running & filled & healthy
    new = dataclasses.replace(
        state,
        params=jax.tree.map(lambda w, d: w + jnp.where(moves, d, 0).astype(w.dtype), state.params, delta),
        stats=pick(moves, stats, state.stats),
        memory=pick(moves, memory, state.memory),
        step=state.step + moves,
        outcome=jnp.where(state.running & filled & ~healthy, Outcome.DIVERGED, state.outcome).astype(jnp.int32),
    )
    counted = jnp.where(state.running, total, 0.0)
    add = lambda name, value: sums[name] + jnp.where(counted > 0, value * counted, 0.0)  # noqa: E731
    return new, {
        "weight": sums["weight"] + counted,
        "loss": add("loss", loss),
        "objective": add("objective", cost),
        "metric": add("metric", jnp.vdot(score(now, state, arrays, prediction, y, rows), share)),
        "learning_rate": jnp.asarray(getattr(now.optimizer, "learning_rate", jnp.nan), jnp.float32),
    }


def time_of(recipe: Recipe, step: Array, steps_per_epoch: Array) -> Time:
    """The time at a step. Progress is taken in the middle of the step, so that it is never 0 or 1."""
    per_epoch = jnp.maximum(steps_per_epoch, 1).astype(jnp.float32)
    epoch = step / per_epoch
    return Time(step, epoch, (step + 0.5) / jnp.maximum(recipe.epochs * per_epoch, 1.0))


def scaled_target(recipe: Recipe, state: State, y: Array) -> Array:
    """The target as the loss sees it."""
    return y if recipe.target_scaler is None else recipe.target_scaler.apply(state.target_scaling, y)


def answers(recipe: Recipe, state: State, prediction: Float[Array, "rows outputs"]) -> Float[Array, "rows targets"]:
    """Probabilities, or targets in their own unit."""
    assert recipe.loss is not None
    mean = recipe.loss.mean(prediction)
    return mean if recipe.target_scaler is None else recipe.target_scaler.invert(state.target_scaling, mean)


def score(recipe: Recipe, state: State, arrays: Arrays, prediction: Array, y: Array, rows: Array) -> Array:
    """The first metric of each example, before its mean (and root): a hit, or a squared error in the target's unit."""
    if arrays.task == "regression":
        return jnp.mean((answers(recipe, state, prediction) - arrays.y[rows]) ** 2, axis=-1)
    if arrays.task == "multilabel":
        return jnp.all((prediction > 0) == (y > 0.5), axis=-1).astype(jnp.float32)
    if prediction.shape[-1] == 1:
        return ((prediction[:, 0] > 0) == (y > 0)).astype(jnp.float32)
    return (jnp.argmax(prediction, axis=-1) == y).astype(jnp.float32)


def pick(condition: Array, yes: Any, no: Any) -> Any:
    """One of two trees, by a traced condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)
