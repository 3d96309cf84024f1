"""The exponential ramp of other learning-rate finders: one short run whose rate grows from step to step."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from fallline.core.random import key_of
from fallline.core.tree import Tree
from fallline.data.table import Table
from fallline.lab.leaves import Leaves
from fallline.training import program
from fallline.training.arrays import Arrays, suited
from fallline.training.moment import batch_rows
from fallline.training.preparation import bare, prepare
from fallline.training.recipe import Recipe
from fallline.training.step import empty_tally, one_step

STEPS = 100  # of a ramp, as fastai and Lightning take
SMOOTHING = 0.9  # of the loss, corrected for its start
SKIPPED = 10  # steps at the start that suggest nothing, as in Lightning
TOO_HIGH = 4.0  # times the lowest smoothed loss at which a ramp ends


@dataclasses.dataclass(frozen=True)
class Ramp:
    """A ramp with every seed.

    Arguments:
        rates: the rate at every step.
        losses: the smoothed loss of the minibatches; NaN after the ramp has ended.
        steepest: the rate at which the smoothed loss falls fastest over the rate's logarithm, by seed.
        tenth: a tenth of the rate at which the smoothed loss is lowest, by seed.
    """

    rates: Float[np.ndarray, " steps"]
    losses: Float[np.ndarray, "seeds steps"]
    steepest: Float[np.ndarray, " seeds"]
    tenth: Float[np.ndarray, " seeds"]


def ramp_of(
    recipe: Recipe, path: str, data: Table, lowest: float, highest: float, seeds: int, steps: int = STEPS
) -> Ramp:
    """Ramps from the lowest to the highest rate, one for each seed.

    Arguments:
        recipe: with a number as its learning rate.
        path: of the learning rate.
        data: the table.
        lowest, highest: the ends of the ramp.
        seeds: number of seeds.
        steps: length of the ramp.
    """
    table, _ = suited(data, [recipe])
    completed, arrays, _ = prepare(recipe, table, 0)
    leaves = Leaves(bare(completed), [path], [lowest])
    rates = np.geomspace(lowest, highest, steps)
    size, own = batch_rows(completed, arrays), np.asarray(arrays.train)
    orders, keys = [], []
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        drawn = np.concatenate([rng.permutation(own) for _ in range(-(-steps * size // len(own)))])
        orders.append(drawn[: steps * size].reshape(steps, size))
        keys.append(np.asarray(jax.random.key_data(key_of(seed))))
    run = jax.jit(lambda key, order, arrays: _ramped(leaves, arrays, key, order, jnp.asarray(rates, jnp.float32)))
    losses = [
        np.asarray(run(jax.random.wrap_key_data(jnp.asarray(key)), jnp.asarray(order, jnp.int32), arrays))
        for key, order in zip(keys, orders, strict=True)
    ]
    smooth = np.stack([smoothed(each) for each in losses])
    steepest, lowest_at = zip(*(_suggested(rates, each) for each in smooth), strict=True)
    return Ramp(rates, smooth, np.asarray(steepest), np.asarray(lowest_at) / 10)


def _ramped(
    leaves: Leaves, arrays: Arrays, key: Any, order: Array, rates: Float[Array, " steps"]
) -> Float[Array, " steps"]:
    """The loss of every minibatch of one ramp; NaN once it has diverged."""
    first = leaves.recipe([rates[0]])
    per_epoch = -(-arrays.train_count // order.shape[1])

    def step(state: Any, inputs: Tree) -> tuple[Any, Array]:
        rate, rows, index = inputs
        weight = jnp.ones(rows.shape[0]) if arrays.weight is None else arrays.weight[rows]
        recipe = leaves.recipe([rate])
        new, tally = one_step(recipe, arrays, state, empty_tally(recipe, state, ()), rows, weight, index, per_epoch, ())
        return new, jnp.where(
            state.running & (tally.weight > 0), tally.loss / jnp.maximum(tally.weight, 1e-30), jnp.nan
        )

    state = program.start(first, arrays, key)
    found: Float[Array, " steps"] = lax.scan(step, state, (rates, order, jnp.arange(len(rates))))[1]
    return found


def smoothed(losses: Float[np.ndarray, " steps"], beta: float = SMOOTHING) -> Float[np.ndarray, " steps"]:
    """A moving average, corrected for its start; NaN after the loss is four times its lowest, or not finite.

    >>> smoothed(np.array([2.0, 1.0, 1.0, 100.0])).round(3).tolist()[:3]
    [2.0, 1.474, 1.299]
    """
    found, average, best = np.full(len(losses), np.nan), 0.0, np.inf
    for i, loss in enumerate(losses):
        average = beta * average + (1 - beta) * loss
        value = average / (1 - beta ** (i + 1))
        if not np.isfinite(value) or value > TOO_HIGH * best:
            break
        found[i], best = value, min(best, value)
    return found


def _suggested(rates: Float[np.ndarray, " steps"], losses: Float[np.ndarray, " steps"]) -> tuple[float, float]:
    """The rate of the steepest fall, and that of the lowest loss."""
    held = np.flatnonzero(np.isfinite(losses))
    held = held[held >= SKIPPED]
    if len(held) < 3:
        return float("nan"), float("nan")
    slopes = np.gradient(losses[held], np.log(rates[held]))
    return float(rates[held][np.argmin(slopes)]), float(rates[held][np.argmin(losses[held])])
