"""Workers as the process that leads them sees them: begun again after a loss, from the last state that was fetched."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

from fallline.core.driving import Pace
from fallline.core.errors import FalllineError
from fallline.training import program
from fallline.training.state import Epochs
from fallline.training.worker import Place
from fallline.workers.group import GroupLostError, WorkerGroup

ATTEMPTS = 5  # losses of the workers without a further epoch or window, after which the run is given up


class KeptState(NamedTuple):
    """The last state that was fetched, where it stands, and how many records precede it."""

    state: Any
    place: Place
    records: int


class Led:
    """The workers of a run: begun at the first chunk, and again after a loss.

    Arguments:
        group: the processes. What they make has the methods `begin(state)`, `advance(until) -> (place, records)` and
            `kept() -> state`.
        state: the state to begin from, as NumPy's arrays.
        place: where it stands.
        last: last epoch to train.
        every: most epochs of a call; None: as many as take half a second.
        epochs: records so far; those of the workers are appended.
    """

    def __init__(
        self, group: WorkerGroup, state: Any, place: Place, last: int, every: int | None, epochs: list[Epochs]
    ) -> None:
        self.group, self.last, self.epochs = group, last, epochs
        self.kept = KeptState(state, place, len(epochs))
        self.pace = Pace(program.CAPACITY if every is None else max(1, min(every, program.CAPACITY)))
        self.begun, self.losses, self.furthest, self.first_seconds = False, 0, place, 0.0

    def chunk(self, place: Place) -> Place:
        """Train the next chunk, or, after a loss, the first chunk from the last state that was fetched."""
        return self._surely(lambda: self._advanced(place))

    def state_at(self, place: Place) -> Any:
        """The whole state at a place that the workers have reached."""

        def fetched() -> Place:
            here = place if self.begun else self.kept.place
            while here.at < place.at:
                here = self._advanced(here, place.epoch)
            if here.at != self.kept.place.at:
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
        self.kept = KeptState(self.group.call("kept"), place, len(self.epochs))

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
        new = Place(*new)
        if seen is not None:
            self.epochs.append(seen)
        self.first_seconds = self.first_seconds or time.perf_counter() - began
        self.pace.took(time.perf_counter() - asked, new.epoch - place.epoch)
        if new.at > self.furthest.at:
            self.furthest, self.losses = new, 0
        return new

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
            window = f", window {self.furthest.window}" if self.furthest.window else ""
            raise FalllineError(
                f"the workers were lost {ATTEMPTS} times at epoch {self.furthest.epoch}{window}, the last time because {lost}: "
                "give them more memory, or look for what ends them"
            ) from None
