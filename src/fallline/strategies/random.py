"""Random search."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.strategies.base import Strategy, begin_with_default
from fallline.strategies.history import TrialHistory
from fallline.strategies.space import Space


class Random(Strategy):
    """Independent random points; the first trial is the space's default.

    If only few of d dimensions matter, n random points try n values of each of these; a grid tries only n^(1/d).

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012.

    >>> from fallline.distributions import Uniform
    >>> from fallline.optimizers import Momentum
    >>> space = Space(Momentum(Uniform(0, 1)))
    >>> Random().propose(space, TrialHistory.empty(space), range(3), seed=0).round(3).tolist()
    [[0.01], [0.342], [0.868]]
    """

    name: ClassVar[str] = "random"
    aliases: ClassVar[tuple[str, ...]] = ("random_search",)
    begins_with_default: ClassVar[bool] = True
    learns: ClassVar[bool] = False
    batch_invariant: ClassVar[bool] = True

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        d = len(space)
        points = np.array([self.draws(seed, number).random(d) for number in numbers]).reshape(-1, d)
        return begin_with_default(space.snap(points), space, numbers)
