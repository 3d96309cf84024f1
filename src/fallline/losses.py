"""Losses: `(prediction, target) -> loss per example`, from logits, never reduced."""

from abc import abstractmethod
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.block import Block


class Loss(Block):
    """What a network's outputs are judged by."""

    family: ClassVar[str] = "loss"
    tasks: ClassVar[tuple[str, ...]] = ()

    def outputs(self, count: int, task: str) -> int:
        """Units of the output layer, given the number of classes, labels or targets."""
        return count

    @abstractmethod
    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        """The loss of each example."""

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        """What the outputs say: the probability of each class or label, or the expected target."""
        return prediction


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of the softmax of the outputs; the target is a class index.

        l = log(sum_j exp z_j) - z_y

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990.

    >>> loss = SoftmaxCrossEntropy()(jnp.zeros((1, 4)), jnp.array([2]))
    >>> round(float(loss[0]), 4)  # ln 4, a guess among four
    1.3863
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        # A comparison with iota instead of a gather: several times faster on a CPU, and so is its gradient.
        chosen = target[:, None] == jnp.arange(prediction.shape[-1])
        return jax.nn.logsumexp(prediction, axis=-1) - jnp.sum(jnp.where(chosen, prediction, 0.0), axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        return jax.nn.softmax(prediction, axis=-1)


class BinaryCrossEntropy(Loss):
    """Cross-entropy of the sigmoid of the output, for two classes (one output) or several labels (one output each).

        l = -(y log s(z) + (1 - y) log(1 - s(z))) = max(z, 0) - z y + log(1 + exp(-|z|)),  summed over labels

    Source: Cox, "The regression analysis of binary sequences", 1958.

    >>> loss = BinaryCrossEntropy()(jnp.array([[0.0], [1000.0]]), jnp.array([1, 1]))
    >>> loss.round(4).tolist()  # ln 2, and no overflow
    [0.6930999755859375, 0.0]
    """

    name: ClassVar[str] = "binary_cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")

    def outputs(self, count: int, task: str) -> int:
        return 1 if count == 2 and task == "classification" else count

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        y = target.reshape(prediction.shape).astype(prediction.dtype)
        z = prediction
        # One comparison instead of `maximum` and `abs`, whose slopes at 0 do not add up to the sigmoid's 1/2.
        positive = z >= 0.0
        both = jnp.where(positive, z, 0.0) - z * y + jnp.log1p(jnp.exp(jnp.where(positive, -z, z)))
        return jnp.sum(both, axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        p = jax.nn.sigmoid(prediction)
        return jnp.concatenate([1.0 - p, p], axis=-1) if prediction.shape[-1] == 1 else p


class SquaredError(Loss):
    """Squared error, averaged over the targets.

        l = mean_j (z_j - y_j)^2

    A single far-off target dominates the gradient; with outliers use an absolute or Huber loss.

    Source: Legendre, 1805.

    >>> SquaredError()(jnp.array([[1.0], [4.0]]), jnp.array([[1.0], [2.0]])).tolist()
    [0.0, 4.0]
    """

    name: ClassVar[str] = "squared_error"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        return jnp.mean((prediction - target) ** 2, axis=-1)
