"""The ledger: what is known of every lane, by lane number. Entries are added while lanes train, and none is taken back."""

import dataclasses
from typing import Any, ClassVar

import jax
import numpy as np

from fallline.core.driving import Progress
from fallline.core.outcome import Outcome
from fallline.core.scores import AT_RUNG, larger_is_better
from fallline.population.job import Job
from fallline.training.history import in_own_unit
from fallline.training.state import Epochs, State


@dataclasses.dataclass(frozen=True)
class LanesProgress(Progress):
    """The progress of a population, in epochs summed over lanes, for a progress bar or a callback.

    Arguments:
        total: epochs if the other lanes use all that their recipes allow.
        lanes_done, lanes: number of lanes that have ended, and of all lanes.
    """

    unit: ClassVar[str] = "lane epochs"
    lanes_done: int
    lanes: int


class Ledger:
    """The results of a job so far.

    Attributes:
        outcome, best_epoch, step, score: the latest of every lane; `outcome` is RUNNING for a lane that goes on.
        chunks: the epochs of every lane, in chunks.
        tests: test loss and test metric of every lane that has ended, by column; NaN until then.
        rungs: the recipes' scores at halving's rungs, one per lane, by column.
        arrays: params, stats and scaling of every lane that has ended, if the job keeps them.
        programs: the programs that have run.
        useful, spent: epochs of lanes that were wanted, and epochs computed for them.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        count = len(job)
        self.outcome = np.full(count, int(Outcome.RUNNING), np.int32)
        self.best_epoch, self.step = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self.score = np.full(count, np.inf)
        self.chunks: list[list[Epochs]] = [[] for _ in range(count)]
        names = ("test_loss", f"test_{job.metric}") if job.test else ()
        self.tests = {name: np.full(count, np.nan) for name in names}
        self.rungs: dict[str, np.ndarray] = {}
        self.arrays: list[dict[str, Any] | None] = [None] * count
        self.programs: set[object] = set()
        self.useful = self.spent = 0

    def note(self, who: np.ndarray, seen: Epochs, state: State) -> None:
        """Add a chunk of epochs to every lane that was running, up to the epoch in which it ended.

        Arguments:
            who: the lane number in every slot of the program; -1 marks an ended lane, or a slot that only fills it.
            seen: the epochs, with the axes (epochs, slots, ...).
            state: the lanes' state after them.
        """
        outcome, step = np.asarray(state.outcome), np.asarray(state.step)
        best, score = np.asarray(state.best_epoch), np.asarray(state.best_score)
        count, longest = len(seen["outcome"]), 0
        for index in np.flatnonzero(who >= 0):
            lane = who[index]
            ends = np.flatnonzero(seen["outcome"][:, index] != Outcome.RUNNING)
            lived = int(ends[0]) + 1 if len(ends) else count  # records after a lane's end mean nothing
            self.chunks[lane].append(jax.tree.map(lambda leaf, p=index, n=lived: leaf[:n, p], seen))
            self.useful += lived
            longest = max(longest, lived)
            self.outcome[lane], self.best_epoch[lane] = outcome[index], best[index]
            self.step[lane] = step[index]
            last = seen["monitor"][lived - 1, index]
            self.score[lane] = self._score(lane, score[index], last, outcome[index])
        # A program runs until its last lane has ended, and every slot in it costs the same.
        self.spent += longest * len(who)

    def _score(self, lane: int, best: float, last: float, outcome: int) -> float:
        """The score of the epoch whose params the lane keeps, the best or the last, in the target's own unit."""
        score, monitor = best, self._job.monitor
        if self._job.recipe(lane).keep == "last":
            score = -last if larger_is_better(monitor) else last
            score = score if np.isfinite(score) and outcome != Outcome.DIVERGED else np.inf
        return float(in_own_unit(monitor, np.asarray(score, np.float64), self._job.scale))

    def prune(self, lanes: np.ndarray) -> None:
        """Note that halving has stopped these lanes."""
        self.outcome[lanes] = Outcome.PRUNED

    def at_rung(self, epoch: int, scores: np.ndarray) -> None:
        """Note the recipes' scores at a rung; NaN for recipes that no longer compete there."""
        self.rungs[f"{AT_RUNG}{epoch}"] = np.repeat(scores, len(self._job.contexts))

    def tested(self, lanes: np.ndarray, loss: np.ndarray, metric: np.ndarray) -> None:
        """Note the results of lanes on the test rows."""
        for column, values in zip(self.tests.values(), (loss, metric), strict=True):
            column[lanes] = values

    def keep(self, lane: int, arrays: dict[str, Any]) -> None:
        """Keep the arrays of a lane that has ended."""
        self.arrays[lane] = arrays

    @property
    def running(self) -> np.ndarray:
        """Which lanes have not ended."""
        found: np.ndarray = self.outcome == Outcome.RUNNING
        return found

    @property
    def epochs(self) -> np.ndarray:
        """Number of epochs of every lane."""
        return np.array([sum(len(seen["outcome"]) for seen in chunks) for chunks in self.chunks], int)

    def mean_scores(self) -> np.ndarray:
        """Mean score of every recipe so far; infinite if one of its lanes has diverged."""
        scores = np.where(self.outcome == Outcome.DIVERGED, np.inf, self.score)
        means: np.ndarray = scores.reshape(len(self._job.recipes), -1).mean(axis=1)
        return means

    def progress(self, seconds: float) -> LanesProgress:
        """Where the job stands after this time."""
        ended = ~self.running
        most = np.repeat([int(recipe.epochs) for recipe in self._job.recipes], len(self._job.contexts))
        # Lanes that ended early have spared the rest of their epochs.
        left = max(int(most.sum() - (most - self.epochs)[ended].sum()) - self.useful, 0)
        return LanesProgress(self.useful, self.useful + left, seconds, int(ended.sum()), len(self.outcome))
