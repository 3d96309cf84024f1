"""Evaluation of a policy on separate episodes: no noise, no shift, frozen statistics of the observations."""

import dataclasses
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Float

from fallline.control.environments import EnvironmentFacts
from fallline.control.network import PolicyNetwork
from fallline.control.rollouts import Rollout, Task, rollout_seed
from fallline.control.statistics import Scaling

if TYPE_CHECKING:
    from collections.abc import Iterable

# Seeds are derived from random streams: training uses (TRAIN, iteration, direction, sign), other purposes their own first number.
TRAIN, EVALUATE, CONFIRM, FINAL = range(4)


class Collector(Protocol):
    """Runs rollouts: worker processes, a JAX program, or the machines of a cluster."""

    facts: EnvironmentFacts

    def collect(self, tasks: "Iterable[Task]") -> list[Rollout]:
        """The rollouts of all tasks, in their order."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Returns and lengths of a policy's episodes; failed episodes are left out and counted.

    >>> Evaluation((1.0, 3.0), (10, 12), 0).mean
    2.0
    """

    returns: tuple[float, ...]
    lengths: tuple[int, ...]
    failures: int

    @property
    def mean(self) -> float:
        """Mean of the returns; NaN if there are none."""
        return float(np.mean(self.returns)) if self.returns else float("nan")

    @property
    def deviation(self) -> float:
        """Standard deviation of the returns (ddof = 1)."""
        return float(np.std(self.returns, ddof=1)) if len(self.returns) > 1 else 0.0


def evaluate_policy(
    collector: Collector,
    network: PolicyNetwork,
    point: Float[np.ndarray, " size"],
    scaling: Scaling | None,
    *,
    episodes: int = 20,
    seed: int = 0,
    stream: tuple[int, ...] = (FINAL,),
) -> Evaluation:
    """Roll out a policy on fresh episodes.

    Arguments:
        collector: runs the rollouts.
        network: the policy's function.
        point: its parameters.
        scaling: scaling of the observations.
        episodes: number of episodes.
        seed: seed of the run.
        stream: purpose of the episodes, so that no two evaluations share an episode.
    """
    seeds = [rollout_seed(seed, *stream, k) for k in range(episodes)]
    found = collector.collect([Task(network, point, scaling, each, False) for each in seeds])
    good = [each for each in found if not each.failure]
    return Evaluation(tuple(each.total for each in good), tuple(each.steps for each in good), len(found) - len(good))
