"""Results of stateless items, each counted once: what was lost on the way is done again."""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from fallline.core.errors import FalllineError

POLL = 0.2  # seconds between two looks at the clock
LEAST = 60.0  # seconds before anything counts as hung, where no limit is given
ATTEMPTS = 5  # at an item; one that is lost so often is taken for what kills its workers


class Event(NamedTuple):
    """What became of a ticket: its worker has begun it, has its result, has refused it, or is gone.

    `value` is the result; the sentence of a refusal, which another attempt would only repeat; why a worker is gone.
    """

    ticket: Any
    kind: Literal["begun", "done", "refused", "lost"]
    value: Any = None


class Workers(ABC):
    """Who does the items: `function(shared, item)`, somewhere else.

    The function must be importable where the workers are, and give the same result for the same item whenever and
    wherever it is called. `shared` is sent to a worker once. A FalllineError that it raises refuses the item.
    """

    slowest = 0.0  # seconds of the slowest item so far
    ahead = 0  # items that may be started beyond the slots, and wait where they will be worked on

    @abstractmethod
    def slots(self) -> int:
        """How many items can be worked on at once, now."""

    @abstractmethod
    def start(self, item: object) -> Any:
        """Hand an item over; its ticket."""

    @abstractmethod
    def events(self, tickets: Sequence[Any], timeout: float) -> list[Event]:
        """What has happened to these tickets since the last call; waits so many seconds for something to happen."""

    @abstractmethod
    def kill(self, ticket: object) -> None:
        """Stop working on a ticket, whatever its worker does at the moment."""

    @abstractmethod
    def close(self) -> None:
        """Let every worker go."""

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def finished(
    workers: Workers, items: Sequence[Any], *, limit: float | None = None, stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, Any]]:
    """(place, result) of every item, once each, in the order in which they end.

    An item whose worker was killed, whose machine is gone, or that took longer than the limit is begun again on
    another. Leaving the loop early stops what is running.

    Arguments:
        workers: who does them.
        items: what `Workers.start` takes.
        limit: seconds from an item's beginning, not counting its waiting for a worker, after which it counts as hung;
            None: once one has ended, ten times the slowest so far, and a minute at least.
        stop: asked now and then; once true, no more results come.

    Raises: FalllineError for an item that is refused, and for one that is lost again and again.
    """
    waiting = deque(range(len(items)))
    running: dict[Any, int] = {}
    begun: dict[Any, float] = {}
    lost = [0] * len(items)
    try:
        while (waiting or running) and not stop():
            while waiting and len(running) < workers.slots():
                place = waiting.popleft()
                running[workers.start(items[place])] = place
            for ticket, kind, value in workers.events(list(running), POLL):
                if kind == "begun":
                    begun[ticket] = time.monotonic()
                    continue
                place, since = running.pop(ticket), begun.pop(ticket, time.monotonic())
                if kind == "done":
                    workers.slowest = max(workers.slowest, time.monotonic() - since)
                    yield place, value
                elif kind == "refused":
                    raise FalllineError(value)
                else:
                    _again(place, value, waiting, lost)
            most = limit or (max(LEAST, 10 * workers.slowest) if workers.slowest else math.inf)
            for ticket in [each for each, since in begun.items() if time.monotonic() - since > most]:
                workers.kill(ticket)
                del begun[ticket]
                _again(running.pop(ticket), f"it took longer than {most:.3g} s", waiting, lost)
    finally:
        for ticket in running:
            workers.kill(ticket)


def _again(place: int, reason: str, waiting: deque[int], lost: list[int]) -> None:
    lost[place] += 1
    if lost[place] == ATTEMPTS:
        raise FalllineError(
            f"one piece of the work was lost {ATTEMPTS} times, the last time because {reason}: give the workers more "
            "memory or time, or look for what ends them"
        )
    waiting.append(place)
