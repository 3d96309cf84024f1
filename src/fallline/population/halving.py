"""Successive halving: at a few epochs only the best share of the recipes goes on, each from where it stands."""

import dataclasses
import math

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.errors import FalllineError


@dataclasses.dataclass(frozen=True)
class Halving:
    """Which epochs are rungs, and which recipes go on from one.

        rungs at  R / factor^k  epochs, k = 1, 2, ...,  R the most epochs of a recipe;  ceil(n / factor) of n go on

    Runs are continued, never begun again. With folds and seeds, all lanes of a recipe stop or go on together, by the mean
    of their best scores so far. The schedule of a learning rate is that of the whole run, so a rung judges runs at a
    learning rate that has not fallen yet.

    Arguments:
        factor: how many recipes compete for one place.
        least: epochs of the first rung, at least. The first epoch tells little but which learning rate begins fast.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.
    """

    factor: int = 3
    least: int = 2

    def __post_init__(self) -> None:
        if self.factor < 2 or self.least < 1:
            raise FalllineError(f"{self!r}: expected a factor of 2 or more and a first rung of 1 epoch or more")

    def rungs(self, epochs: int, recipes: int) -> tuple[int, ...]:
        """The epochs at which recipes are compared, rising; no more than it takes to leave one.

        >>> Halving().rungs(epochs=81, recipes=27)
        (3, 9, 27)
        """
        found: list[int] = []
        rung = epochs // self.factor
        while rung >= self.least and self.factor ** (len(found) + 1) <= max(recipes, self.factor):
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
