"""Results of stateless work items, each returned exactly once; lost items are retried."""

import math
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

from fallline.core.errors import FalllineError

POLL = 0.2  # seconds between two checks of the clock
LEAST = 60.0  # seconds before an item counts as hung, if no limit is given
ATTEMPTS = 5  # tries per item; an item lost this often is assumed to kill its workers


class Event(NamedTuple):
    """The status of a ticket: its worker has begun it, finished it, refused it, or is gone.

    `value` is the result, the message of a refusal (a retry would only repeat it), or the reason why the worker is gone.
    """

    ticket: Any
    kind: Literal["begun", "done", "refused", "lost"]
    value: Any = None


class Workers(ABC):
    """Workers that call `function(shared, item)` in other processes.

    The function must be importable by the workers, and must return the same result for the same item whenever and
    wherever it is called. `shared` is sent to each worker once. If the function raises a FalllineError, the item counts as
    refused.
    """

    slowest = 0.0  # duration of the slowest item so far in seconds
    ahead = 0  # items that may be started beyond the slots, to queue at the workers

    @abstractmethod
    def slots(self) -> int:
        """Number of items that can currently run at once."""

    @abstractmethod
    def start(self, item: object) -> Any:
        """Submit an item, and return its ticket."""

    @abstractmethod
    def events(self, tickets: Sequence[Any], timeout: float) -> list[Event]:
        """The events of these tickets since the last call; waits up to `timeout` seconds for one."""

    @abstractmethod
    def kill(self, ticket: object) -> None:
        """Stop working on a ticket, whatever state its worker is in."""

    @abstractmethod
    def close(self) -> None:
        """End all workers."""

    def __enter__(self) -> "Workers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def finished(
    workers: Workers, items: Sequence[Any], *, limit: float | None = None, stop: Callable[[], bool] = lambda: False
) -> Iterator[tuple[int, Any]]:
    """(place, result) of every item, once each, in order of completion.

    If the worker of an item is killed, its machine is lost, or the item exceeds the limit, the item is restarted on
    another worker. Leaving the loop early stops the running items.

    Arguments:
        workers: the workers.
        items: the work items, as passed to `Workers.start`.
        limit: time limit of an item in seconds, without its time in the queue, after which it counts as hung; None: ten
            times the slowest item so far, at least a minute, and no limit until the first item has finished.
        stop: polled regularly; once it returns True, no more results are yielded.

    Raises: FalllineError for a refused item, and for one that is lost repeatedly.
    """
    waiting = deque(range(len(items)))
    running: dict[Any, int] = {}
    begun: dict[Any, float] = {}
    lost = [0] * len(items)
    try:
        while (waiting or running) and not stop():
            while waiting and len(running) < workers.slots():
                index = waiting.popleft()
                running[workers.start(items[index])] = index
            for ticket, kind, value in workers.events(list(running), POLL):
                if kind == "begun":
                    begun[ticket] = time.monotonic()
                    continue
                index, since = running.pop(ticket), begun.pop(ticket, time.monotonic())
                if kind == "done":
                    workers.slowest = max(workers.slowest, time.monotonic() - since)
                    yield index, value
                elif kind == "refused":
                    raise FalllineError(value)
                else:
                    _again(index, value, waiting, lost)
            most = limit or (max(LEAST, 10 * workers.slowest) if workers.slowest else math.inf)
            for ticket in [each for each, since in begun.items() if time.monotonic() - since > most]:
                workers.kill(ticket)
                del begun[ticket]
                _again(running.pop(ticket), f"it took longer than {most:.3g} s", waiting, lost)
    finally:
        for ticket in running:
            workers.kill(ticket)


def _again(index: int, reason: str, waiting: deque[int], lost: list[int]) -> None:
    lost[index] += 1
    if lost[index] == ATTEMPTS:
        raise FalllineError(
            f"one piece of the work was lost {ATTEMPTS} times, the last time because {reason}: give the workers more "
            "memory or time, or look for what ends them"
        )
    waiting.append(index)
