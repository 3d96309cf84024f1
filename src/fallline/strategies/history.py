"""What a strategy is told: the trials so far, as points and scores."""

import dataclasses
from collections.abc import Sized

import numpy as np
from jaxtyping import Float, Int

FINISHED, PRUNED, DIVERGED = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class TrialHistory:
    """Trials that are judged, and the points of those that are not yet.

    Arguments:
        points: of judged trials, in the unit cube, in the order of their numbers.
        scores: smaller is better; what is not finite counts as diverged.
        number: the trials' numbers in their study.
        ended: FINISHED, PRUNED (stopped by halving) or DIVERGED.
        epochs: how far each came.
        pending: points that are being trained now.
        losses: of the judged trials, which decide between equal scores: an accuracy of few rows is often equal. None: the
            earlier trial counts as the better.
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
        """Trials that all finished, numbered from 0.

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
        """Places from the best trial to the worst.

        The finished by their score; then those pruned, the farther they came the better, by their score; then those that
        diverged, the farther they came the better. Ties: the lower loss, and of equal ones the earlier trial first.
        """
        ended = np.where(np.isfinite(self.scores), self.ended, DIVERGED)
        scores = np.where(ended == DIVERGED, 0.0, self.scores)
        epochs = np.where(ended == FINISHED, 0.0, -self.epochs)
        losses = np.zeros(len(self)) if self.losses is None else np.nan_to_num(self.losses, nan=np.inf)
        return np.lexsort((self.number, np.where(ended == DIVERGED, 0.0, losses), scores, epochs, ended))

    def before(self, number: int) -> "TrialHistory":
        """Only the trials with smaller numbers."""
        keep = self.number < number
        kept = {name: getattr(self, name)[keep] for name in ("points", "scores", "number", "ended", "epochs")}
        return dataclasses.replace(self, **kept, losses=None if self.losses is None else self.losses[keep])
