"""The data that probes receive: each update during an epoch, and the run at the end of the epoch."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fallline.core.tree import Tree

Params = dict[str, dict[str, Array]]
SAMPLE = 4096  # approximate number of entries per array from which gradients and updates are measured


def sampled(tree: Tree) -> Any:
    """Every k-th row of each array, about `SAMPLE` numbers; small arrays are returned whole.

    Another pass over the whole gradient, only to measure it, would cost 7 % of a step on 784-128-10. Whole rows are taken
    because a stride within rows is slow.
    """
    return jax.tree.map(lambda leaf: jnp.atleast_1d(leaf)[:: max(1, leaf.size // SAMPLE)], tree)


def squared_norm(tree: Tree, sample: Tree) -> Float[Array, ""]:
    """Sum of the squares of all numbers, estimated from `sampled(tree)`; only the shapes of `tree` are used."""
    pairs = zip(jax.tree.leaves(tree), jax.tree.leaves(sample), strict=True)
    return sum((whole.size / part.size * jnp.vdot(part, part) for whole, part in pairs), jnp.float32(0.0))


@dataclasses.dataclass(frozen=True)
class StepFacts:
    """One update.

    Arguments:
        params: the params before the update.
        gradient: the gradient of the objective.
        squares: for every layer, the sum of its gradient's squares, estimated from a sample.
        objective: the objective of the minibatch, including the penalty.
        metric: computes the first metric of the minibatch: accuracy, or the mean squared error in the target's unit.
        learning_rate: the learning rate of this step; NaN for a rule without one.
        weight: total weight of the minibatch's examples; 0 if the minibatch does not count.
        moves: whether the params were updated.
        filled: whether the minibatch contains any example. A lane with fewer rows than its neighbours has empty minibatches.
        ragged: whether minibatches without examples may occur.
    """

    params: Params
    gradient: Params
    squares: dict[str, Float[Array, ""]]
    objective: Float[Array, ""]
    metric: Callable[[], Float[Array, ""]]
    learning_rate: Float[Array, ""]
    weight: Float[Array, ""]
    moves: Bool[Array, ""]
    filled: Bool[Array, ""]
    ragged: bool

    def add(self, total: Array, value: Array) -> Array:
        """Add a value to a sum over the epoch's examples; the sum divided by `Context.weight` is their mean."""
        return total + jnp.where(self.weight > 0, value * self.weight, 0.0)

    def latest(self, before: Tree, value: object) -> Any:
        """The value at the last step whose minibatch contains an example."""
        return jax.tree.map(lambda b, v: jnp.where(self.filled, v, b), before, value) if self.ragged else value


class Tap(NamedTuple):
    """An activation on the sample rows.

    Arguments:
        layer: name of the preceding layer.
        activation: the activation function.
        before: inputs of the activation, (rows, units).
        after: outputs of the activation.
    """

    layer: str
    activation: Any
    before: Float[Array, "rows units"]
    after: Float[Array, "rows units"]


@dataclasses.dataclass(frozen=True)
class Context:
    """A run at the end of an epoch.

    Arguments:
        recipe: recipe of the run.
        task: classification, multilabel or regression.
        params: the params after the epoch's last step.
        evaluation_params: the params used for validation and prediction; with weight averaging, the average.
        stats: statistics of layers with state.
        memory: memory of the optimizer.
        weight: total weight of the epoch's examples.
        updates: number of updates of the params in this epoch.
        train_loss, train_objective: means over the epoch's examples during training.
        evaluations: number of gradients computed since the start of the run.
        gathered: the values gathered by each probe's `after_step`, by the probe's name.
        look: applies the network to the sample rows.
    """

    recipe: Any
    task: str
    params: Params
    evaluation_params: Params
    stats: Any
    memory: Any
    weight: Float[Array, ""]
    updates: Float[Array, ""]
    train_loss: Float[Array, ""]
    train_objective: Float[Array, ""]
    evaluations: Float[Array, ""]
    gathered: dict[str, Any]
    look: Callable[[], list[Tap]]

    @functools.cached_property
    def taps(self) -> list[Tap]:
        """Every activation on a fixed sample of training rows, under `evaluation_params`; one forward pass for all probes."""
        return self.look()

    def per_layer(self, value: Callable[[str], Array]) -> Float[Array, " layers"]:
        """Compute one number for every layer with params, in the order of the history."""
        return jnp.stack([value(name) for name in self.params])

    def per_activation(self, value: Callable[[Tap], Array]) -> Float[Array, " activations"]:
        """Compute one number for every activation, in the order of the history."""
        return jnp.stack([value(tap) for tap in self.taps]) if self.taps else jnp.zeros(0)


@dataclasses.dataclass(frozen=True)
class Padding:
    """The sizes of a lane's network without and with the padding that its population added.

    Arguments:
        activation: activation of the hidden layers.
        units, wide_units: number of units of every activation, without and with padding.
        numbers, wide_numbers: number of parameters in every layer, without and with padding.
    """

    activation: Any
    units: np.ndarray
    wide_units: np.ndarray
    numbers: np.ndarray
    wide_numbers: np.ndarray
