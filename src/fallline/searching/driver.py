"""The loop of a search: reserve a batch, train it, store its scores and report progress."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, ClassVar

import numpy as np

from fallline.core.driving import INTERRUPTED, Progress, drive
from fallline.core.errors import FalllineError
from fallline.core.interrupt import Interrupt
from fallline.population.ledger import LanesProgress
from fallline.searching.budget import Budget
from fallline.searching.kept import LastingStore
from fallline.searching.memory import Memory
from fallline.searching.trial import Trial, bars_of, history_of, trials_of
from fallline.searching.work import Points, Trainer, in_pieces
from fallline.strategies.base import Strategy
from fallline.strategies.halving import Halving
from fallline.strategies.space import Space

POLL = 0.2  # seconds between two polls for trials that other processes have given up


@dataclasses.dataclass(frozen=True)
class Standing(Progress):
    """Progress of a search, for a live table or a callback.

    Arguments:
        done, total: number of completed trials, and their planned total.
        seconds: wall-clock time so far.
        best: the best trial so far, or None.
        left: estimate of the time left in seconds, from the trials of this process alone.
        part: finished share of the current batch, in trials.
        progress: progress of the current batch; None between two batches.
        sign: factor that turns the best trial's score into the monitored value: -1 if larger is better.
    """

    unit: ClassVar[str] = "trials"
    best: Trial | None
    left: float
    part: float
    progress: LanesProgress | None
    sign: float = 1.0

    @property
    def trials(self) -> int:
        """Planned number of trials."""
        return int(self.total)

    @property
    def seconds_left(self) -> float:
        """Estimate of the time left in seconds; NaN before this process has finished a trial."""
        return self.left


@dataclasses.dataclass
class Driver:
    """One process's part in a search.

    Arguments:
        space, strategy, seed, budget: the space, the strategy, the seed and the budget of the study; no batch begins after
            the budget is used up.
        store, trainer: where trials are stored, and how they are trained.
        batch, piece: number of trials reserved together, and number trained together (None: the whole batch).
        halving: the pruner, or None.
        watch: callback that receives the progress.
        sign: -1 if larger is better for the monitored value.
        began: time of the start by `time.perf_counter`.
        told: callback that receives all completed trials after each piece; the search ends with its batch if it returns True.
    """

    space: Space
    strategy: Strategy
    seed: int
    budget: Budget
    store: LastingStore | Memory
    trainer: Trainer
    batch: int
    piece: int | None
    halving: Halving | None
    watch: Callable[[Standing], None] | None
    sign: float
    began: float
    told: Callable[[tuple[Trial, ...]], bool] | None = None

    def __post_init__(self) -> None:
        self.read: dict[int, Trial] = {}
        self.known = self.completed()
        self.before, self.at_hand = len(self.known), 0
        self.interrupted, self.over, self.stopped = False, False, False

    def completed(self) -> tuple[Trial, ...]:
        """All trials completed so far, by any process."""
        return trials_of(self.space, self.store.rows(), self.read)

    def run(self) -> None:
        """Train batch after batch, until the trials or the budget are used up, or Ctrl-C is pressed."""
        self._tell(None)
        with Interrupt() as interrupt:
            nothing: Points = []
            reserved, why = drive(
                nothing,
                self._step,
                goal=self._goal,
                interrupt=interrupt,
                watch=lambda reserved: None if reserved else self._tell(None),
            )
        self.interrupted = why == INTERRUPTED
        if reserved:  # Ctrl-C was pressed between the reservation and the training
            _release(self.store, [number for number, _ in reserved])

    def _step(self, reserved: Points) -> Points:
        """Train the trials that are reserved; otherwise reserve some, and return them."""
        if reserved:
            self._train(reserved)
            return []
        reserved = self.store.reserve(self.batch, self.budget.trials, self._propose)
        if not reserved:
            self.over = all(row.outcome is not None for row in self.store.rows())
            if not self.over:
                time.sleep(POLL)  # others train the last trials; if they are killed, this process takes them over
        return reserved

    def _goal(self, reserved: Points) -> str:
        """Why no further step is taken; "" if one is."""
        if self.trainer.interrupted:
            return INTERRUPTED
        if self.over:
            return "completed"
        if self.stopped and not reserved:
            return "stopped"
        return "budget" if not reserved and self._spent() else ""

    def _spent(self) -> bool:
        epochs, seconds = self.budget.epochs, self.budget.seconds
        if seconds is not None and time.perf_counter() - self.began >= seconds:
            return True
        return epochs is not None and sum(row.lane_epochs or 0 for row in self.store.rows()) >= epochs

    def _propose(self, rows: list[Any], numbers: range) -> np.ndarray:
        pending = [np.array(json.loads(row.point)) for row in rows if row.outcome is None]
        trial_history = history_of(self.space, trials_of(self.space, rows, self.read), pending)
        return self.strategy.propose(self.space, trial_history, numbers, self.seed)

    def _bars(self, first: int) -> dict[int, float] | None:
        """The scores needed at halving's rungs by the trials of the batch that contains the trial `first`."""
        if self.halving is None:
            return None
        # The rest of a batch that was cut off by a fault has the same bars as the whole batch.
        before = first - first % self.batch
        return bars_of(self.halving, tuple(each for each in self.completed() if each.number < before))

    def _train(self, mine: Points) -> None:
        with _held(self.store, [number for number, _ in mine]):
            pieces = in_pieces(mine, self.piece, self._bars(mine[0][0]))
            self.at_hand = len(pieces[0].trials)
            for results in self.trainer.train(pieces, self._tell):
                self.store.finish(results)
                self._tell(None)
                if self.told is not None:
                    self.stopped = self.told(self.completed()) or self.stopped

    def _tell(self, progress: LanesProgress | None) -> None:
        if self.watch is None:
            return
        if progress is None:
            self.known = self.completed()
        part = 0.0 if progress is None else self.at_hand * progress.lanes_done / progress.lanes
        new, spent = len(self.known) - self.before + part, time.perf_counter() - self.began
        left = spent / new * max(self.budget.trials - len(self.known) - part, 0) if new else np.nan
        order = history_of(self.space, self.known).order()
        best = self.known[order[0]] if len(order) and self.known[order[0]].finished else None
        self.watch(Standing(len(self.known), self.budget.trials, spent, best, left, part, progress, self.sign))


def _release(store: LastingStore | Memory, numbers: list[int]) -> None:
    """End the reservations of trials that are not completed."""
    if not isinstance(store, Memory):
        with suppress(FalllineError):  # the original error was already reported, and the lease will expire
            store.release(numbers)


@contextmanager
def _held(store: LastingStore | Memory, numbers: list[int]) -> Iterator[None]:
    """Renew a reservation while its trials are trained, then release the trials that are not finished."""
    if isinstance(store, Memory):
        yield
        return
    over = threading.Event()

    def renew() -> None:
        while not over.wait(store.lease / 4):
            with suppress(FalllineError):  # the next renewal may succeed; if none does, others take over the trials
                store.renew(numbers)

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        _release(store, numbers)
