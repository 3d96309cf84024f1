"""Successive halving: at a few epochs, only the best share of the recipes goes on, without starting again."""

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.block import Block
from fallline.core.field import number, structure
from fallline.strategies.base import refuse_schedules

FEW = 4  # up to this number, all finished trials count as good


class Halving(Block):
    """Decides which epochs are rungs, and which recipes go on after each.

        R the most epochs of a recipe
        among a batch:  rungs at  R / factor^k  epochs, k = 1, 2, ...;  ceil(n / factor) of n go on
        among a study:  one rung, at  R / factor;  a recipe goes on if its score there is no worse than the worst score
                        there of the better half of the finished trials; as in a batch, until `factor` have finished

    In a batch, most trials are pruned, however good they are. Within a study, a trial is pruned only if it scores worse at the
    rung than every good trial did: more trials go on, and one that would end well is seldom pruned. There is only one rung,
    because the required score is set by trials that have passed it, and a second rung would tighten it again.

    Runs are continued, never begun again. With folds and seeds, all lanes of a recipe go on or are pruned together, by the mean
    of their best scores so far. A learning rate schedule spans the whole run, so a rung compares runs whose learning rate has
    not fallen yet.

    Source: Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", 2016.

    >>> Halving(factor=2).rungs(epochs=40, recipes=8)
    (5, 10, 20)
    """

    family: ClassVar[str] = "pruner"
    name: ClassVar[str] = "halving"
    aliases: ClassVar[tuple[str, ...]] = ("successive_halving", "asha")
    traceable: ClassVar[bool] = False
    compiled: ClassVar[bool] = False
    factor: int = number(
        3, valid="[2, 1000]", usual=(2, 4), integer=True, help="one in this many recipes continues after a rung"
    )
    least: int = number(
        2,
        valid="[1, 1e9]",
        usual=(1, 10),
        integer=True,
        unit="epochs",
        help="the first rung, at least; the first epoch mostly shows which learning rate starts fast",
    )
    among: str = structure(
        "batch",
        choices=("batch", "study"),
        help="competitors of a recipe: the others of its batch, or the finished trials of its study",
    )

    def __check_init__(self) -> None:
        refuse_schedules(self)

    def rungs(self, epochs: int, recipes: int) -> tuple[int, ...]:
        """The epochs at which recipes are compared, in rising order; only as many as needed to leave one of a batch.

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
        """Which of the competing recipes go on; ties are decided in favour of the earlier recipe.

        >>> Halving(2).kept(np.array([3.0, np.inf, 1.0, 2.0, 0.0]), np.array([True, True, True, True, False])).tolist()
        [False, False, True, True, False]
        """
        scores = np.where(np.isfinite(scores) & competing, scores, np.inf)
        best = np.argsort(scores, kind="stable")[: math.ceil(competing.sum() / self.factor)]
        found: Bool[np.ndarray, " n"] = np.isin(np.arange(len(scores)), best) & np.isfinite(scores)
        return found

    def bar(self, finished: Sequence[tuple[float, float]]) -> float | None:
        """The worst score at a rung with which a recipe goes on; None if too few trials have finished.

        >>> Halving(among="study").bar([(0.9, 0.1), (0.5, 0.2), (0.8, 0.3), (0.6, 0.7), (2.0, 0.8), (3.0, 0.9)])
        0.9

        Arguments:
            finished: (score at the rung, last score) of every trial that finished.
        """
        if len(finished) < self.factor:
            return None
        good = sorted(finished, key=lambda each: each[1])[: max(FEW, math.ceil(len(finished) / 2))]
        return max(at_rung for at_rung, _ in good)
