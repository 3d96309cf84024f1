"""The run of a stream as pure functions: the steps of one window of rows, and the end of an epoch.

An epoch of `program.one_epoch` is all its steps, then `closed`. Here the steps come window by window, and the tally is
carried from one to the next. A window that holds all rows takes the same steps in the same order.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from fallline.core.random import Seed, named, permutation
from fallline.probes import Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.spread import Spread
from fallline.training.state import Epochs, State
from fallline.training.step import Tally, empty_tally, one_step


def window_key(key: Seed, epoch: Array, window: Array) -> Seed:
    """The key of a window's order; that of the first window is the epoch's own."""
    own = named(key, "order", epoch)
    words = [jax.random.key_data(each) for each in (own, named(own, "window", window))]
    return jax.random.wrap_key_data(jnp.where(window > 0, words[1], words[0]))


def window_order(key: Seed, epoch: Array, window: Array, rows: int, count: Array) -> Int[Array, " rows"]:
    """The order in which the rows of a window are trained on, of which the first `count` are real."""
    return permutation(window_key(key, epoch, window), rows, count)


def steps(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    tally: Tally,
    window: Int[Array, ""],
    first: Int[Array, ""],
    per_epoch: Int[Array, ""],
    recorded: tuple[Probe, ...],
) -> tuple[State, Tally]:
    """Train on the minibatches of one window.

    Arguments:
        recipe: completed recipe.
        arrays: the rows of the window; the first `train_count` of them are real.
        state, tally: of the run and of the epoch so far.
        window: number of the window in the epoch.
        first: number of its first minibatch in the epoch.
        per_epoch: minibatches of an epoch.
        recorded: the probes.
    """
    assert isinstance(recipe.batch_size, int)
    rows, size = arrays.x.shape[0], recipe.batch_size
    count = -(-rows // size)
    indices = jnp.minimum(lax.iota(jnp.int32, count * size), rows - 1)
    if recipe.shuffle:
        indices = window_order(state.key, state.epoch, window, rows, arrays.train_count)[indices]
    order = indices.reshape(count, size)

    def step(index: Array, carry: tuple[State, Tally]) -> tuple[State, Tally]:
        state, tally = carry
        chosen = order[index]
        weight = (index * size + jnp.arange(size) < arrays.train_count).astype(jnp.float32)
        if arrays.weight is not None:
            weight = weight * arrays.weight[chosen]
        return one_step(recipe, arrays, state, tally, chosen, weight, first + index, per_epoch, recorded)

    real = -(-arrays.train_count // size)
    after: tuple[State, Tally] = lax.fori_loop(0, real, step, (state, tally))
    return program.fall_back(state, after[0], recorded), after[1]


class Minibatches(NamedTuple):
    """The minibatches of a window, of whose rows every device holds a share.

    Attributes:
        x: features, (minibatches, rows, features).
        y: targets.
        weight: weight of each row; None if all are equal.
        count: rows of the window that are real.
    """

    x: Array
    y: Array
    weight: Array | None
    count: Int[Array, ""]


def shared_steps(
    recipe: Recipe,
    arrays: Arrays,
    held: Minibatches,
    state: State,
    tally: Tally,
    first: Int[Array, ""],
    per_epoch: Int[Array, ""],
    recorded: tuple[Probe, ...],
) -> tuple[State, Tally]:
    """What `steps` does, with minibatches that lie in their order and are spread over several devices.

    Arguments:
        recipe, state, tally, first, per_epoch, recorded: as for `steps`.
        arrays: everything but the rows of the window.
        held: the rows.
    """
    size, spread = recipe.batch_size, arrays.spread
    assert isinstance(size, int)
    assert spread is not None

    def step(index: Array, carry: tuple[State, Tally]) -> tuple[State, Tally]:
        state, tally = carry
        weight = (index * size + jnp.arange(size) < held.count).astype(jnp.float32)
        weight = spread.shared(weight, held.x.shape[1])
        if held.weight is not None:
            weight = weight * held.weight[index]
        own = dataclasses.replace(arrays, x=held.x[index], y=held.y[index])
        return one_step(recipe, own, state, tally, None, weight, first + index, per_epoch, recorded)

    after: tuple[State, Tally] = lax.fori_loop(0, -(-held.count // size), step, (state, tally))
    return program.fall_back(state, after[0], recorded), after[1]


def begun(recipe: Recipe, state: State, recorded: tuple[Probe, ...]) -> Tally:
    """The tally before an epoch's first step."""
    return empty_tally(recipe, state, recorded)


def closed(
    recipe: Recipe, arrays: Arrays, state: State, tally: Tally, recorded: tuple[Probe, ...]
) -> tuple[State, Epochs]:
    """The end of an epoch; `arrays` hold the validation rows, and training rows that probes look at."""
    return program.closed(recipe, arrays, state, tally, jnp.bool_(True), recorded)


compiled_order = jax.jit(window_order, static_argnums=3)
compiled_steps = jax.jit(steps, donate_argnums=(2, 3))
compiled_tally = jax.jit(begun)
compiled_closed = jax.jit(closed)


@functools.cache
def compiled_for(spread: Spread) -> tuple[Callable[..., tuple[State, Tally]], Callable[..., Any], Callable[..., Any]]:
    """`shared_steps`, `begun` and `closed` for devices that share the rows; every one of them ends with the whole results."""
    whole = spread.whole
    return (
        jax.jit(shared_steps, donate_argnums=(3, 4), out_shardings=whole),
        jax.jit(begun, out_shardings=whole),
        jax.jit(closed, out_shardings=whole),
    )
