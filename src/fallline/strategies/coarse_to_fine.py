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
    """Stages of scrambled Sobol points, each point in a box around one of the best points of the stages before.

        sides of stage k's boxes: shrink^k of the unit cube
        a box's centre, per dimension: the mean of those of the `best` best points within that distance of its point

    So boxes that belong together are one, whose centre the noise of a score moves less, and equal minima far apart keep
    boxes of their own. On the unit cube a log-scaled range shrinks on its log scale. A choice does not shrink: it takes the
    point's option. A share `outside` is drawn from the whole cube at every stage. A stage begins with what earlier stages
    have shown, so a batch should not be longer than a stage.

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
    best: int = number(3, valid="[1, 1e9]", usual=(1, 5), integer=True, help="how many points say where the boxes go")
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
        """(low, high) of the box of a stage's trial; trials take turns among the best points.

        The whole side where its point does not have the dimension; no side where it has chosen an option.
        """
        best = known.points[known.order()[: self.best]]
        active, own = space.active(best), trial % len(best)
        side = np.where(active[own], self.shrink**stage, 1.0)
        near = active & (np.abs(best - best[own]) <= side)
        centre = (best * near).sum(axis=0) / np.maximum(near.sum(axis=0), 1)
        low = np.clip(centre - side / 2, 0.0, 1.0 - side)
        chosen = np.array([each.categorical for each in space.dimensions]) & active[own]
        return np.where(chosen, best[own], low), np.where(chosen, best[own], low + side)
