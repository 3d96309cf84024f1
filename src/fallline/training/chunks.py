"""The compiled run, in chunks of epochs; between two chunks callbacks can monitor, save and stop it."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.driving import STOPPED, Pace, drive
from fallline.core.executables import KeptProgram
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.probes import RECORDED, Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State

CEILING = 2**31 - 1

# Compiled once per structure of recipe and shapes of data, for every value of every traced hyperparameter. JAX traces a call
# that leaves an argument out apart from one that names it: callers of `compiled_start` always name `given`, None if nothing is.
compiled_start = KeptProgram(program.start, "start")
compiled_advance = KeptProgram(program.advance, "advance", donate=(2,))


@dataclasses.dataclass(frozen=True)
class Chunks:
    """Result of `run_chunks`.

    Arguments:
        state: the state of the run at the end.
        epochs: the records of every chunk.
        interrupted: whether Ctrl-C ended the run early.
        first_seconds: duration of the first chunk, including compilation.
    """

    state: State
    epochs: list[Epochs]
    interrupted: bool
    first_seconds: float


def run_chunks(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    *,
    until: int | None = None,
    every: int | None = None,
    between: Callable[[State, list[Epochs]], Any] | None = None,
    save: Callable[[State, list[Epochs]], Any] | None = None,
    save_seconds: float = np.inf,
    seen: list[Epochs] | None = None,
    recorded: tuple[Probe, ...] = RECORDED,
) -> Chunks:
    """Train until the run ends, is interrupted, or the `between` callback returns True.

    Arguments:
        recipe: completed recipe with its numbers as arrays.
        arrays: the data on the device.
        state: state to continue from; its buffers are donated and cannot be used afterwards.
        until: last epoch to train; the state can be continued from there.
        every: most epochs per chunk; by default a chunk takes about half a second.
        between: callback after every chunk; the run stops if it returns True.
        save: callback after a chunk of a run that goes on, at most every `save_seconds`.
        seen: records from before this call.
        recorded: the probes, with their numbers as arrays.
    """
    last = CEILING if until is None else until
    pace = Pace(program.CAPACITY if every is None else max(1, min(every, program.CAPACITY)))
    epochs = list(seen or [])
    times: list[float] = []

    def chunk(state: State) -> State:
        before, asked_at = int(state.epoch), time.perf_counter()
        state, shown = compiled_advance(recipe, arrays, state, jnp.int32(min(before + pace.count, last)), recorded)
        interrupt.wait(state.epoch)
        done = int(state.epoch) - before
        epochs.append(jax.tree.map(lambda leaf: np.asarray(leaf)[:done], shown))
        times.append(time.perf_counter() - asked_at)
        pace.took(times[-1], done)
        return state

    def goal(state: State) -> str:
        if not _running(state):
            return "ended"
        return "" if int(state.epoch) < last else "until"

    with Interrupt() as interrupt:
        state, why = drive(
            state,
            chunk,
            goal=goal,
            interrupt=interrupt,
            watch=None if between is None else lambda state: between(state, epochs),
            save=None if save is None else lambda state: _running(state) and save(state, epochs),
            every=save_seconds,
        )
        if why == STOPPED and _running(state):
            state = dataclasses.replace(state, outcome=jnp.int32(Outcome.STOPPED))
        interrupted = interrupt.asked and _running(state)
    return Chunks(state, epochs, interrupted, times[0] if times else 0.0)


def _running(state: State) -> bool:
    """`state.running`, compared on the host; on the device it would need another compiled program."""
    return int(state.outcome) == Outcome.RUNNING
