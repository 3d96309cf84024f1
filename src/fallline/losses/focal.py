"""A cross-entropy that counts easy examples less."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.core.field import Number, number
from fallline.core.namespace import softmax
from fallline.losses.base import Loss, log_mean

TINY = 1e-30  # least 1 - p_y, so that its power has a finite slope


class Focal(Loss):
    """Cross-entropy of the softmax that counts examples less, the surer the network is of their class.

        l = (1 - p_y)^gamma (-log p_y),  p = softmax(z)

    For classes of very unequal frequency, where many easy examples would outweigh the few hard ones. With gamma = 0 it is the
    cross-entropy. Weights of classes, the paper's alpha, are those of the recipe (`class_weight`). Its probabilities are too
    cautious; `calibrate` corrects them.

    Source: Lin et al., "Focal loss for dense object detection", 2017, equations 4 and 5.

    >>> z = jnp.log(jnp.array([[0.9, 0.1]]))
    >>> round(float(Focal(gamma=2.0)(z, jnp.array([0]))[0]), 5)  # 0.1^2 (-ln 0.9)
    0.00105
    """

    name: ClassVar[str] = "focal"
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    gamma: Number = number(
        2.0, valid="[0, 10]", usual=(0.5, 5.0), help="how much sure examples count less", source="Lin et al. 2017"
    )

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        chosen = target[:, None] == jnp.arange(prediction.shape[-1])
        z = prediction - lax.stop_gradient(jnp.max(prediction, axis=-1, keepdims=True))
        surprise = jnp.log(jnp.sum(jnp.exp(z), axis=-1)) - jnp.sum(jnp.where(chosen, z, 0.0), axis=-1)
        missing = jnp.maximum(-jnp.expm1(-surprise), TINY)  # 1 - p_y
        return jnp.exp(self.gamma * jnp.log(missing)) * surprise

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        return softmax(prediction)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        return log_mean(jax.nn.log_softmax(predictions, axis=-1), weights)
