"""One of the processes that share a run on a stream: it reads the blocks, and holds its share of each window's rows."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from fallline.data.target import Target
from fallline.streams.sending import SentStream
from fallline.streams.shares import WindowShares, places_of, shares
from fallline.training import window_program as compiled
from fallline.training.spread import spread_over
from fallline.training.state import Epochs, State
from fallline.training.step import Tally
from fallline.training.stream_steps import StreamFacts, StreamPosition, StreamSteps
from fallline.training.worker import Place, from_host, on_host, place_of


class StreamMessage(NamedTuple):
    """What a worker is made with: the facts of the run with NumPy's arrays, the stream, and the target as the run sees it."""

    facts: StreamFacts
    stream: SentStream
    target: Target


class StreamWorker:
    """One process of a run on a stream."""

    def __init__(self, message: StreamMessage) -> None:
        self.steps = SharedSteps(message)
        self.speaks = jax.process_index() == 0
        self.place: StreamPosition | None = None

    def begin(self, place: StreamPosition) -> None:
        """Continue from a place whose arrays are NumPy's."""
        self.steps.close()
        put = self.steps.spread.put
        state: State = put(place.state)
        state = dataclasses.replace(state, key=jax.random.wrap_key_data(state.key))
        self.place = StreamPosition(state, put(place.tally), place.window)

    def advance(self, until: int) -> tuple[Place, Epochs | None] | None:
        """Train on the next window; the first worker answers with where it stands and what a closed epoch recorded."""
        assert self.place is not None
        self.place, seen = self.steps.advance(self.place)
        return (place_of(self.place.state, self.place.window), seen) if self.speaks else None

    def kept(self) -> StreamPosition | None:
        """The whole place; only the first worker answers."""
        return place_on_host(self.place) if self.speaks and self.place is not None else None


class SharedSteps(StreamSteps):
    """Trains on this process's share of every minibatch; the other processes do the same with theirs.

    The order of a window's rows is drawn by this device before the steps of the window before the last: once steps begin, the
    device is busy, and the thread that fills windows would wait for it.
    """

    def __init__(self, message: StreamMessage) -> None:
        self.spread = spread_over(jax.devices())
        held = message.facts
        recipe, arrays, recorded = self.spread.put((held.recipe, held.arrays, held.recorded))
        arrays = dataclasses.replace(arrays, spread=self.spread)
        facts = dataclasses.replace(held, recipe=recipe, arrays=arrays, recorded=recorded)
        super().__init__(facts, message.stream.opened(), message.target)
        self._steps, self._begun, self._closed = compiled.compiled_for(self.spread)
        self._places: dict[int, list[np.ndarray]] = {}
        self._epoch = 0

    def windows(self, epoch: int, first: int) -> Callable[[], Iterator[WindowShares]]:
        facts = self.facts
        self._places, self._epoch = {}, epoch
        for number in (first, first + 1):
            self._draw(number)
        order, own = facts.blocks(self.stream, epoch), self._places.pop
        return lambda: shares(self.stream, self.target, order, facts.rows, first, own)

    def trained(self, window: WindowShares, place: StreamPosition) -> tuple[State, Tally]:
        self._draw(window.number + 2)
        facts, cut = self.facts, self.spread.cut
        weights = facts.weights
        held = compiled.Minibatches(
            x=cut(window.x),
            y=cut(window.y),
            weight=None if weights is None else cut([weights[y] for y in window.y]),
            count=self.spread.put(np.int32(window.count)),
        )
        first = self.spread.put(np.int32(window.number * (facts.rows // facts.batch)))
        steps = self.spread.put(np.int32(facts.steps))
        return self._steps(facts.recipe, facts.arrays, held, place.state, place.tally, first, steps, facts.recorded)

    def judged(self, state: State, tally: Tally) -> tuple[State, Epochs]:
        facts = self.facts
        found: tuple[State, Epochs] = self._closed(facts.recipe, facts.arrays, state, tally, facts.recorded)
        return found

    def tally(self, state: State) -> Tally:
        found: Tally = self._begun(self.facts.recipe, state, self.facts.recorded)
        return found

    def _draw(self, number: int) -> None:
        """Find the places of this process's rows in a window, if the epoch has one of this number."""
        facts = self.facts
        if number >= len(facts.counts):
            return
        count, epoch = facts.counts[number], self._epoch
        if facts.recipe.shuffle:
            drawn = compiled.compiled_order(facts.key, np.int32(epoch), np.int32(number), facts.rows, np.int32(count))
            order = np.asarray(drawn)
        else:
            order = np.arange(facts.rows, dtype=np.int32)
        size = self.spread.size
        self._places[number] = [places_of(order, count, facts.batch, size, each) for each in self.spread.here]


def message_of(facts: StreamFacts, stream: SentStream, target: Target) -> StreamMessage:
    """The message with NumPy's arrays."""
    recipe, arrays, recorded = on_host((facts.recipe, facts.arrays, facts.recorded))
    return StreamMessage(dataclasses.replace(facts, recipe=recipe, arrays=arrays, recorded=recorded), stream, target)


def place_on_host(place: StreamPosition) -> StreamPosition:
    """A place as NumPy's arrays, which another process can read."""
    return StreamPosition(on_host(place.state), on_host(place.tally), place.window)


def place_from_host(place: StreamPosition) -> StreamPosition:
    """A place on this process's device, from what `place_on_host` made of it."""
    return StreamPosition(from_host(place.state), jax.device_put(place.tally), place.window)
