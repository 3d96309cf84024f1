"""Successive halving: at a few epochs only the best share of the recipes goes on, each from where it stands."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.errors import FalllineError

SCORE_AFTER = "score_after_"  # and an epoch: the column of the scores at a rung
FEW = 4  # finished trials that all count as good


@dataclasses.dataclass(frozen=True)
class Halving:
    """Which epochs are rungs, and which recipes go on from one.

        R the most epochs of a recipe
        among a batch:  rungs at  R / factor^k  epochs, k = 1, 2, ...;  ceil(n / factor) of n go on
        among a study:  one rung, at  R / factor;  those go on whose score is no worse than the worst that the better
                        half of the finished trials had there; as in a batch, until `factor` have finished

    A batch always has losers, however good it is. Among a study only those lose that nobody good was ever as bad as: more
    goes on, and what ends well is seldom stopped. Only what went on raises the bar, and a second rung would raise it twice.

    Runs are continued, never begun again. With folds and seeds, all lanes of a recipe stop or go on together, by the mean
    of their best scores so far. The schedule of a learning rate is that of the whole run, so a rung judges runs at a
    learning rate that has not fallen yet.

    Arguments:
        factor: how many recipes compete for one place.
        least: epochs of the first rung, at least. The first epoch tells little but which learning rate begins fast.
        among: whom a recipe competes with: the others of its "batch", or the finished trials of its "study".

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
    """

    factor: int = 3
    least: int = 2
    among: str = "batch"

    def __post_init__(self) -> None:
        if self.factor < 2 or self.least < 1:
            raise FalllineError(f"{self!r}: expected a factor of 2 or more and a first rung of 1 epoch or more")
        if self.among not in ("batch", "study"):
            raise FalllineError(f'{self!r}: recipes compete among a "batch" or a "study"')

    def rungs(self, epochs: int, recipes: int) -> tuple[int, ...]:
        """The epochs at which recipes are compared, rising; no more than it takes to leave one of a batch.

        >>> Halving().rungs(epochs=81, recipes=27), Halving(among="study").rungs(epochs=81, recipes=27)
        ((3, 9, 27), (27,))
        """
        found: list[int] = []
        rung = epochs // self.factor
        most = max(recipes, self.factor) if self.among == "batch" else self.factor
        while rung >= self.least and self.factor ** (len(found) + 1) <= most:
            found.append(rung)
            rung //= self.factor
        return tuple(sorted(set(found)))

    def kept(self, scores: Float[np.ndarray, " n"], competing: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Which of the competing recipes go on; of equal ones the earlier.

        >>> Halving(2).kept(np.array([3.0, np.inf, 1.0, 2.0, 0.0]), np.array([True, True, True, True, False])).tolist()
        [False, False, True, True, False]
        """
        scores = np.where(np.isfinite(scores) & competing, scores, np.inf)
        best = np.argsort(scores, kind="stable")[: math.ceil(competing.sum() / self.factor)]
        return np.isin(np.arange(len(scores)), best) & np.isfinite(scores)

    def bar(self, finished: Sequence[tuple[float, float]]) -> float | None:
        """The worst score at a rung with which a recipe goes on, from what others had there and at their end.

        >>> Halving(among="study").bar([(0.9, 0.1), (0.5, 0.2), (0.8, 0.3), (0.6, 0.7), (2.0, 0.8), (3.0, 0.9)])
        0.9

        Arguments:
            finished: (score at the rung, last score) of every trial that finished.
        """
        if len(finished) < self.factor:
            return None
        good = sorted(finished, key=lambda each: each[1])[: max(FEW, math.ceil(len(finished) / 2))]
        return max(at_rung for at_rung, _ in good)
