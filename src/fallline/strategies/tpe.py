"""TPE for batches: the densities of good and of other trials are fitted once, and a constant liar spreads the candidates."""

import dataclasses
import math
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.field import number
from fallline.strategies.base import Strategy
from fallline.strategies.dimension import INACTIVE
from fallline.strategies.history import TrialHistory
from fallline.strategies.kernels import Kernels
from fallline.strategies.sobol import Sobol
from fallline.strategies.space import Space
from fallline.strategies.univariate import Line, Options, by_rank

MOST_JOINT = 4  # most joint trials in a batch: they all see the same few good trials and crowd around them
WIDTH = 0.3  # width of a joint kernel as a multiple of the points' spread, before the factor for their number
NARROWEST = 0.02  # smallest width of a joint kernel, as a share of the unit interval


class TPE(Strategy):
    """Tree-structured Parzen estimator, designed for batches.

        good: the best  m = min(ceil(share n), most)  of n trials, density l(x);  the others, density g(x)
        in l the i-th best trial weighs as  log(m + 1/2) - log(i)
        of candidates drawn from l, the one with the largest  l(x) / g(x);  then it joins g, and so on

    A chosen point, and a point still in training, counts as bad until it is completed (a constant liar), which spreads the
    batch. Diverged trials are bad, ranked by the number of epochs that they reached. A few trials of each batch use densities
    over all dimensions jointly, which capture how dimensions depend on each other; the others use one density per dimension,
    which needs fewer trials. For a dimension that belongs to an option, good and bad trials are taken from that option's
    trials only. An option with dimensions of its own is credited with  sqrt(n) / options  trials of either kind in addition to
    its own, because its scores improve as its dimensions are learnt and few trials say little about it. Some trials are Sobol
    points regardless of earlier results.

    Source: Bergstra et al., "Algorithms for hyper-parameter optimization", 2011; over all dimensions: Falkner, Klein and
    Hutter, "BOHB", 2018; liar: Ginsbourger, Le Riche and Carraro, 2010.

    >>> from fallline.distributions import Uniform
    >>> from fallline.optimizers import Momentum
    >>> space = Space(Momentum(Uniform(0, 1)))
    >>> points = (np.arange(64.0)[:, None] + 0.5) / 64
    >>> known = TrialHistory.of(points, np.abs(points[:, 0] - 0.3))
    >>> new = TPE(explore=0.0).propose(space, known, range(64, 72), seed=0)
    >>> bool(np.median(np.abs(new - 0.3)) < 0.1)  # 0.29 for random points
    True
    """

    name: ClassVar[str] = "tpe"
    aliases: ClassVar[tuple[str, ...]] = ("bayesian", "bayesian_optimization", "parzen")
    begins_with_default: ClassVar[bool] = True
    first: int = number(
        16,
        valid="[2, 1e9]",
        usual=(8, 64),
        scale="log",
        integer=True,
        unit="trials",
        help="number of Sobol points before densities are used; the first is the space's default",
    )
    share: float = number(
        0.07, valid="(0, 1)", usual=(0.03, 0.3), scale="log", help="share of the trials that are good"
    )
    most: int = number(25, valid="[1, 1e9]", usual=(10, 50), integer=True, help="largest number of good trials")
    candidates: int = number(
        24, valid="[1, 1e6]", usual=(8, 64), scale="log", integer=True, help="candidates drawn per trial and dimension"
    )
    explore: float = number(
        0.05, valid="[0, 1]", usual=(0.0, 0.2), help="share of the later trials that are Sobol points"
    )
    joint: float = number(
        0.34,
        valid="[0, 1]",
        usual=(0.0, 0.5),
        help=f"share of the later trials by the densities over all dimensions, at most {MOST_JOINT} in a batch",
    )

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        points = Sobol().propose(space, trial_history, numbers, seed)
        guided = [i for i, n in enumerate(numbers) if n >= self.first and not _every(self.explore, n)]
        if len(trial_history) < 2 or not guided:
            return points
        explored = np.delete(points, guided, axis=0)
        joint = [i for i in guided if _every(self.joint, numbers[i])][:MOST_JOINT]
        univariate = [i for i in guided if i not in joint]
        order = trial_history.order()
        ranked, liars = trial_history.points[order], np.concatenate([trial_history.pending, explored])
        count = self._good(len(ranked))
        if joint:
            draw = self.draws(seed, numbers[joint[0]], "joint")
            bad = np.concatenate([ranked[count:], liars])
            points[joint] = self._joint(space, ranked[:count], bad, len(joint), draw)
        if univariate:
            liars, draw = np.concatenate([liars, points[joint]]), self.draws(seed, numbers[univariate[0]], "univariate")
            points[univariate] = self._univariate(space, ranked, liars, len(univariate), draw)
        return points

    def _good(self, trials: int) -> int:
        return min(math.ceil(self.share * trials), self.most)

    def _joint(
        self, space: Space, good: np.ndarray, bad: np.ndarray, count: int, draw: np.random.Generator
    ) -> Float[np.ndarray, "n d"]:
        l, g = _kernels(space, good, by_rank(len(good))), _kernels(space, bad, np.ones(len(bad)))
        x = space.snap(l.sample(draw.random((max(4, count) * self.candidates, len(space) + 1)), prior=1.0))
        active = space.active(x)
        log_l = l.log_density(x, active, prior=1.0)
        # The sum of g's kernels instead of their mean, so that a lie adds exactly one kernel.
        log_g = g.log_density(x, active, prior=1.0) + np.log(len(bad) + 1.0)
        chosen: list[int] = []
        for _ in range(count):
            chosen.append(int(np.argmax(log_l - log_g)))
            last = chosen[-1:]
            lie = dataclasses.replace(g, mu=x[last], active=active[last], sigma=g.sigma[:1], weight=g.weight[:1])
            log_g = np.logaddexp(log_g, lie.log_kernels(x, active)[:, 0])
        return x[chosen]

    def _univariate(
        self, space: Space, ranked: np.ndarray, liars: np.ndarray, count: int, draw: np.random.Generator
    ) -> Float[np.ndarray, "n d"]:
        points = np.full((count, len(space)), INACTIVE)
        had, lied = space.active(ranked), space.active(liars)
        parents = {each.parent[0] for each in space.dimensions if each.parent is not None}
        # Parents come before their children, so it is known at which points a dimension is active.
        for i, dimension in enumerate(space.dimensions):
            k = space.counts[i]
            u = draw.random((2, count, self.candidates))
            own = ranked[had[:, i], i]
            best = self._good(len(own))
            of_good, of_bad = own[:best], np.concatenate([own[best:], liars[lied[:, i], i]])
            if dimension.categorical:
                prior = max(1.0, math.sqrt(len(own)) / (k or 1)) if i in parents else 1.0
                density: Line | Options = Options(of_good, of_bad, k or 1, prior)
                x = density.draw(u)
            else:
                density = Line(of_good, of_bad, narrowing=1.0, cell=0.5 / k if k else 0.0)
                x = density.draw(u)
                if k:
                    x = np.asarray(dimension.distribution.position(dimension.distribution.quantile(x)))
            l, active = density.of_good(x), space.active(points)[:, i]
            for t in np.flatnonzero(active):
                points[t, i] = x[t, np.argmax(l[t] / density.of_bad(x[t]))]
                density.lie(points[t, i])
        return points


def _every(share: float, number: int) -> bool:
    """Whether a trial belongs to an evenly spaced share of all trials."""
    return math.floor((number + 1) * share) > math.floor(number * share)


def _kernels(space: Space, points: Float[np.ndarray, "n d"], weight: Float[np.ndarray, " n"]) -> Kernels:
    """Kernels over all dimensions, with widths from the spread of the points, at least half a cell of countable values."""
    active = space.active(points)
    counts = [count or 0 for count in space.counts]
    options = tuple(k if each.categorical else 0 for k, each in zip(counts, space.dimensions, strict=True))
    n = np.maximum(active.sum(axis=0), 1)
    mean = (points * active).sum(axis=0) / n
    spread = np.sqrt((active * (points - mean) ** 2).sum(axis=0) / n)
    least = np.maximum(np.array([0.5 / k if k else 0.0 for k in counts]), np.maximum(NARROWEST, 0.25 / (1.0 + n)))
    sigma = np.clip(WIDTH * spread * n ** (-1.0 / (4 + len(counts))), least, 0.5)
    return Kernels(points, active, np.broadcast_to(sigma, points.shape), options, weight)
