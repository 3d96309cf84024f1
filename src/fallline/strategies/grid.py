"""Grid search."""

import itertools
from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.field import number
from fallline.strategies.base import Strategy
from fallline.strategies.dimension import INACTIVE
from fallline.strategies.history import TrialHistory
from fallline.strategies.space import Space


class Grid(Strategy):
    """Every combination of a few values per dimension, evenly spaced on each dimension's own scale.

    A countable dimension with at most `levels` values uses all of them. The search ends when all combinations have been tried.
    The number of trials is exponential in the number of dimensions; beyond two or three, random points find more.

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012, on when it is the worse choice.

    >>> from fallline.distributions import LogUniform
    >>> from fallline.optimizers import SGD
    >>> space = Space(SGD(LogUniform(1e-4, 1.0)))
    >>> points = Grid(3).propose(space, TrialHistory.empty(space), range(99), seed=0)
    >>> [round(space.fill(point).learning_rate, 4) for point in points]
    [0.0001, 0.01, 1.0]
    """

    name: ClassVar[str] = "grid"
    aliases: ClassVar[tuple[str, ...]] = ("grid_search",)
    learns: ClassVar[bool] = False
    random: ClassVar[bool] = False
    batch_invariant: ClassVar[bool] = True
    ends: ClassVar[bool] = True
    levels: int = number(
        5, valid="[1, 1e6]", usual=(2, 10), integer=True, help="largest number of values per dimension"
    )

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        chosen = itertools.islice(self._combinations(space), numbers.start, numbers.stop)
        return np.array(list(chosen)).reshape(-1, len(space))

    def positions(self, space: Space, dimension: int) -> Float[np.ndarray, " levels"]:
        """The coordinates that the grid uses for one dimension."""
        distribution, count = space.dimensions[dimension].distribution, space.counts[dimension]
        if space.dimensions[dimension].categorical:
            return (np.arange(count or 0) + 0.5) / (count or 1)
        if count is not None and count <= self.levels:
            values = distribution.quantile(np.linspace(0, 1, 1000 * count))
            return np.asarray(distribution.position(np.unique(values)))
        if self.levels == 1 or not distribution.bounded:
            positions = (np.arange(self.levels) + 0.5) / self.levels
        else:
            positions = np.linspace(0, 1, self.levels)
        if count is None:
            return positions
        return np.unique(distribution.position(distribution.quantile(positions)))

    def size(self, space: Space) -> int:
        """The number of combinations.

        >>> from fallline.distributions import Choice, Uniform
        >>> from fallline.optimizers import Momentum
        >>> Grid(3).size(Space(Momentum(Uniform(0, 1), momentum=Choice((0.5, 0.9)))))
        6
        """
        return sum(1 for _ in self._combinations(space))

    def _combinations(self, space: Space) -> Iterator[np.ndarray]:
        positions = [self.positions(space, i) for i in range(len(space))]
        point = np.full(len(space), INACTIVE)

        def below(i: int) -> Iterator[np.ndarray]:
            if i == len(space):
                yield point.copy()
                return
            parent = space.dimensions[i].parent
            # Parents come before their children, so it is known here whether the dimension is active.
            active = parent is None or bool(space.active(point[None])[0, i])
            for position in positions[i] if active else (INACTIVE,):
                point[i] = position
                yield from below(i + 1)
            point[i] = INACTIVE

        return below(0)
