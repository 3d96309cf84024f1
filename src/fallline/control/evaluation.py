"""Returns of a policy on episodes of its own: no noise, no shift, the statistics of the observations frozen."""

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float

from fallline.control.environments import Facts
from fallline.control.network import Network
from fallline.control.rollouts import Rollout, Task, rollout_seed
from fallline.control.statistics import Scaling

if TYPE_CHECKING:
    from collections.abc import Iterable

# Places of seeds: training uses (TRAIN, iteration, direction, sign), every other purpose its own first number.
TRAIN, EVALUATE, CONFIRM, FINAL = range(4)


class Collector(Protocol):
    """What does rollouts: worker processes, a program of JAX, or machines of a cluster."""

    facts: Facts

    def collect(self, tasks: "Iterable[Task]") -> list[Rollout]:
        """The rollouts of all tasks, in their order."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Returns of a policy, and of how many steps; failed episodes are left out and counted.

    >>> Evaluation((1.0, 3.0), (10, 12), 0).mean
    2.0
    """

    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    failures: int

    @property
    def mean(self) -> float:
        """Of the returns; NaN without one."""
        return float(np.mean(self.returns)) if self.returns else float("nan")

    @property
    def deviation(self) -> float:
        """Standard deviation of the returns, ddof = 1."""
        return float(np.std(self.returns, ddof=1)) if len(self.returns) > 1 else 0.0


def evaluate_policy(
    collector: Collector,
    network: Network,
    point: Float[np.ndarray, " size"],
    scaling: Scaling | None,
    *,
    episodes: int = 20,
    seed: int = 0,
    place: tuple[int, ...] = (FINAL,),
) -> Evaluation:
    """Roll out a policy on fresh episodes.

    Arguments:
        collector: does the rollouts.
        network: the policy's function.
        point: its parameters.
        scaling: of the observations.
        episodes: how many.
        seed: of the run.
        place: what the episodes are for, so that no two evaluations share one.
    """
    seeds = [rollout_seed(seed, *place, k) for k in range(episodes)]
    found = collector.collect([Task(network, point, scaling, each, False) for each in seeds])
    good = [each for each in found if not each.failure]
    return Evaluation(tuple(each.total for each in good), tuple(each.steps for each in good), len(found) - len(good))
