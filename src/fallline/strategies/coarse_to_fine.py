"""Coarse to fine: random points in boxes that shrink, stage by stage, around the best points."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.field import number
from fallline.strategies.base import Strategy, begin_with_default
from fallline.strategies.history import TrialHistory
from fallline.strategies.sobol import sobol_points
from fallline.strategies.space import Space


class CoarseToFine(Strategy):
    """Stages of scrambled Sobol points, each in a box around one of the best points of the earlier stages.

        sides of stage k's boxes: shrink^k of the unit cube
        a box's centre, per dimension: the mean of those of the `best` best points within that distance of its point

    Neighbouring boxes thereby share a centre, which is less affected by the noise of a single score, while equal minima far
    apart keep their own boxes. On the unit cube, a log-scaled range shrinks on its log scale. A choice does not shrink; it
    takes the option of its best point. At every stage, a share `outside` of the points is drawn from the whole cube. A stage
    uses the results of earlier stages only, so a batch should not be longer than a stage.

    Source: Karpathy, notes of Stanford's CS231n, "Neural networks part 3", on searching from coarse to fine by hand.

    >>> from fallline.distributions import Uniform
    >>> from fallline.optimizers import Momentum
    >>> space = Space(Momentum(Uniform(0, 1)))
    >>> points = (np.arange(4.0)[:, None] + 0.5) / 4
    >>> known = TrialHistory.of(points, np.abs(points[:, 0] - 0.3))
    >>> low, high = CoarseToFine(stage=4, best=1).box(space, known, stage=1)
    >>> low.tolist(), high.tolist()
    ([0.125], [0.625])
    """

    name: ClassVar[str] = "coarse_to_fine"
    begins_with_default: ClassVar[bool] = True
    batch_invariant: ClassVar[bool] = True
    stage: int = number(
        32, valid="[1, 1e9]", usual=(8, 128), scale="log", integer=True, unit="trials", help="trials per stage"
    )
    shrink: float = number(
        0.5, valid="(0, 1]", usual=(0.3, 0.8), help="side of a stage's box, as a share of the one before"
    )
    best: int = number(
        3, valid="[1, 1e9]", usual=(1, 5), integer=True, help="number of best points around which boxes are placed"
    )
    outside: float = number(0.1, valid="[0, 1]", usual=(0.0, 0.3), help="share drawn from the whole cube")

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = sobol_points(len(space), numbers, seed)
        for i, trial in enumerate(numbers):
            stage = trial // self.stage
            if stage and self.draws(seed, trial, "outside").random() >= self.outside:
                known = trial_history.before(stage * self.stage)
                if len(known):
                    low, high = self.box(space, known, stage, trial)
                    points[i] = low + (high - low) * points[i]
        return begin_with_default(space.snap(points), space, numbers)

    def box(
        self, space: Space, known: TrialHistory, stage: int, trial: int = 0
    ) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """(low, high) of the box for a trial of a stage; the trials of a stage alternate between the best points.

        A dimension that is inactive at the best point spans its whole range; a choice is fixed to the point's option.
        """
        best = known.points[known.order()[: self.best]]
        active, own = space.active(best), trial % len(best)
        side = np.where(active[own], self.shrink**stage, 1.0)
        near = active & (np.abs(best - best[own]) <= side)
        centre = (best * near).sum(axis=0) / np.maximum(near.sum(axis=0), 1)
        low = np.clip(centre - side / 2, 0.0, 1.0 - side)
        chosen = np.array([each.categorical for each in space.dimensions]) & active[own]
        return np.where(chosen, best[own], low), np.where(chosen, best[own], low + side)
