"""Thousands of short trainings as lanes of one program, without a table or a history for each of them.

`evaluate` keeps records of every lane on the host, which costs more than a small network's training. Here a chunk of lanes
returns two numbers and a flag each. What a lane computes is `program.start` and `program.one_epoch`, as in any run.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from fallline.core.outcome import Outcome
from fallline.core.tree import Tree
from fallline.data.table import Table
from fallline.lab.leaves import Leaves
from fallline.population.devices import COMMON, LANES, mesh, place_common
from fallline.population.lanes import without_best
from fallline.population.sizes import lane_bytes
from fallline.training import program
from fallline.training.arrays import Arrays, suited
from fallline.training.preparation import bare, prepare
from fallline.training.recipe import Recipe

LANES_AT_ONCE = {"cpu": 128}  # more no longer fit the cache: 5.2 ms each with 64 or 128 lanes, 6.6 with 512
MANY = 4096  # lanes at once on other devices
ROOM = 2**28  # bytes of the working set of a chunk
LAST = 0.2  # share of the epochs whose mean is the loss at the end


class Ends(NamedTuple):
    """What is known of every training.

    Arguments:
        first: mean training loss of the first epoch; with full batches, of the untrained network.
        last: mean training loss over the last fifth of the epochs; infinite if it diverged.
        diverged: share of the epochs that were left when it diverged; 0 if it did not.
    """

    first: Float[np.ndarray, " lanes"]
    last: Float[np.ndarray, " lanes"]
    diverged: Float[np.ndarray, " lanes"]


def train_swarm(
    recipe: Recipe,
    data: Table,
    paths: Sequence[str],
    values: Float[np.ndarray, "lanes paths"],
    seed: int = 0,
    watch: Callable[[int, int], Any] | None = None,
) -> Ends:
    """Train a recipe with every row of values at its paths, all with the same seed, on all training rows.

    Arguments:
        recipe: a recipe with numbers at the paths, other than the largest of their values.
        data: a table; its validation rows are not looked at.
        paths: dotted paths of numbers.
        values: a row for every training.
        seed: of initial weights and minibatches.
        watch: callback after every chunk, with the numbers of trainings done and in all.

    Raises: FalllineError for a path whose number is no leaf of the program.
    """
    endless: dict[str, Any] = {
        "patience": None,
        "monitor": "none",
        "keep": "last",
        "calibrate": "none",
        "gradient_tolerance": None,
    }
    table, _ = suited(data, [recipe])
    completed, arrays, key = prepare(dataclasses.replace(recipe, **endless), table, seed)
    arrays = dataclasses.replace(place_common(arrays), valid=place_common(arrays.valid[:0]), valid_count=np.int32(0))
    leaves, epochs = Leaves(bare(completed), paths, values.max(axis=0).tolist()), int(completed.epochs)
    devices, most = len(jax.devices()), LANES_AT_ONCE.get(jax.devices()[0].platform, MANY)
    fitting = max(1, min(most, ROOM // lane_bytes(completed, arrays), -(-len(values) // devices) * devices))
    size = max(devices, fitting // devices * devices)
    run = _compiled(leaves, epochs)
    found = []
    for start in range(0, len(values), size):
        chunk = np.asarray(values[start : start + size], np.float32)
        filled = np.concatenate([chunk, np.repeat(chunk[:1], size - len(chunk), axis=0)])
        found.append([np.asarray(each)[: len(chunk)] for each in run(filled, arrays, key)])
        if watch is not None:
            watch(start + len(chunk), len(values))
    return Ends(*(np.concatenate(column).astype(np.float64) for column in zip(*found, strict=True)))


def _compiled(leaves: Leaves, epochs: int) -> Callable[..., Any]:
    """The program that trains a chunk, spread over the devices."""
    one = functools.partial(_train, leaves, epochs)
    spread = jax.shard_map(
        jax.vmap(one, (0, None, None)), mesh=mesh(), in_specs=(LANES, COMMON, COMMON), out_specs=LANES, check_vma=False
    )
    found: Callable[..., Any] = jax.jit(spread)
    return found


def _train(leaves: Leaves, epochs: int, values: Float[Array, " paths"], arrays: Arrays, key: Any) -> tuple[Array, ...]:
    """One training: the loss at its beginning and its end, and when it diverged."""
    recipe = leaves.recipe(list(values))
    state = without_best(program.start(recipe, arrays, key))

    def epoch(state: Any, last: Array) -> tuple[Any, tuple[Array, Array]]:
        new, seen = program.one_epoch(recipe, arrays, state, last, ())
        return new, (seen["train_loss"], new.outcome == Outcome.DIVERGED)

    scanned: Tree = lax.scan(epoch, state, jnp.arange(epochs) == epochs - 1)[1]
    losses, diverged = scanned
    tail = max(1, round(LAST * epochs))
    mean = jnp.mean(losses[-tail:])
    bad = diverged[-1] | ~jnp.isfinite(mean)
    return losses[0], jnp.where(bad, jnp.inf, mean), jnp.where(bad, jnp.mean(diverged), 0.0)
