"""Coarse to fine: random points in boxes that shrink, stage by stage, around the best points."""

import dataclasses

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.searching.past import Past
from fallline.searching.proposers import Proposer, draws
from fallline.searching.sobol import sobol
from fallline.searching.space import Space


@dataclasses.dataclass(frozen=True)
class CoarseToFine(Proposer):
    """Stages of scrambled Sobol points, each point in a box around one of the best points of the stages before.

        sides of stage k's boxes: shrink^k of the unit cube
        a box's centre, per dimension: the mean of those of the `best` best points within that distance of its point

    So boxes that belong together are one, whose centre the noise of a score moves less, and equal minima far apart keep
    boxes of their own. On the unit cube a log-scaled range shrinks on its log scale. A choice does not shrink: it takes the
    point's option. A share `outside` is drawn from the whole cube at every stage. A stage begins with what earlier stages
    have shown, so a batch should not be longer than a stage.

    Arguments:
        stage: trials per stage.
        shrink: side of a stage's box, as a share of the one before.
        best: how many points say where the boxes go.
        outside: share drawn from the whole cube.
    """

    stage: int = 32
    shrink: float = 0.5
    best: int = 3
    outside: float = 0.1

    def __post_init__(self) -> None:
        if self.stage < 1 or self.best < 1 or not 0 < self.shrink <= 1 or not 0 <= self.outside <= 1:
            raise FalllineError(
                f"{self!r}: expected stage and best of 1 or more, 0 < shrink <= 1 and 0 <= outside <= 1"
            )

    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = sobol(len(space), numbers, seed)
        for i, number in enumerate(numbers):
            stage = number // self.stage
            if stage and draws(seed, number, 1).random() >= self.outside:
                known = past.before(stage * self.stage)
                if len(known):
                    low, high = self.box(space, known, stage, number)
                    points[i] = low + (high - low) * points[i]
        points = space.snap(points)
        if len(numbers) and numbers[0] == 0:
            points[0] = space.default
        return points

    def box(
        self, space: Space, past: Past, stage: int, number: int = 0
    ) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """(low, high) of the box of a stage's trial; trials take turns among the best points.

        The whole side where its point does not have the dimension; no side where it has chosen an option.
        """
        best = past.points[past.order()[: self.best]]
        active, own = space.active(best), number % len(best)
        side = np.where(active[own], self.shrink**stage, 1.0)
        near = active & (np.abs(best - best[own]) <= side)
        centre = (best * near).sum(axis=0) / np.maximum(near.sum(axis=0), 1)
        low = np.clip(centre - side / 2, 0.0, 1.0 - side)
        chosen = np.array([each.categorical for each in space.dimensions]) & active[own]
        return np.where(chosen, best[own], low), np.where(chosen, best[own], low + side)
