"""The base class of losses: `(prediction, target) -> loss per example`, computed from logits and never reduced."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.errors import FalllineError


class Loss(Block):
    """The cost of a network's outputs, given the targets.

    Facts: `tasks`, the kinds of target it is for; `probabilistic`, whether `mean` of a classification is a
    probability and not only a score; `least_target`, the smallest valid target; `largest`, the size of predictions up to
    which the loss and its gradient are finite in float32; `uninformed`, how `fallline check` names the loss of outputs of 0,
    with the words {cost} and {classes} filled in.
    """

    family: ClassVar[str] = "loss"
    tasks: ClassVar[tuple[str, ...]] = ()
    probabilistic: ClassVar[bool] = True
    uninformed: ClassVar[str] = "outputs of 0 cost {cost:.4g}"
    least_target: ClassVar[float] = -float("inf")
    largest: ClassVar[float] = 1e15

    def outputs(self, count: int, task: str) -> int:
        """Units of the output layer, given the number of classes, labels or targets."""
        return count

    @abstractmethod
    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        """The loss of each example."""

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        """The prediction that the outputs encode: the probability of each class or label, or the expected target."""
        return prediction

    def inverse(self, answer: Float[Array, "batch targets"]) -> Float[Array, "batch outputs"]:
        """The outputs that encode an answer: `mean(inverse(answer))` is the answer.

        Raises: FalllineError for a loss with a `mean` of its own and no inverse.
        """
        if type(self).mean is not Loss.mean:
            raise FalllineError(
                f"the answers of several networks with the loss {self.name!r} cannot be averaged: the class "
                f"{type(self).__name__} has a `mean` of its own and needs an `inverse` too"
            )
        return answer

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        """The outputs that encode the weighted mean of several networks' answers: sum_i w_i mean(z_i), with sum_i w_i = 1."""
        means = jax.vmap(self.mean)(predictions)
        return self.inverse(jnp.tensordot(weights.astype(means.dtype), means, 1))

    def target_scaler(self, asked: object) -> Any:
        """The target's scaler in a regression, given the requested one; a loss may require its own."""
        return asked

    @property
    def evaluation_loss(self) -> "Loss":
        """The loss for validation and test rows: itself, without terms that only help training."""
        return self


def log_mean(logs: Float[Array, "members ..."], weights: Float[Array, " members"]) -> Float[Array, "..."]:
    """log sum_i w_i exp(l_i), without overflow."""
    w = weights.astype(logs.dtype).reshape(-1, *[1] * (logs.ndim - 1))
    most = jnp.max(logs, axis=0)
    return most + jnp.log(jnp.sum(w * jnp.exp(logs - most), axis=0))
