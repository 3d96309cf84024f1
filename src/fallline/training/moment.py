"""What does a run read of its recipe at a moment: the network, the sizes, and the values of its schedules."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.block import walk
from fallline.core.schedule import Schedule, Time, at_time
from fallline.layers import Sequential
from fallline.schedules.plateau import PlateauMemory, begun, remembered
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe


def network_of(recipe: Recipe, arrays: Arrays) -> Sequential:
    """The network that the recipe describes for this data set."""
    assert recipe.loss is not None
    return recipe.network(recipe.loss.outputs(arrays.targets, arrays.task))


def input_width(recipe: Recipe, arrays: Arrays) -> int:
    """Width of the network's input: the number of scaled features and of codes."""
    return recipe.inputs.outputs(arrays.x.shape[1])


_SHAPES: dict[Any, Any] = {}


def shapes_of(recipe: Recipe, arrays: Arrays) -> tuple[Any, Any]:
    """Shapes and dtypes of the network's params and stats; cached, since they need tracing and depend on no traced number."""
    network, width = network_of(beginning(recipe), arrays), input_width(recipe, arrays)
    which = (jax.tree.structure(network), width)
    if which not in _SHAPES:
        if len(_SHAPES) > 64:
            _SHAPES.clear()
        _SHAPES[which] = jax.eval_shape(lambda key: network.init(key, (width,)), jax.random.key(0))
    found: tuple[Any, Any] = _SHAPES[which]
    return found


def beginning(recipe: Recipe) -> Any:
    """The recipe with its schedules at their first values, as what is made before the first step reads it."""
    zero = jnp.float32(0.0)
    return at_time(remembered(recipe, begun(recipe)), Time(zero, zero, zero))


def settled(recipe: Recipe, watching: tuple[PlateauMemory, ...], epochs: Array, steps: Array | int) -> Recipe:
    """The recipe as validation and prediction read it after some epochs: the model and the loss of the last step.

    Without a schedule in them it is the recipe itself, and the program stays the same.

    Arguments:
        recipe: with its schedules.
        watching: the memories of its plateaus.
        epochs: that are over.
        steps: per epoch.
    """
    parts = (recipe.model, recipe.loss)
    if not any(isinstance(value, Schedule) for each in parts if each is not None for _, _, value in walk(each)):
        return recipe
    time = time_of(recipe, jnp.maximum(epochs * steps - 1, 0), jnp.asarray(steps))
    now = at_time(remembered(recipe, watching), time)
    return dataclasses.replace(recipe, model=now.model, loss=now.loss)


def batch_rows(recipe: Recipe, arrays: Arrays) -> int:
    """Examples per step."""
    assert isinstance(recipe.batch_size, int)
    found: int = max(1, min(recipe.batch_size, arrays.train.shape[0]))
    return found


def steps_of(recipe: Recipe, arrays: Arrays) -> Array:
    """Steps per epoch; a lane whose fold has fewer rows has fewer."""
    return -(-arrays.train_count // batch_rows(recipe, arrays))


def time_of(recipe: Recipe, step: Array, steps_per_epoch: Array) -> Time:
    """The time at a step. Progress is measured at the middle of the step, so that it is never 0 or 1."""
    step, per_epoch = step.astype(jnp.float32), jnp.maximum(steps_per_epoch, 1).astype(jnp.float32)
    return Time(step, step / per_epoch, (step + 0.5) / jnp.maximum(recipe.epochs * per_epoch, 1.0))
