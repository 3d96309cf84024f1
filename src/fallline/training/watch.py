"""What is watched at the end of an epoch: validation loss and metrics, gradients, updates, and units on a probe."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.layers import Sequential
from fallline.metrics import METRICS, Metric, metrics_of
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.state import State
from fallline.training.step import (
    Tally,
    answers,
    input_width,
    network_of,
    relative,
    sampled,
    scaled_target,
    shapes_of,
    squared_norm,
)

TILE = 1024  # rows per forward pass outside of training
PROBE = 128  # training rows on which units are watched


def forward(
    recipe: Recipe, network: Sequential, params: Any, stats: Any, scaling: Any, x: Float[Array, "rows features"]
) -> Float[Array, "rows outputs"]:
    """The network's outputs for unscaled rows, as when predicting."""
    return network.apply(params, stats, recipe.scaler.apply(scaling, x), key=None, training=False)[0]


def predict(
    recipe: Recipe, arrays: Arrays, state: State, rows: Int[Array, " chosen"]
) -> Float[Array, "chosen outputs"]:
    """The network's outputs for some rows, gathered and computed tile by tile."""
    network = network_of(recipe, arrays)

    def tile(rows: Array) -> Array:
        return forward(recipe, network, state.params, state.stats, state.scaling, arrays.x[rows])

    count = rows.shape[0]
    if count <= TILE:
        return tile(rows)
    tiles = -(-count // TILE)
    outputs = lax.map(tile, jnp.pad(rows, (0, tiles * TILE - count), mode="edge").reshape(tiles, TILE))
    return outputs.reshape(tiles * TILE, -1)[:count]


def validate(recipe: Recipe, arrays: Arrays, state: State, own: dict[str, Array]) -> tuple[Array, Array, Array]:
    """(loss, first metric, monitored value) on the validation rows; NaN where there are none.

    `own` is what the training rows have shown: where there is nothing else to monitor, their loss.
    """
    nan = jnp.float32(jnp.nan)
    if arrays.valid.shape[0] == 0:
        return nan, nan, own.get(recipe.monitor, own["train_loss"])
    assert recipe.loss is not None
    weight = (jnp.arange(arrays.valid.shape[0]) < arrays.valid_count).astype(jnp.float32)
    if arrays.weight is not None:
        weight = weight * arrays.weight[arrays.valid]
    target = arrays.y[arrays.valid]
    prediction = predict(recipe, arrays, state, arrays.valid)
    each = recipe.loss.judge(prediction, scaled_target(recipe, state, target))
    loss = jnp.vdot(each, weight) / jnp.maximum(jnp.sum(weight), 1e-30)
    answer = answers(recipe, state, prediction)
    first = metrics_of(arrays.task)[0]
    value = measured(first, arrays, answer, target, weight)
    monitored = {"loss": loss, "none": loss, first.name: value, **own}
    if recipe.monitor in monitored:
        return loss, value, monitored[recipe.monitor]
    return loss, value, measured(METRICS[recipe.monitor], arrays, answer, target, weight)


def measured(metric: Metric, arrays: Arrays, answer: Array, target: Array, weight: Array) -> Array:
    """A metric inside a run; `arrays.scale` times it is in the target's own unit, if the metric has one."""
    if metric.in_unit:
        answer, target = relative(arrays, answer), relative(arrays, target)
    return metric.compute(answer, target, weight)


def validate_if(
    asked: Array, recipe: Recipe, arrays: Arrays, state: State, own: dict[str, Array]
) -> tuple[Array, Array, Array]:
    """`validate`, or what the training rows have shown and NaN otherwise."""
    nan = jnp.float32(jnp.nan)
    yes = lambda: validate(recipe, arrays, state, own)  # noqa: E731
    return lax.cond(asked, yes, lambda: (nan, nan, own.get(recipe.monitor, nan)))


def layer_norms(params: dict[str, Any], tally: Tally) -> dict[str, Array]:
    """Per layer: the gradient's norm (root mean square over the epoch's steps) and the last update's size.

    update ratio = ||delta|| / ||w||, of the epoch's last step, the real update after the optimizer. Both are estimated
    from the same sample of each array's rows; of arrays of up to 8,191 numbers, from all.
    """
    shown = sampled(params)
    norm = lambda name, sample: jnp.sqrt(squared_norm(params[name], sample[name]))  # noqa: E731
    delta = jax.tree.map(jnp.subtract, shown, tally.before)
    steps = jnp.maximum(tally.steps, 1.0)
    return {
        "gradient_norm": jnp.stack([jnp.sqrt(tally.squares[name] / steps) for name in params]),
        "update_ratio": jnp.stack([norm(n, delta) / jnp.maximum(norm(n, shown), 1e-30) for n in params]),
    }


def probe(recipe: Recipe, arrays: Arrays, state: State) -> dict[str, Array]:
    """Per activation, on fixed training rows: the share of units dead for all rows, and of saturated outputs."""
    rows = arrays.train[:: -(-arrays.train.shape[0] // PROBE)]
    taps: list[Any] = []
    x = recipe.scaler.apply(state.scaling, arrays.x[rows])
    network_of(recipe, arrays).apply(state.params, state.stats, x, key=None, training=False, taps=taps)
    none = jnp.zeros(0)
    return {
        "dead": jnp.stack([jnp.mean(jnp.min(f.flat(a), axis=0)) for _, f, a, _ in taps]) if taps else none,
        "saturated": jnp.stack([jnp.mean(f.squashed(b)) for _, f, _, b in taps]) if taps else none,
    }


def layer_names(recipe: Recipe, arrays: Arrays) -> tuple[list[str], list[str]]:
    """Names of the layers with params and of the layers with an activation, in the order of `Epoch`'s arrays."""
    network = network_of(recipe, arrays)
    width = input_width(recipe, arrays)
    shapes, stats = shapes_of(recipe, arrays)
    taps: list[Any] = []
    x = jax.ShapeDtypeStruct((1, width), jnp.float32)
    jax.eval_shape(lambda p, s, x: network.apply(p, s, x, key=None, training=False, taps=taps)[0], shapes, stats, x)
    return sorted(shapes), [name for name, *_ in taps]
