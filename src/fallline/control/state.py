"""The state of a policy's training, and its progress as callbacks receive it."""

import dataclasses
from typing import ClassVar

import numpy as np

from fallline.control.curve import LearningCurve
from fallline.control.statistics import Scaling, Statistics
from fallline.core.driving import Progress
from fallline.methods import MethodState


@dataclasses.dataclass
class PolicyState:
    """The progress of a training, as stored in a checkpoint.

    Arguments:
        method: the method's state; its point is the vector of the policy's parameters.
        statistics: statistics of all training observations.
        steps: number of training timesteps.
        rollouts: number of training rollouts.
        failures: number of failed rollouts.
        evaluations: number of evaluations.
        best: the parameters of the best confirmed policy.
        best_scaling: the scaling of its observations, frozen with them.
        best_score: its confirmed mean return.
        best_steps: the timesteps at which it was found.
        barren: consecutive iterations without a successful rollout.
        curve: the learning curve.
        reached: whether the last evaluation and its confirmation both reached the target.
    """

    method: MethodState
    statistics: Statistics
    steps: int
    rollouts: int
    failures: int
    evaluations: int
    best: np.ndarray
    best_scaling: Scaling
    best_score: float
    best_steps: int
    barren: int
    curve: LearningCurve
    reached: bool = False


@dataclasses.dataclass(frozen=True)
class RolloutProgress(Progress):
    """The progress of a policy's training, in timesteps.

    Arguments:
        best_score: mean return of the best confirmed policy; -inf before there is one.
        failures: number of failed rollouts.
    """

    unit: ClassVar[str] = "timesteps"
    best_score: float
    failures: int
