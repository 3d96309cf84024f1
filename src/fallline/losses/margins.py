"""Losses that require a margin instead of a probability."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace, sigmoid, softmax
from fallline.losses.base import Loss, log_mean
from fallline.losses.classes import blend_of_sigmoids


class Hinge(Loss):
    """The support vector machine's loss: zero once the true class leads by the margin.

        two classes:      l = max(0, margin - y z),  y = -1 or 1, one output
        crammer_singer:   l = max(0, margin + max_(j != y) z_j - z_y)
        weston_watkins:   l = sum_(j != y) max(0, margin + z_j - z_y)

    For decision boundaries rather than probabilities: examples that are right by the margin have no influence. Its `mean`
    is a squashed score, which ranks classes but is not a probability. Crammer and Singer's form counts only the strongest
    rival class; Weston and Watkins's form counts all of them.

    Source: Cortes and Vapnik, "Support-vector networks", 1995; Crammer and Singer, 2001, equation 3; Weston and
    Watkins, 1999, equation 3.

    >>> Hinge()(jnp.array([[3.0, 2.5, 0.0]]), jnp.array([0])).tolist()
    [0.5]
    """

    name: ClassVar[str] = "hinge"
    aliases: ClassVar[tuple[str, ...]] = ("svm",)
    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    probabilistic: ClassVar[bool] = False
    margin: Number = number(
        1.0, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="required lead of the true class"
    )
    form: str = structure(
        "crammer_singer", choices=("crammer_singer", "weston_watkins"), help="which rival classes count"
    )

    def outputs(self, count: int, task: str) -> int:
        return 1 if count == 2 else count

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Int[Array, " batch"]
    ) -> Float[Array, " batch"]:
        z = prediction
        if z.shape[-1] == 1:
            y = 2.0 * target.astype(z.dtype) - 1.0
            return jax.nn.relu(self.margin - y * z[:, 0])
        chosen = target[:, None] == jnp.arange(z.shape[-1])
        lead = jnp.sum(jnp.where(chosen, z, 0.0), axis=-1)
        if self.form == "weston_watkins":
            return jnp.sum(jnp.where(chosen, 0.0, jax.nn.relu(self.margin + z - lead[:, None])), axis=-1)
        rival = jnp.max(jnp.where(chosen, -jnp.inf, z), axis=-1)
        return jax.nn.relu(self.margin + rival - lead)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        if prediction.shape[-1] > 1:
            return softmax(prediction)
        p = sigmoid(prediction)
        return namespace(p).concatenate([1.0 - p, p], axis=-1)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        if predictions.shape[-1] == 1:
            return blend_of_sigmoids(predictions, weights)
        return log_mean(jax.nn.log_softmax(predictions, axis=-1), weights)
