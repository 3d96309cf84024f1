"""Proposers: `propose(space, past, numbers, seed) -> points`. Here those that learn nothing from the past.

A proposer keeps nothing from batch to batch. What is drawn for a trial depends on the study's seed and on the trial's number,
so a study that is cut off and resumed, or worked on by several processes, proposes what it would have proposed.
"""

import dataclasses
import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.searching.past import Past
from fallline.searching.sobol import sobol
from fallline.searching.space import INACTIVE, Space


class Proposer(ABC):
    """Says which points to try next."""

    @abstractmethod
    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        """Points for the trials with these numbers; fewer, where there are no more to try."""


def draws(seed: int, number: int, use: int = 0) -> np.random.Generator:
    """The random numbers of one trial of a study."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, use], np.uint64), counter=[0, 0, 0, number]))


@dataclasses.dataclass(frozen=True)
class Random(Proposer):
    """Independent random points; the first trial is the space's default.

    In d dimensions of which few matter, n random points try n values of each that does; a grid tries n^(1/d).

    Source: Bergstra and Bengio, "Random search for hyper-parameter optimization", 2012.
    """

    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = space.snap(np.array([draws(seed, number).random(len(space)) for number in numbers]))
        if len(numbers) and numbers[0] == 0:
            points[0] = space.default
        return points


@dataclasses.dataclass(frozen=True)
class Sobol(Proposer):
    """Scrambled Sobol points: random, but without clumps and holes. The first trial is the space's default.

    Source: Bousquet et al., "Critical hyper-parameters: no random, no cry", 2017.
    """

    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = space.snap(sobol(len(space), numbers, seed))
        if len(numbers) and numbers[0] == 0:
            points[0] = space.default
        return points


@dataclasses.dataclass(frozen=True)
class Grid(Proposer):
    """Every combination of a few values per dimension, evenly spaced on each dimension's own scale.

    Countable dimensions with no more values than `levels` take all of them. Ends when all combinations are tried. The
    number of trials is exponential in the number of dimensions; for more than two or three, random points find more.
    """

    levels: int = 5

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise FalllineError(f"Grid(levels={self.levels}): expected 1 or more values per dimension")

    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        chosen = itertools.islice(self._combinations(space), numbers.start, numbers.stop)
        return np.array(list(chosen)).reshape(-1, len(space))

    def places(self, space: Space, dimension: int) -> Float[np.ndarray, " levels"]:
        """The coordinates that one dimension takes, as proposed."""
        distribution, count = space.dimensions[dimension].distribution, space.counts[dimension]
        if space.dimensions[dimension].categorical:
            return (np.arange(count or 0) + 0.5) / (count or 1)
        if count is not None and count <= self.levels:
            values = distribution.quantile(np.linspace(0, 1, 1000 * count))
            return np.asarray(distribution.place(np.unique(values)))
        if self.levels == 1 or not distribution.bounded:
            places = (np.arange(self.levels) + 0.5) / self.levels
        else:
            places = np.linspace(0, 1, self.levels)
        if count is None:
            return places
        return np.unique(distribution.place(distribution.quantile(places)))

    def size(self, space: Space) -> int:
        """How many combinations there are.

        >>> from fallline.distributions import Choice, Uniform
        >>> from fallline.optimizers import Momentum
        >>> Grid(3).size(Space(Momentum(Uniform(0, 1), momentum=Choice((0.5, 0.9)))))
        6
        """
        return sum(1 for _ in self._combinations(space))

    def _combinations(self, space: Space) -> Iterator[np.ndarray]:
        places = [self.places(space, i) for i in range(len(space))]
        point = np.full(len(space), INACTIVE)

        def below(i: int) -> Iterator[np.ndarray]:
            if i == len(space):
                yield point.copy()
                return
            parent = space.dimensions[i].parent
            # Parents stand before their children, so what is active is already known.
            active = parent is None or bool(space.active(point[None])[0, i])
            for place in places[i] if active else (INACTIVE,):
                point[i] = place
                yield from below(i + 1)
            point[i] = INACTIVE

        return below(0)
