"""Who trains on a stream's windows: this process, or workers that it leads. Both are told to in the same way."""

import time

from fallline.core.interrupt import Interrupt
from fallline.data.target import Target
from fallline.streams.sending import sent
from fallline.streams.stream import Stream
from fallline.training.chunks import CEILING
from fallline.training.crew import Crew
from fallline.training.led import Led
from fallline.training.state import Epochs
from fallline.training.stream_steps import StreamFacts, StreamPosition, StreamSteps
from fallline.training.stream_worker import StreamWorker, message_of, place_from_host, place_on_host
from fallline.training.worker import Place, place_of


def hands_of(
    crew: Crew | None,
    facts: StreamFacts,
    stream: Stream,
    target: Target,
    begun: StreamPosition,
    epochs: list[Epochs],
    interrupt: Interrupt,
) -> "OwnHands | LedHands":
    """Who trains, from a position on.

    Arguments:
        crew: the workers; None for this process.
        facts: of the run.
        stream: the stream.
        target: the target, in the unit in which the run sees it.
        begun: the position before the next window.
        epochs: records so far; those that follow are appended.
        interrupt: notes Ctrl-C while this process waits for its own device.

    Raises: FalllineError as `WorkerGroup` does.
    """
    if crew is None:
        return OwnHands(StreamSteps(facts, stream, target, interrupt.wait), begun, epochs)
    group = crew.group(StreamWorker, message_of(facts, sent(stream), target))
    return LedHands(group, place_on_host(begun), place_of(begun.state, begun.window), CEILING, 1, epochs)


class OwnHands:
    """This process: what `Led` is to workers."""

    def __init__(self, steps: StreamSteps, begun: StreamPosition, epochs: list[Epochs]) -> None:
        self._steps, self._position, self._epochs = steps, begun, epochs
        self.place, self.first_seconds = place_of(begun.state, begun.window), 0.0

    def chunk(self, place: Place) -> Place:
        """Train on the next window."""
        began = time.perf_counter()
        self._position, seen = self._steps.advance(self._position)
        if seen is not None:
            self._epochs.append(seen)
        self.first_seconds = self.first_seconds or time.perf_counter() - began
        return place_of(self._position.state, self._position.window)

    def keep(self, place: Place) -> bool:
        """The position is there already."""
        return True

    def position(self, place: Place) -> StreamPosition:
        """The position at the last place."""
        return self._position

    def close(self) -> None:
        """End the thread that fills windows."""
        self._steps.close()


class LedHands(Led):
    """Workers."""

    @property
    def place(self) -> Place:
        """Where they begin."""
        return self.kept.place

    def position(self, place: Place) -> StreamPosition:
        """The position at a place that they have reached, on this process's device."""
        return place_from_host(self.state_at(place))

    def close(self) -> None:
        """End the workers."""
        self.group.close()
