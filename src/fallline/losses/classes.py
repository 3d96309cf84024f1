"""Losses for classes and labels."""

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number
from fallline.core.namespace import namespace, sigmoid, softmax
from fallline.losses.base import Loss, log_mean


class SoftmaxCrossEntropy(Loss):
    """Cross-entropy of the softmax of the outputs; the target is a class index.

        l = log(sum_j exp z_j) - z_y
        smoothed: l = log(sum_j exp z_j) - (1 - smoothing) z_y - smoothing mean_j z_j

    The usual loss of a classification; a uniform guess among C classes costs ln C. Smoothing the labels (0.1) keeps the
    logits from growing without bound, and helps if some labels are wrong.

    Source: Bridle, "Probabilistic interpretation of feedforward classification network outputs", 1990; smoothing:
    Szegedy et al., "Rethinking the inception architecture for computer vision", 2016, section 7.

    >>> loss = SoftmaxCrossEntropy()(jnp.zeros((1, 4)), jnp.array([2]))
    >>> round(float(loss[0]), 4)  # ln 4, a guess among four
    1.3863
    """

    name: ClassVar[str] = "softmax_cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = ("cross_entropy", "categorical_cross_entropy", "log_loss", "softmax", "nll")
    uninformed: ClassVar[str] = "ln {classes} = {cost:.4g} expected"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    smoothing: Number = number(
        None,
        read="training",
        valid="[0, 1)",
        usual=(0.0, 0.2),
        optional=True,
        help="share of the target spread over all classes while training",
        source="Szegedy et al. 2016",
    )

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        # A comparison with iota instead of a gather: it and its gradient are several times faster on a CPU.
        chosen = target[:, None] == jnp.arange(prediction.shape[-1])
        # Both terms use the logits less their maximum: fewer kernels to compile than with a general log-sum-exp.
        z = prediction - lax.stop_gradient(jnp.max(prediction, axis=-1, keepdims=True))
        total = jnp.log(jnp.sum(jnp.exp(z), axis=-1))
        hit = jnp.sum(jnp.where(chosen, z, 0.0), axis=-1)
        if self.smoothing is None:
            return total - hit
        return total - (1.0 - self.smoothing) * hit - self.smoothing * jnp.mean(z, axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        return softmax(prediction)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        return log_mean(jax.nn.log_softmax(predictions, axis=-1), weights)

    @property
    def evaluation_loss(self) -> Loss:
        return dataclasses.replace(self, smoothing=None)


class BinaryCrossEntropy(Loss):
    """Cross-entropy of the sigmoid of the output, for two classes (one output) or several labels (one output each).

        l = -(y log s(z) + (1 - y) log(1 - s(z))) = max(z, 0) - z y + log(1 + exp(-|z|)),  summed over labels
        smoothed: y (1 - smoothing) + smoothing / 2 in place of y

    Source: Cox, "The regression analysis of binary sequences", 1958; smoothing: Szegedy et al., 2016, section 7.

    >>> loss = BinaryCrossEntropy()(jnp.array([[0.0], [1000.0]]), jnp.array([1, 1]))
    >>> loss.round(4).tolist()  # ln 2, and no overflow
    [0.6930999755859375, 0.0]
    """

    name: ClassVar[str] = "binary_cross_entropy"
    aliases: ClassVar[tuple[str, ...]] = ("bce", "logistic_loss")
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")
    smoothing: Number = number(
        None,
        read="training",
        valid="[0, 1)",
        usual=(0.0, 0.2),
        optional=True,
        help="share of the target spread over both answers while training",
        source="Szegedy et al. 2016",
    )

    def outputs(self, count: int, task: str) -> int:
        if task == "classification" and count > 2:
            raise FalllineError(
                f"loss 'binary_cross_entropy' tells two classes apart; there are {count}: use 'softmax_cross_entropy'"
            )
        return 1 if task == "classification" else count

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        y = target.reshape(prediction.shape).astype(prediction.dtype)
        if self.smoothing is not None:
            y = y * (1.0 - self.smoothing) + 0.5 * self.smoothing
        z = prediction
        # One comparison instead of `maximum` and `abs`, whose slopes at 0 do not add up to the sigmoid's 1/2.
        positive = z >= 0.0
        both = jnp.where(positive, z, 0.0) - z * y + jnp.log1p(jnp.exp(jnp.where(positive, -z, z)))
        return jnp.sum(both, axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        p = sigmoid(prediction)
        return namespace(p).concatenate([1.0 - p, p], axis=-1) if prediction.shape[-1] == 1 else p

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        return blend_of_sigmoids(predictions, weights)

    @property
    def evaluation_loss(self) -> Loss:
        return dataclasses.replace(self, smoothing=None)


def blend_of_sigmoids(
    predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
) -> Float[Array, "batch outputs"]:
    """The outputs whose sigmoid is the weighted mean of several sigmoids: log sum_i w_i s(z_i) - log sum_i w_i s(-z_i)."""
    yes, no = jax.nn.log_sigmoid(predictions), jax.nn.log_sigmoid(-predictions)
    return log_mean(yes, weights) - log_mean(no, weights)
