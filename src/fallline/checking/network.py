"""The gradient of a whole network's cost: layers, normalisation, loss, penalty."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from fallline.core.block import as_arrays
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.gradients import GradientCheck, check_gradient
from fallline.layers import Sequential
from fallline.layers.base import is_random
from fallline.schedules.plateau import begun, remembered
from fallline.training.arrays import Arrays
from fallline.training.moment import network_of
from fallline.training.objective import cost_of, scaled_target
from fallline.training.recipe import Recipe
from fallline.training.state import State

MODES = ("training", "predicting")


def modes_of(state: State) -> tuple[str, ...]:
    """The modes to check: training alone, and also predicting if a layer keeps statistics for it."""
    return MODES if jax.tree.leaves(state.stats) else MODES[:1]


def check_network(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    rows: Int[np.ndarray, " rows"],
    *,
    training: bool,
    tolerance: float,
    share: float | None,
    seed: int,
    watch: Callable[[int, int], None] | None = None,
) -> GradientCheck:
    """Check the gradient of the run's cost on some rows, with respect to the params of a state.

    Everything is in float64. In training mode dropout is off, so that the cost is deterministic; schedules have their
    values at the first step. In predicting mode batch normalisation uses its running averages, and vanilla dropout scales.
    """
    state = _double(state)
    data = jax.tree.map(lambda leaf: leaf[rows], (_double(arrays.x), _double(arrays.y)))
    weight = np.ones(len(rows)) if arrays.weight is None else np.asarray(arrays.weight, np.float64)[rows]
    with jax.enable_x64(True):
        zero = jnp.zeros(())
        exact = as_arrays(recipe, np.float64)
        now: Recipe = at_time(remembered(exact, begun(exact)), Time(zero, zero, zero))
        x = now.inputs.apply(state.scaling, data[0])
        y = scaled_target(now, state, data[1])
    network = without_noise(network_of(now, arrays)) if training else network_of(now, arrays)

    def cost(params: Tree) -> Array:
        return cost_of(now, network, params, state.stats, x, y, weight, key=None, training=training)[0]

    return check_gradient(cost, state.params, tolerance=tolerance, share=share, seed=seed, watch=watch)


def without_noise(network: Sequential) -> Sequential:
    """The network without the layers that draw random numbers, such as dropout."""
    return dataclasses.replace(network, layers=tuple(each for each in network.layers if not is_random(each)))


def _double(tree: Tree) -> Any:
    """The tree with its floats in float64, on the host."""

    def convert(leaf: Any) -> Any:
        if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return leaf
        array = np.asarray(leaf)
        return array.astype(np.float64) if array.dtype.kind == "f" else array

    return jax.tree.map(convert, tree)
