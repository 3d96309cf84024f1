"""The host's loop around compiled calls: a step, then callbacks and checkpoints, until the work ends or is interrupted."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from fallline.core.interrupt import Interrupt

CALL_SECONDS = 0.5  # target duration of a compiled call; Python sees callbacks and Ctrl-C only between calls
FIRST_SAVE = 1.0  # seconds
INTERRUPTED, STOPPED = "interrupted", "stopped"

S = TypeVar("S")


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where work stands, as every `watch` callback receives it; each kind of work adds facts of its own.

    Arguments:
        done: number of units of work done so far.
        total: most units that there can be.
        seconds: wall-clock time so far.
    """

    unit: ClassVar[str] = "steps"
    done: float
    total: float
    seconds: float

    @property
    def seconds_left(self) -> float:
        """Estimated time left, if all units are needed and the next ones take as long as those so far.

        >>> Progress(done=25, total=100, seconds=2.0).seconds_left
        6.0
        """
        return self.seconds * max(self.total - self.done, 0) / self.done if self.done > 0 else float("nan")


@dataclasses.dataclass
class Pace:
    """How many iterations a compiled call should run so that it takes about half a second.

    Arguments:
        most: most iterations that a call can run.
        each: seconds per iteration; infinite until the first call has been timed, so that this one runs one iteration.

    >>> pace = Pace(most=64)
    >>> pace.count
    1
    >>> pace.took(0.1, iterations=1)
    >>> pace.count
    5
    """

    most: int
    each: float = np.inf

    @property
    def count(self) -> int:
        """Number of iterations of the next call."""
        return int(np.clip(CALL_SECONDS / max(self.each, 1e-9), 1, self.most))

    def took(self, seconds: float, iterations: int) -> None:
        """Note how long a call took."""
        self.each = seconds / max(iterations, 1)


def first_save(began: float, every: float) -> float:
    """When work that began at a time is first saved: early, so that whoever follows it soon sees something.

    >>> first_save(5.0, every=10.0), first_save(5.0, every=0.2), first_save(5.0, every=np.inf)
    (6.0, 5.2, inf)
    """
    return began + (min(every, FIRST_SAVE) if np.isfinite(every) else np.inf)


def drive(
    state: S,
    step: Callable[[S], S],
    *,
    goal: Callable[[S], str],
    interrupt: Interrupt,
    watch: Callable[[S], Any] | None = None,
    save: Callable[[S], Any] | None = None,
    every: float = np.inf,
) -> tuple[S, str]:
    """Take steps until the work ends; returns the last state and why the work ended.

    Arguments:
        state: what the first step needs.
        step: runs one compiled call, or another piece of work that is not interrupted.
        goal: says why the work has ended, in a word; "" if it has not.
        interrupt: notes Ctrl-C, which ends the work before the next step.
        watch: called after every step; the work stops if it returns True.
        save: called after a step if `every` seconds have passed since it was last called, and first after a second.
        every: least time between two calls of `save`; infinite for none.

    >>> with Interrupt() as interrupt:
    ...     drive(1, lambda n: 2 * n, goal=lambda n: "large" if n > 99 else "", interrupt=interrupt)
    (128, 'large')
    """
    due = first_save(time.monotonic(), every)
    while not (why := goal(state)):
        if interrupt.asked:
            return state, INTERRUPTED
        state = step(state)
        if watch is not None and watch(state) is True:
            return state, STOPPED
        if save is not None and time.monotonic() >= due:
            save(state)
            due = time.monotonic() + every
    return state, why
