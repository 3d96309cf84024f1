"""Pieces of a batch: trials that are trained and scored together, in this process or on Ray.

A piece is stateless: points go in, and rows for the store come out. A piece yields the same rows on every worker, so a piece
lost with its worker is trained again, and the number of workers changes only the time.
"""

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from fallline.core.documents import finite
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.population import Population, evaluate
from fallline.population.ledger import LanesProgress
from fallline.searching.budget import Validation
from fallline.strategies.halving import Halving
from fallline.strategies.space import Space
from fallline.workers import finished
from fallline.workers.cluster import Ray

Points = list[tuple[int, np.ndarray]]  # trials' numbers and points
Rows = list[dict[str, Any]]
LOOK = 1.0  # seconds between two progress reports while Ray works
LANE = "score_of_run_"  # prefix of the columns with the scores of single runs, one per fold and seed
LANES = 16  # approximate number of lanes in a piece, since a worker has one core


@dataclasses.dataclass(frozen=True)
class Piece:
    """Trials that are trained together, and the scores that they need at halving's rungs (None: they compete)."""

    trials: Points
    bars: dict[int, float] | None = None

    @property
    def numbers(self) -> list[int]:
        """The trials' numbers."""
        return [number for number, _ in self.trials]


@dataclasses.dataclass(frozen=True)
class StudyTask:
    """The facts that all pieces of a study share."""

    space: Space
    data: Table
    validation: Validation
    halving: Halving | None

    @property
    def lanes(self) -> int:
        """Number of lanes of one trial."""
        return self.validation.runs


class Trainer(ABC):
    """Interface of the objects that train pieces."""

    interrupted = False

    @abstractmethod
    def train(self, pieces: list[Piece], watch: Callable[[LanesProgress | None], None]) -> Iterator[Rows]:
        """Yield the rows of each piece as it finishes; after Ctrl-C, end early with `interrupted` set."""

    @abstractmethod
    def close(self) -> None:
        """Release the workers."""


class Here(Trainer):
    """Trains pieces in this process, on all of its devices."""

    def __init__(self, task: StudyTask) -> None:
        self.task = task

    def train(self, pieces: list[Piece], watch: Callable[[LanesProgress | None], None]) -> Iterator[Rows]:
        for piece in pieces:
            began = time.perf_counter()
            population = _evaluated(self.task, piece, watch)
            self.interrupted = population.interrupted
            if self.interrupted:
                return
            yield results_of(population, piece.numbers, time.perf_counter() - began)

    def close(self) -> None:
        """Do nothing, since there are no workers."""


class OnRay(Trainer):
    """Trains pieces on the workers of a Ray cluster, each with one core.

    Arguments:
        task: the task, sent to each worker once.
        address: address of the cluster; None starts one on this machine.
        limit: seconds after which a piece counts as hung and is begun again elsewhere; None: ten times the slowest so far.
    """

    def __init__(self, task: StudyTask, address: str | None, limit: float | None) -> None:
        self.workers, self.limit = Ray(train_piece, task, address), limit

    def train(self, pieces: list[Piece], watch: Callable[[LanesProgress | None], None]) -> Iterator[Rows]:
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


def train_piece(task: StudyTask, piece: Piece) -> Rows:
    """Train and score a piece; this runs on the worker."""
    began = time.perf_counter()
    population = _evaluated(task, piece, None)
    if population.interrupted:
        raise KeyboardInterrupt  # an unfinished piece is no result; this ends the worker, and another trains it again
    return results_of(population, piece.numbers, time.perf_counter() - began)


def piece_size(batch: int, lanes_per_trial: int, halving: Halving | None) -> int:
    """Number of trials in a piece for Ray: about 16 lanes; with halving, enough trials to compete at two rungs."""
    least = 4 if halving is None else halving.factor**2
    return min(batch, max(least, LANES // lanes_per_trial))


def in_pieces(mine: Points, size: int | None, bars: dict[int, float] | None = None) -> list[Piece]:
    """Divide trials into pieces by their numbers, so that every process divides them alike.

    >>> [piece.numbers for piece in in_pieces([(n, None) for n in (4, 5, 6, 7, 8)], 4)]
    [[4, 5, 6, 7], [8]]
    """
    if size is None:
        return [Piece(mine, bars)]
    indices = sorted({number // size for number, _ in mine})
    return [Piece([each for each in mine if each[0] // size == k], bars) for k in indices]


def _evaluated(task: StudyTask, piece: Piece, watch: Callable[[LanesProgress], None] | None) -> Population:
    recipes = [task.space.fill(point) for _, point in piece.trials]
    return evaluate(
        recipes,
        task.data,
        seeds=task.validation.seeds,
        folds=task.validation.folds,
        test=False,
        halving=task.halving,
        bars=piece.bars,
        probes=(),
        watch=watch,
    )


def results_of(population: Population, numbers: list[int], seconds: float) -> list[dict[str, Any]]:
    """The rows that the store keeps of a batch: one per recipe, with means over its folds and seeds."""
    results = []
    for index, number in enumerate(numbers):
        lanes = np.flatnonzero(population.recipe == index)
        outcomes = population.outcome[lanes]
        worst = next((each for each in (Outcome.DIVERGED, Outcome.PRUNED) if (outcomes == each).any()), outcomes.max())
        scores = population.score[lanes].astype(np.float64)
        failed = worst == Outcome.DIVERGED or not np.isfinite(scores).all()
        error = float(scores.std(ddof=1) / np.sqrt(len(lanes))) if len(lanes) > 1 and not failed else None
        shown = {key: float(column[lanes].mean()) for key, column in population.columns.items()}
        if len(lanes) > 1:  # needed to compare two trials fold by fold
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
                "columns": finite(shown),
            }
        )
    return results
