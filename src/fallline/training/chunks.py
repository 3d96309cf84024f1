"""The compiled run, chunk by chunk: what is called between two chunks of epochs can watch, save and stop."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.outcome import Outcome
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.interrupt import Interrupt
from fallline.training.recipe import Recipe
from fallline.training.state import State

CEILING = 2**31 - 1
CHUNK_SECONDS = 0.5  # how long a compiled call may run before Python looks up

# Compiled once per structure of recipe and shapes of data, for every value of every traced hyperparameter.
compiled_start = jax.jit(program.start)
compiled_advance = jax.jit(program.advance, donate_argnums=2)


@dataclasses.dataclass(frozen=True)
class Chunks:
    """What a run has become.

    Arguments:
        state: where it stands.
        epochs: what every chunk has shown, an `Epoch` with a leading axis.
        interrupted: whether Ctrl-C ended it before its time.
        first_seconds: what the first chunk took, its compilation included.
    """

    state: State
    epochs: list[Any]
    interrupted: bool
    first_seconds: float


def run_chunks(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    *,
    until: int | None = None,
    every: int | None = None,
    between: Callable[[State, list[Any]], Any] | None = None,
    seen: list[Any] | None = None,
    advance: Callable[..., tuple[State, Any]] | None = None,
) -> Chunks:
    """Train until the run ends, Ctrl-C, or somebody between two chunks says so.

    Arguments:
        recipe: completed, its numbers as arrays.
        arrays: the data on the device.
        state: where to go on from; its buffers are used up.
        until: stop after this epoch, with a state that can be continued.
        every: epochs of a chunk at most; by default as many as take half a second.
        between: called after every chunk; an answer of True stops the run.
        seen: what was shown before this call.
        advance: compiled, in place of `compiled_advance`; it may show less of an epoch.
    """
    step = advance or compiled_advance
    goal = CEILING if until is None else until
    most = program.CAPACITY if every is None else max(1, min(every, program.CAPACITY))
    epochs, count, first = list(seen or []), 1, 0.0
    with Interrupt() as interrupt:
        while _running(state) and int(state.epoch) < goal and not interrupt.asked:
            before, asked_at = int(state.epoch), time.perf_counter()
            state, shown = step(recipe, arrays, state, jnp.int32(min(before + count, goal)))
            interrupt.wait(state.epoch)
            done = int(state.epoch) - before
            epochs.append(jax.tree.map(lambda leaf, done=done: np.asarray(leaf)[:done], shown))
            seconds = time.perf_counter() - asked_at
            first = first or seconds
            count = int(np.clip(CHUNK_SECONDS / (seconds / max(done, 1)), 1, most))
            if between is not None and between(state, epochs) is True and _running(state):
                state = dataclasses.replace(state, outcome=jnp.int32(Outcome.STOPPED))
        interrupted = interrupt.asked and _running(state)
    return Chunks(state, epochs, interrupted, first)


def _running(state: State) -> bool:
    """`state.running`, compared on the host: on the device it would be one more program to compile."""
    return int(state.outcome) == Outcome.RUNNING
