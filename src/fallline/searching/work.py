"""Pieces of a batch: trials that are trained together and judged together, here or on Ray.

A piece is stateless: points in, rows of the store out. The same piece gives the same rows whoever trains it, so one that
is lost with its worker is trained again, and how many workers there are changes nothing but the time.
"""

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.population import Population, evaluate
from fallline.population.collector import Progress
from fallline.strategies.halving import Halving
from fallline.strategies.space import Space
from fallline.training.interrupt import Interrupt
from fallline.workers import finished
from fallline.workers.cluster import Ray

Points = list[tuple[int, np.ndarray]]  # trials' numbers and points
Rows = list[dict[str, Any]]
LOOK = 1.0  # seconds between two words of progress while Ray works
LANE = "score_of_run_"  # and the number of a fold and seed: a column of what is kept of a trial
LANES = 16  # of a piece, about: a worker is one core


@dataclasses.dataclass(frozen=True)
class Piece:
    """Trials that are trained together, and what they must reach at halving's rungs; None: better than each other."""

    trials: Points
    bars: dict[int, float] | None = None

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers."""
        return [number for number, _ in self.trials]


@dataclasses.dataclass(frozen=True)
class Task:
    """What all pieces of a study have in common."""

    space: Space
    data: Table
    folds: int | None
    seeds: int
    halving: Halving | None

    @property
    def lanes(self) -> int:
        """Of one trial."""
        return (self.folds or 1) * self.seeds


class Trainer(ABC):
    """Who trains pieces."""

    interrupted = False

    @abstractmethod
    def train(self, pieces: list[Piece], watch: Callable[[Progress | None], None]) -> Iterator[Rows]:
        """The rows of each piece, as they come; ends early, with `interrupted` set, after Ctrl-C."""

    @abstractmethod
    def close(self) -> None:
        """Let the workers go."""


class Here(Trainer):
    """This process, on all of its devices."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def train(self, pieces: list[Piece], watch: Callable[[Progress | None], None]) -> Iterator[Rows]:
        for piece in pieces:
            began = time.perf_counter()
            population = _evaluated(self.task, piece, watch)
            self.interrupted = population.interrupted
            if self.interrupted:
                return
            yield judged(population, piece.numbers, time.perf_counter() - began)

    def close(self) -> None:
        """It has none."""


class OnRay(Trainer):
    """Workers of a Ray cluster, one core each.

    Arguments:
        task: sent to each once.
        address: of the cluster; None for one of our own on this machine.
        limit: seconds after which a piece counts as hung and is begun again elsewhere; None: ten times the slowest so far.
    """

    def __init__(self, task: Task, address: str | None, limit: float | None) -> None:
        self.workers, self.limit = Ray(train_piece, task, address), limit

    def train(self, pieces: list[Piece], watch: Callable[[Progress | None], None]) -> Iterator[Rows]:
        spoke = time.monotonic()

        def stop() -> bool:
            nonlocal spoke
            if time.monotonic() - spoke > LOOK:
                spoke = time.monotonic()
                watch(None)
            return interrupt.asked

        with Interrupt() as interrupt:
            for _, rows in finished(self.workers, pieces, limit=self.limit, stop=stop):
                yield rows
            self.interrupted = interrupt.asked

    def close(self) -> None:
        self.workers.close()


def train_piece(task: Task, piece: Piece) -> Rows:
    """A worker's part: train a piece and judge it."""
    began = time.perf_counter()
    population = _evaluated(task, piece, None)
    if population.interrupted:
        raise KeyboardInterrupt  # half a training is no result; this ends the worker, and another begins again
    return judged(population, piece.numbers, time.perf_counter() - began)


def piece_size(batch: int, lanes_per_trial: int, halving: Halving | None) -> int:
    """Trials of a piece for Ray: about 16 lanes; where pieces are halved, enough to compete twice."""
    least = 4 if halving is None else halving.factor**2
    return min(batch, max(least, LANES // lanes_per_trial))


def in_pieces(mine: Points, size: int | None, bars: dict[int, float] | None = None) -> list[Piece]:
    """Trials cut where every process cuts them, by their numbers.

    >>> [piece.numbers for piece in in_pieces([(n, None) for n in (4, 5, 6, 7, 8)], 4)]
    [[4, 5, 6, 7], [8]]
    """
    if size is None:
        return [Piece(mine, bars)]
    places = sorted({number // size for number, _ in mine})
    return [Piece([each for each in mine if each[0] // size == k], bars) for k in places]


def _evaluated(task: Task, piece: Piece, watch: Callable[[Progress], None] | None) -> Population:
    recipes = [task.space.fill(point) for _, point in piece.trials]
    return evaluate(
        recipes,
        task.data,
        seeds=task.seeds,
        folds=task.folds,
        test=False,
        halving=task.halving,
        bars=piece.bars,
        probes=(),
        watch=watch,
    )


def judged(population: Population, numbers: list[int], seconds: float) -> list[dict[str, Any]]:
    """What the store keeps of a batch: one row per recipe, means over its folds and seeds."""
    results = []
    for place, number in enumerate(numbers):
        lanes = np.flatnonzero(population.recipe == place)
        outcomes = population.outcome[lanes]
        worst = next((each for each in (Outcome.DIVERGED, Outcome.PRUNED) if (outcomes == each).any()), outcomes.max())
        scores = population.score[lanes].astype(np.float64)
        failed = worst == Outcome.DIVERGED or not np.isfinite(scores).all()
        error = float(scores.std(ddof=1) / np.sqrt(len(lanes))) if len(lanes) > 1 and not failed else None
        shown = {key: float(column[lanes].mean()) for key, column in population.columns.items()}
        if len(lanes) > 1:  # so that two trials can be compared fold by fold
            shown |= {f"{LANE}{k}": float(score) for k, score in enumerate(scores)}
        results.append(
            {
                "number": number,
                "outcome": "diverged" if failed else Outcome(int(worst)).label,
                "score": None if failed else float(scores.mean()),
                "error": error,
                "epochs": float(population.epochs[lanes].mean()),
                "lane_epochs": int(population.epochs[lanes].sum()),
                "seconds": seconds / len(numbers),
                "columns": {key: value if np.isfinite(value) else None for key, value in shown.items()},
            }
        )
    return results
