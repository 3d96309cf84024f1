"""Evaluation at the end of an epoch: validation loss and metrics, and the recorded probes."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.core.tree import Tree
from fallline.layers import LayerCall, Sequential
from fallline.metrics import METRICS, Metric, metrics_of
from fallline.probes import Context, Probe, Tap
from fallline.probes.recording import computed
from fallline.training.arrays import Arrays
from fallline.training.moment import beginning, input_width, network_of, shapes_of
from fallline.training.objective import answers, relative, scaled_target
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.step import Tally

TILE = 1024  # rows per forward pass outside of training
PROBE = 128  # training rows on which activations are probed


def answering(recipe: Recipe) -> Recipe:
    """A recipe with the parts that a prediction depends on: recipes that train in other ways share one program."""
    return Recipe(
        model=recipe.model,
        loss=recipe.loss,
        scaler=recipe.scaler,
        target_scaler=recipe.target_scaler,
        encoding=recipe.encoding,
        epochs=1,  # numbers, since a traced recipe holds no words such as "auto"
        patience=None,
    )


def forward(
    recipe: Recipe, network: Sequential, params: Tree, stats: Tree, scaling: Tree, x: Float[Array, "rows features"]
) -> Float[Array, "rows outputs"]:
    """The network's outputs for unscaled rows, in prediction mode."""
    return network.apply(params, stats, recipe.inputs.apply(scaling, x), LayerCall(False))[0]


def predict(
    recipe: Recipe, arrays: Arrays, state: State, rows: Int[Array, " chosen"]
) -> Float[Array, "chosen outputs"]:
    """The network's outputs for some rows, gathered and computed tile by tile."""
    network = network_of(recipe, arrays)

    def tile(rows: Array) -> Array:
        return forward(recipe, network, state.params, state.stats, state.scaling, arrays.x[rows])

    count, spread = rows.shape[0], arrays.spread
    each, size = (tile, TILE) if spread is None else (spread.over(tile), spread.padded(TILE))
    if count <= size:
        return each(rows)
    tiles = -(-count // size)
    outputs = lax.map(each, jnp.pad(rows, (0, tiles * size - count), mode="edge").reshape(tiles, size))
    return outputs.reshape(tiles * size, -1)[:count]


def validate(recipe: Recipe, arrays: Arrays, state: State, own: dict[str, Array]) -> tuple[Array, Array, Array]:
    """(loss, first metric, monitored value) on the validation rows; NaN where there are none.

    `own` holds the training loss and objective; without validation rows, the monitored value is one of them.
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
    each = recipe.loss.evaluation_loss(prediction, scaled_target(recipe, state, target))
    loss = jnp.vdot(each, weight) / jnp.maximum(jnp.sum(weight), 1e-30)
    answer = answers(recipe, state, prediction)
    first = metrics_of(arrays.task)[0]
    value = measured(first, arrays, answer, target, weight)
    monitored = {"loss": loss, "none": loss, first.name: value, **own}
    if recipe.monitor in monitored:
        return loss, value, monitored[recipe.monitor]
    return loss, value, measured(METRICS[recipe.monitor], arrays, answer, target, weight)


def measured(metric: Metric, arrays: Arrays, answer: Array, target: Array, weight: Array) -> Array:
    """A metric inside a run. A metric with a unit must still be multiplied by `arrays.scale` for the target's own unit."""
    if metric.in_unit:
        answer, target = relative(arrays, answer), relative(arrays, target)
    return metric.compute(answer, target, weight)


def validate_if(
    asked: Array, recipe: Recipe, arrays: Arrays, state: State, own: dict[str, Array]
) -> tuple[Array, Array, Array]:
    """`validate` if asked; otherwise NaN, with the monitored value taken from the training rows if it is theirs."""
    nan = jnp.float32(jnp.nan)

    def yes() -> tuple[Array, Array, Array]:
        return validate(recipe, arrays, state, own)

    found: tuple[Array, Array, Array] = lax.cond(asked, yes, lambda: (nan, nan, own.get(recipe.monitor, nan)))
    return found


def look(recipe: Recipe, arrays: Arrays, state: State) -> list[Tap]:
    """Every activation of the network on fixed training rows."""
    rows = arrays.train[:: -(-arrays.train.shape[0] // PROBE)]
    taps: list[Any] = []
    x = recipe.inputs.apply(state.scaling, arrays.x[rows])
    network_of(recipe, arrays).apply(state.params, state.stats, x, LayerCall(False), taps=taps)
    return [Tap(*each) for each in taps]


def record(
    recipe: Recipe, arrays: Arrays, state: State, shown: State, tally: Tally, recorded: tuple[Probe, ...]
) -> Epochs:
    """The value of every probe at an epoch's end.

    Arguments:
        recipe, arrays: recipe and data of the run.
        state: state after the epoch's last step.
        shown: the same state with the params used for evaluation.
        tally: tally of the epoch's steps.
        recorded: the probes.
    """
    context = context_of(recipe, arrays, state, shown, tally)
    layers, activations = len(state.params), network_of(recipe, arrays).activations
    return {each.name: computed(each, context, each.size(layers, activations)) for each in recorded}


def context_of(recipe: Recipe, arrays: Arrays, state: State, shown: State, tally: Tally) -> Context:
    """The context that probes receive at the end of an epoch; see `record`."""
    total = jnp.maximum(tally.weight, 1e-30)
    evaluations = recipe.optimizer.evaluations(state.memory)
    return Context(
        recipe=recipe,
        task=arrays.task,
        params=state.params,
        evaluation_params=shown.params,
        stats=state.stats,
        memory=state.memory,
        weight=total,
        updates=tally.steps,
        train_loss=tally.loss / total,
        train_objective=tally.objective / total,
        evaluations=(state.step if evaluations is None else evaluations).astype(jnp.float32),
        gathered=tally.gathered,
        look=lambda: look(recipe, arrays, shown),
    )


def layer_names(recipe: Recipe, arrays: Arrays) -> tuple[list[str], list[str]]:
    """Names of the layers with params and of the layers with an activation, in the order of the probes' values."""
    network = network_of(beginning(recipe), arrays)
    width = input_width(recipe, arrays)
    shapes, stats = shapes_of(recipe, arrays)
    taps: list[Any] = []
    x = jax.ShapeDtypeStruct((1, width), jnp.float32)
    jax.eval_shape(lambda p, s, x: network.apply(p, s, x, LayerCall(False), taps=taps)[0], shapes, stats, x)
    return sorted(shapes), [name for name, *_ in taps]
