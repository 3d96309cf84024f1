"""One rollout: an episode of an environment under a fixed policy, in NumPy."""

import dataclasses
import math
import sys
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.control.environments import HORIZON, Source, action_rule, open_environment, without_checks
from fallline.control.network import PolicyNetwork
from fallline.control.statistics import Scaling, Statistics

ROWS = 1024  # observations buffered before they are merged into the statistics


@dataclasses.dataclass(frozen=True)
class Setup:
    """The settings shared by all rollouts of a run.

    Arguments:
        source: the environment.
        outside: treatment of actions outside their box.
        horizon: maximum number of steps in a rollout; None: the environment's own limit, or 1000.
    """

    source: Source
    outside: str = "clip"
    horizon: int | None = None


class Task(NamedTuple):
    """The inputs of one rollout, which fully determine its result."""

    network: PolicyNetwork
    point: Float[np.ndarray, " size"]
    scaling: Scaling | None
    seed: int
    observe: bool  # whether to collect the statistics of the observations


class Rollout(NamedTuple):
    """The result of a rollout; a failed rollout has the return NaN and a reason."""

    total: float
    steps: int
    statistics: Statistics | None
    failure: str = ""


def failed(reason: str) -> Rollout:
    """The result of a failed rollout."""
    return Rollout(math.nan, 0, None, reason)


def rollout_seed(seed: int, *stream: int) -> int:
    """The seed of one rollout, from the run's seed and the rollout's stream, such as (iteration, direction, sign).

    >>> rollout_seed(0, 3, 1, 0) == rollout_seed(0, 3, 1, 0), rollout_seed(0, 3, 1, 0) == rollout_seed(0, 3, 1, 1)
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=stream).generate_state(1)[0])


class Roller:
    """An open environment for any number of rollouts."""

    def __init__(self, setup: Setup, **options: object) -> None:
        self.environment = open_environment(setup.source, **options)
        self.act = action_rule(self.environment.action_space, setup.outside)
        spec = self.environment.spec
        own = None if spec is None else spec.max_episode_steps
        self.inner, limit = without_checks(self.environment)
        self.horizon = min(setup.horizon or own or HORIZON, limit or sys.maxsize)
        self.seen = np.zeros((ROWS, self.environment.observation_space.shape[0]))

    def __call__(self, task: Task) -> Rollout:
        """Roll out one task: reset with its seed, take at most `horizon` steps, and sum the rewards in float64."""
        policy, act, step, seen = task.network.at(task.point, task.scaling), self.act, self.inner.step, self.seen
        statistics = Statistics.none(seen.shape[1]) if task.observe else None
        x, _ = self.inner.reset(seed=task.seed)
        total, steps, over = 0.0, 0, False
        while not over and steps < self.horizon:
            for row in range(min(ROWS, self.horizon - steps)):
                seen[row] = x
                x, reward, terminated, truncated, _ = step(act(policy(x)))
                total += float(reward)
                if terminated or truncated:
                    over = True
                    break
            steps += row + 1
            if statistics is not None:
                statistics = statistics.merge(Statistics.of(seen[: row + 1]))
        if not math.isfinite(total) or (statistics is not None and not np.isfinite(statistics.squares).all()):
            return Rollout(math.nan, steps, None, "a reward or an observation was not finite")
        return Rollout(total, steps, statistics)

    def close(self) -> None:
        """Close the environment."""
        self.environment.close()
