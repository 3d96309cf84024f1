"""The trials so far, as points and scores: the information that a strategy receives."""

import dataclasses
from collections.abc import Sized

import numpy as np
from jaxtyping import Float, Int

FINISHED, PRUNED, DIVERGED = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class TrialHistory:
    """Completed trials, and the points of trials in training.

    Arguments:
        points: points of the completed trials in the unit cube, in the order of their numbers.
        scores: scores of the completed trials; smaller is better, and a score that is not finite counts as diverged.
        number: numbers of the trials in their study.
        ended: FINISHED, PRUNED (stopped by halving) or DIVERGED.
        epochs: number of epochs that each trial reached.
        pending: points that are in training now.
        losses: losses of the completed trials; they break ties between scores, which are common for an accuracy on few rows.
            None: the earlier trial counts as better.
    """

    points: Float[np.ndarray, "n d"]
    scores: Float[np.ndarray, " n"]
    number: Int[np.ndarray, " n"]
    ended: Int[np.ndarray, " n"]
    epochs: Float[np.ndarray, " n"]
    pending: Float[np.ndarray, "m d"]
    losses: Float[np.ndarray, " n"] | None = None

    @classmethod
    def of(cls, points: np.ndarray, scores: np.ndarray, pending: np.ndarray | None = None) -> "TrialHistory":
        """A history of trials that all finished, numbered from 0.

        >>> TrialHistory.of(np.zeros((2, 3)), np.array([0.5, np.nan])).order()
        array([0, 1])
        """
        count, d = np.shape(points)
        zeros = np.zeros(count, np.int64)
        pending = np.zeros((0, d)) if pending is None else pending
        return cls(points, np.asarray(scores, np.float64), np.arange(count), zeros, zeros.astype(float), pending)

    @classmethod
    def empty(cls, space: Sized) -> "TrialHistory":
        """The history before the first trial of a space."""
        return cls.of(np.zeros((0, len(space))), np.zeros(0))

    def __len__(self) -> int:
        return len(self.scores)

    def order(self) -> Int[np.ndarray, " n"]:
        """Indices of the trials from the best to the worst.

        Finished trials come first, by their score; then pruned trials, by the number of epochs that they reached and then by
        their score; then diverged trials, by the number of epochs. Ties are broken by the lower loss, then by the earlier trial.
        """
        ended = np.where(np.isfinite(self.scores), self.ended, DIVERGED)
        scores = np.where(ended == DIVERGED, 0.0, self.scores)
        epochs = np.where(ended == FINISHED, 0.0, -self.epochs)
        losses = np.zeros(len(self)) if self.losses is None else np.nan_to_num(self.losses, nan=np.inf)
        return np.lexsort((self.number, np.where(ended == DIVERGED, 0.0, losses), scores, epochs, ended))

    def before(self, number: int) -> "TrialHistory":
        """The history of the trials with smaller numbers."""
        keep = self.number < number
        kept = {name: getattr(self, name)[keep] for name in ("points", "scores", "number", "ended", "epochs")}
        return dataclasses.replace(self, **kept, losses=None if self.losses is None else self.losses[keep])
