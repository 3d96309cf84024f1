"""The windows of a run on a stream, trained on one after the other: what a run does between two checkpoints."""

import dataclasses
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.core.random import Seed
from fallline.data.target import Target
from fallline.probes import Probe
from fallline.streams.stream import Stream
from fallline.streams.windows import Window, ahead, block_order, window_counts, windows
from fallline.training import window_program as compiled
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.step import Tally


class StreamPosition(NamedTuple):
    """Where a run on a stream stands: its state, the sums of its epoch, and the window that comes next."""

    state: State
    tally: Tally
    window: int


@dataclasses.dataclass(frozen=True)
class StreamFacts:
    """What the steps of a run on a stream depend on, beside the rows.

    Arguments:
        recipe: completed recipe with its numbers as arrays.
        arrays: the stream's sample, by which epochs are judged.
        recorded: the probes, with their numbers as arrays.
        words: the words of the run's key.
        rows: rows of a window.
        total: training rows.
        weights: the weight of each class, if the recipe has any.
    """

    recipe: Recipe
    arrays: Arrays
    recorded: tuple[Probe, ...]
    words: tuple[int, ...]
    rows: int
    total: int
    weights: np.ndarray | None

    @property
    def batch(self) -> int:
        """Rows of a minibatch."""
        assert isinstance(self.recipe.batch_size, int)
        return self.recipe.batch_size

    @cached_property
    def counts(self) -> list[int]:
        """The rows of each window of an epoch."""
        return window_counts(self.total, self.rows)

    @property
    def steps(self) -> int:
        """Minibatches of an epoch."""
        return -(-self.total // self.batch)

    @property
    def key(self) -> Seed:
        """The run's key."""
        return jax.random.wrap_key_data(np.array(self.words, np.uint32))

    def blocks(self, stream: Stream, epoch: int) -> np.ndarray:
        """The order of the blocks in an epoch."""
        return block_order(stream, self.words, epoch, self.recipe.shuffle and len(self.counts) > 1)


def _until_done(array: Array) -> None:
    array.block_until_ready()


class StreamSteps:
    """Trains on a stream, window by window, in this process.

    Arguments:
        facts: of the run.
        stream: the stream.
        target: the target, in the unit in which the run sees it.
        wait: waits for an array of the device.
    """

    def __init__(
        self, facts: StreamFacts, stream: Stream, target: Target, wait: Callable[[Array], None] = _until_done
    ) -> None:
        self.facts, self.stream, self.target, self.wait = facts, stream, target, wait
        self._ready: Iterator[Any] = iter(())

    def advance(self, place: StreamPosition) -> tuple[StreamPosition, Epochs | None]:
        """Train on the next window; after the last one of an epoch, close it, and return what it recorded."""
        window = next(self._ready, None)
        if window is None:
            self._ready = ahead(self.windows(int(place.state.epoch), place.window))
            window = next(self._ready)
        assert window.number == place.window
        state, tally = self.trained(window, place)
        self.wait(state.step)
        if window.number + 1 < len(self.facts.counts):
            return StreamPosition(state, tally, window.number + 1), None
        self.close()
        state, seen = self.judged(state, tally)
        self.wait(state.epoch)
        return StreamPosition(state, self.tally(state), 0), jax.tree.map(lambda leaf: np.asarray(leaf)[None], seen)

    def close(self) -> None:
        """End the thread that fills windows."""
        close = getattr(self._ready, "close", None)
        if close is not None:
            close()
        self._ready = iter(())

    def windows(self, epoch: int, first: int) -> Callable[[], Iterator[Any]]:
        """Makes the windows of an epoch from one on; a thread calls it."""
        order = self.facts.blocks(self.stream, epoch)
        return lambda: windows(self.stream, self.target, order, self.facts.rows, first)

    def trained(self, window: Any, place: StreamPosition) -> tuple[State, Tally]:
        """The state and the sums after the steps of a window."""
        facts = self.facts
        found: tuple[State, Tally] = compiled.compiled_steps(
            facts.recipe,
            self._arrays(window),
            place.state,
            place.tally,
            np.int32(window.number),
            np.int32(window.number * (facts.rows // facts.batch)),
            np.int32(facts.steps),
            facts.recorded,
        )
        return found

    def judged(self, state: State, tally: Tally) -> tuple[State, Epochs]:
        """The state after the end of an epoch, and what the epoch recorded."""
        facts = self.facts
        found: tuple[State, Epochs] = compiled.compiled_closed(facts.recipe, facts.arrays, state, tally, facts.recorded)
        return found

    def tally(self, state: State) -> Tally:
        """The sums of an epoch before its first step."""
        found: Tally = compiled.compiled_tally(self.facts.recipe, state, self.facts.recorded)
        return found

    def _arrays(self, window: Window) -> Arrays:
        y, weights = window.y, self.facts.weights
        return dataclasses.replace(
            self.facts.arrays,
            x=jax.device_put(window.x, may_alias=True),
            y=jax.device_put(y, may_alias=True),
            weight=None if weights is None else jax.device_put(weights[y]),
            train=jnp.zeros(0, jnp.int32),
            valid=jnp.zeros(0, jnp.int32),
            train_count=jax.device_put(np.int32(window.count)),
            valid_count=jax.device_put(np.int32(0)),
        )
