"""One of the processes that share a run: it holds the rows and the state, and trains when it is told to."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from fallline.core.outcome import Outcome
from fallline.core.tree import Tree
from fallline.probes import Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.spread import Spread, spread_over
from fallline.training.state import Epochs, State


class Place(NamedTuple):
    """Where the workers stand: the numbers of the state that this process looks at.

    `window` is the one that comes next in the epoch, if the run is on a stream.
    """

    epoch: int
    outcome: int
    best_epoch: int
    window: int = 0

    @property
    def at(self) -> tuple[int, int]:
        """Compares the places of a run."""
        return self.epoch, self.window

    @property
    def running(self) -> bool:
        """Whether the run goes on after this epoch."""
        return self.outcome == Outcome.RUNNING


class Message(NamedTuple):
    """What a worker is made with, as NumPy's arrays."""

    recipe: Recipe
    arrays: Arrays
    recorded: tuple[Probe, ...]


class Worker:
    """One process of a run: it holds the rows and the state."""

    def __init__(self, message: Message) -> None:
        self.spread = spread_over(jax.devices())
        self.recipe, arrays, self.recorded = self.spread.put(message)
        self.arrays: Arrays = dataclasses.replace(arrays, spread=self.spread)
        self.speaks = jax.process_index() == 0
        self.state: State | None = None

    def begin(self, state: State) -> None:
        """Continue from a state, of which the key is given as words."""
        held: State = self.spread.put(state)
        self.state = dataclasses.replace(held, key=jax.random.wrap_key_data(held.key))

    def advance(self, until: int) -> tuple[Place, Epochs] | None:
        """Train up to an epoch; the first worker answers with where it stands and the records of these epochs."""
        assert self.state is not None
        before = int(self.state.epoch)
        advance = compiled_for(self.spread)
        self.state, seen = advance(self.recipe, self.arrays, self.state, np.int32(until), self.recorded)
        jax.block_until_ready(self.state.epoch)
        if not self.speaks:
            return None
        place = place_of(self.state)
        return place, jax.tree.map(lambda leaf: np.asarray(leaf)[: place.epoch - before], seen)

    def kept(self) -> State | None:
        """The whole state; only the first worker answers."""
        return on_host(self.state) if self.speaks and self.state is not None else None


@functools.cache
def compiled_for(spread: Spread) -> Callable[..., tuple[State, Epochs]]:
    """`advance` for devices that share the rows; every one of them ends with the whole state."""
    found: Callable[..., tuple[State, Epochs]] = jax.jit(program.advance, donate_argnums=2, out_shardings=spread.whole)
    return found


def place_of(state: State, window: int = 0) -> Place:
    """The numbers of a state that say where a run stands."""
    return Place(int(state.epoch), int(state.outcome), int(state.best_epoch), window)


def on_host(tree: Tree) -> Any:
    """A tree as NumPy's arrays, which another process can read; a state's key becomes words."""
    if isinstance(tree, State):
        tree = dataclasses.replace(tree, key=jax.random.key_data(tree.key))
    return jax.tree.map(np.asarray, tree)


def from_host(state: State) -> State:
    """A state on this process's device, from what `on_host` made of it."""
    found: State = jax.device_put(state)
    return dataclasses.replace(found, key=jax.random.wrap_key_data(found.key))
