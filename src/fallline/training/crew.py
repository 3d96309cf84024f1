"""A run on several processes: each computes a share of every minibatch, and this one tells them when to go on.

The workers run the program of a single device over a mesh of all of them. This process calls them chunk by chunk, and fetches
the state for checkpoints. If a worker is lost, all are begun again from the last state that was fetched. They take the same
steps again, so that the result is that of a run without the loss.
"""

import dataclasses
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from fallline.core.driving import STOPPED, Pace, drive
from fallline.core.errors import FalllineError
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.core.whole import is_whole
from fallline.probes import RECORDED, Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.chunks import CEILING, Chunks
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.worker import Message, Place, Worker, from_host, on_host, place_of
from fallline.workers.group import GroupLostError, WorkerGroup

ATTEMPTS = 5  # losses of the workers without a further epoch, after which the run is given up


@dataclasses.dataclass(frozen=True)
class Crew:
    """The workers that a run is to have.

    Arguments:
        count: number of processes, each with one core.
        address: address of a Ray cluster, `HOST:PORT` or `auto`; None: that of RAY_ADDRESS, or Ray on this machine.
    """

    count: int
    address: str | None = None

    def check(self, recipe: Recipe, rows: int) -> None:
        """Raises: FalllineError for a number of workers that cannot share the minibatches of this many training rows."""
        assert isinstance(recipe.batch_size, int)
        most = max(1, min(recipe.batch_size, rows))
        if self.count > most:
            raise FalllineError(
                f"workers = {self.count} cannot share a minibatch of {most} rows: expected at most {most} workers, or a larger "
                "batch_size"
            )

    def run_chunks(
        self,
        recipe: Recipe,
        arrays: Arrays,
        state: State,
        *,
        until: int | None = None,
        every: int | None = None,
        between: Callable[[Any, list[Epochs]], Any] | None = None,
        save: Callable[[State, list[Epochs]], Any] | None = None,
        save_seconds: float = 10.0,
        seen: list[Epochs] | None = None,
        recorded: tuple[Probe, ...] = RECORDED,
    ) -> Chunks:
        """What `chunks.run_chunks` does, by the workers; `between` is given a `Place` instead of the state.

        Raises: FalllineError as `WorkerGroup` does, and for workers that are lost again and again.
        """
        message = on_host(Message(recipe, arrays, recorded))
        with Interrupt() as interrupt, closing(WorkerGroup(Worker, message, self.count, self.address)) as group:
            led = _Led(group, state, CEILING if until is None else until, every, list(seen or []))

            def goal(place: Place) -> str:
                if not place.running:
                    return "ended"
                return "" if place.epoch < led.last else "until"

            def keep(place: Place) -> None:
                if place.running and led.keep(place) and save is not None:
                    save(from_host(led.kept.state), led.epochs)

            place, why = drive(
                led.kept.place,
                led.chunk,
                goal=goal,
                interrupt=interrupt,
                watch=None if between is None else lambda place: between(place, led.epochs),
                save=keep,
                every=save_seconds,
            )
            state = from_host(led.state_at(place))
        if why == STOPPED and place.running:
            state = dataclasses.replace(state, outcome=np.int32(Outcome.STOPPED))
        return Chunks(state, led.epochs, interrupt.asked and why != STOPPED and place.running, led.first_seconds)


class _Kept(NamedTuple):
    """The last state that was fetched, where it stands, and how many records precede it."""

    state: State
    place: Place
    records: int


class _Led:
    """The workers of a run as this process leads them: begun at the first chunk, and again after a loss."""

    def __init__(self, group: WorkerGroup, state: State, last: int, every: int | None, epochs: list[Epochs]) -> None:
        self.group, self.last, self.epochs = group, last, epochs
        self.kept = _Kept(on_host(state), place_of(state), len(epochs))
        self.pace = Pace(program.CAPACITY if every is None else max(1, min(every, program.CAPACITY)))
        self.begun, self.losses, self.furthest, self.first_seconds = False, 0, self.kept.place.epoch, 0.0

    def chunk(self, place: Place) -> Place:
        """Train the next chunk, or, after a loss, the first chunk from the last state that was fetched."""
        return self._surely(lambda: self._advanced(place))

    def state_at(self, place: Place) -> State:
        """The whole state at a place that the workers have reached."""

        def fetched() -> Place:
            here = place if self.begun else self.kept.place
            while here.epoch < place.epoch:
                here = self._advanced(here, place.epoch)
            if here.epoch != self.kept.place.epoch:
                self._fetch(here)
            return here

        self._surely(fetched)
        return self.kept.state

    def keep(self, place: Place) -> bool:
        """Fetch the state; returns False if the workers are lost, and the next chunk begins them again."""
        try:
            self._fetch(place)
        except GroupLostError as lost:
            self._count(lost)
            return False
        return True

    def _fetch(self, place: Place) -> None:
        state = self.group.call("kept")
        self.kept = _Kept(state, place, len(self.epochs))

    def _advanced(self, place: Place, most: int | None = None) -> Place:
        began = time.perf_counter()
        if not self.begun:
            self.group.start()
            self.group.call("begin", self.kept.state)
            del self.epochs[self.kept.records :]
            self.begun, place = True, self.kept.place
        asked = time.perf_counter()
        goal = min(place.epoch + self.pace.count, self.last if most is None else most)
        new, seen = self.group.call("advance", goal)
        self.epochs.append(seen)
        self.first_seconds = self.first_seconds or time.perf_counter() - began
        self.pace.took(time.perf_counter() - asked, new.epoch - place.epoch)
        if new.epoch > self.furthest:
            self.furthest, self.losses = new.epoch, 0
        return Place(*new)

    def _surely(self, deed: Callable[[], Place]) -> Place:
        """The deed's result; the workers are begun again for as long as the deed loses them."""
        while True:
            try:
                return deed()
            except GroupLostError as lost:
                self._count(lost)

    def _count(self, lost: GroupLostError) -> None:
        self.begun, self.losses = False, self.losses + 1
        if self.losses == ATTEMPTS:
            raise FalllineError(
                f"the workers were lost {ATTEMPTS} times at epoch {self.furthest}, the last time because {lost}: give them more "
                "memory, or look for what ends them"
            ) from None


def crew_of(workers: object, ray: str | None) -> Crew | None:
    """The workers that the arguments of `train` ask for; None for a run in this process.

    Raises: FalllineError for a number that is none, and for an address without a number.

    >>> crew_of(2, None)
    Crew(count=2, address=None)
    """
    if workers is None:
        if ray is not None:
            raise FalllineError(
                "ray says where workers compute, and their number is missing: give workers = 2, or leave ray out"
            )
        return None
    if not is_whole(workers) or workers < 1:
        raise FalllineError(f"workers = {workers!r} is not a number of processes: expected 1 or more")
    return Crew(int(workers), ray or None)
