"""Probes of the training itself: the objective, the metric, the learning rate and the number of gradients computed."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.tree import Tree
from fallline.probes.base import Probe
from fallline.probes.context import Context, Params, StepFacts


class TrainObjective(Probe):
    """The objective (loss plus penalty), as a mean over the epoch's examples.

    >>> TrainObjective().axis, TrainObjective().column("accuracy")
    ('run', 'train_objective')
    """

    name: ClassVar[str] = "train_objective"
    title: ClassVar[str] = "Objective"
    help: ClassVar[str] = "Loss and penalty, as means over an epoch's minibatches."
    drawn: ClassVar[bool] = False

    def compute(self, context: Context) -> Float[Array, ""]:
        return context.train_objective


class TrainMetric(Probe):
    """The task's first metric on the training rows, as a mean over the epoch's minibatches while the weights move.

    >>> TrainMetric().column("accuracy"), TrainMetric().column("rmse")
    ('train_accuracy', 'train_rmse')
    """

    name: ClassVar[str] = "train_metric"
    title: ClassVar[str] = "Training metric"
    help: ClassVar[str] = (
        "The first metric as a mean over an epoch's minibatches; it is drawn beside the validation rows' own."
    )
    drawn: ClassVar[bool] = False

    def begin(self, params: Params) -> Any:
        return jnp.float32(0.0)

    def after_step(self, gathered: Tree, step: StepFacts) -> Any:
        return step.add(gathered, step.metric())

    def compute(self, context: Context) -> Float[Array, ""]:
        mean = context.gathered[self.name] / context.weight
        return jnp.sqrt(mean) if context.task == "regression" else mean

    def column(self, metric: str) -> str:
        return f"train_{metric}"


class LearningRate(Probe):
    """The learning rate of the epoch's last step.

    >>> LearningRate().title
    'Learning rate'
    """

    name: ClassVar[str] = "learning_rate"
    title: ClassVar[str] = "Learning rate"
    help: ClassVar[str] = "The step size that the schedule gave."

    def begin(self, params: Params) -> Any:
        return jnp.float32(jnp.nan)

    def after_step(self, gathered: Tree, step: StepFacts) -> Any:
        return step.latest(gathered, step.learning_rate)

    def compute(self, context: Context) -> Float[Array, ""]:
        return context.gathered[self.name]


class Evaluations(Probe):
    """Gradients computed since the start of the run: one a step, but for rules with a line search.

    >>> Evaluations().drawn
    False
    """

    name: ClassVar[str] = "evaluations"
    title: ClassVar[str] = "Gradients computed"
    help: ClassVar[str] = "How many gradients the run has computed; a rule with a line search needs several a step."
    drawn: ClassVar[bool] = False

    def compute(self, context: Context) -> Float[Array, ""]:
        return context.evaluations
