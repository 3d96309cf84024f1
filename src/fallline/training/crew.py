"""A run on several processes: each computes a share of every minibatch, and this one tells them when to go on.

The workers run the program of a single device over a mesh of all of them. This process calls them chunk by chunk, and fetches
the state for checkpoints. If a worker is lost, all are begun again from the last state that was fetched. They take the same
steps again, so that the result is that of a run without the loss.
"""

import dataclasses
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

from fallline.core.driving import STOPPED, drive
from fallline.core.errors import FalllineError
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.core.whole import is_whole
from fallline.probes import RECORDED, Probe
from fallline.training.arrays import Arrays
from fallline.training.chunks import CEILING, Chunks
from fallline.training.led import Led
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.worker import Message, Place, Worker, from_host, on_host, place_of
from fallline.workers.group import WorkerGroup


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

    def group(self, make: Callable[[Any], Any], message: object) -> WorkerGroup:
        """The processes, which are not begun yet."""
        return WorkerGroup(make, message, self.count, self.address)

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
        with Interrupt() as interrupt, closing(self.group(Worker, message)) as group:
            last = CEILING if until is None else until
            led = Led(group, on_host(state), place_of(state), last, every, list(seen or []))

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
