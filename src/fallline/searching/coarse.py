"""Coarse to fine: random points in a box that shrinks, stage by stage, around the best region."""

import dataclasses

import numpy as np
from jaxtyping import Bool, Float

from fallline.core.errors import FalllineError
from fallline.searching.past import Past
from fallline.searching.proposers import Proposer, draws, sobol
from fallline.searching.space import Space


@dataclasses.dataclass(frozen=True)
class CoarseToFine(Proposer):
    """Stages of scrambled Sobol points, each in a box around the best points of the stages before.

        sides of stage k's box: shrink^k of the unit cube, centred on the mean of the `best` best points, within the cube

    On the unit cube a log-scaled range shrinks on its log scale. The options of a choice do not shrink: those among the
    best points are drawn as often as they are there. A share `outside` is drawn from the whole cube at every stage.
    A stage begins with what earlier stages have shown, so a batch should not be longer than a stage.

    Arguments:
        stage: trials per stage.
        shrink: side of a stage's box, as a share of the one before.
        best: how many points say where the box goes.
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
                    points[i] = self._inside(space, known, stage, points[i])
        points = space.snap(points)
        if len(numbers) and numbers[0] == 0:
            points[0] = space.default
        return points

    def box(self, space: Space, past: Past, stage: int) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, " d"]]:
        """(low, high) of a stage's box; the whole side where no best point has the dimension."""
        chosen = past.points[past.order()[: self.best]]
        active = space.active(chosen)
        centre = np.where(active.any(axis=0), (chosen * active).sum(axis=0) / np.maximum(active.sum(axis=0), 1), 0.5)
        side = np.where(active.any(axis=0) & ~_categorical(space), self.shrink**stage, 1.0)
        low = np.clip(centre - side / 2, 0.0, 1.0 - side)
        return low, low + side

    def _inside(self, space: Space, past: Past, stage: int, u: np.ndarray) -> Float[np.ndarray, " d"]:
        low, high = self.box(space, past, stage)
        point = low + (high - low) * u
        chosen = past.points[past.order()[: self.best]]
        active = space.active(chosen)
        for i in np.flatnonzero(_categorical(space)):
            seen = chosen[active[:, i], i]
            if len(seen):
                point[i] = seen[min(int(u[i] * len(seen)), len(seen) - 1)]
        return point


def _categorical(space: Space) -> Bool[np.ndarray, " d"]:
    return np.array([each.categorical for each in space.dimensions])
