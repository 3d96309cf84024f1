"""A loss times a number."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.field import Number, number, part
from fallline.losses.base import Loss
from fallline.losses.numbers import SquaredError


class Times(Loss):
    """A loss times a number, in the target's own unit.

        l = factor inner(z, y)

    The size of a loss determines the relative strength of a penalty. With factor = targets / 2 and the squared error,
    this is half the sum of squares, which scikit-learn minimises. The loss does not change the target's scaler.

    Source: a Lagrangian's weight; nothing more.

    >>> import jax.numpy as jnp
    >>> Times(SquaredError(), 0.5)(jnp.array([[1.0], [4.0]]), jnp.array([[1.0], [2.0]])).tolist()
    [0.0, 2.0]
    """

    name: ClassVar[str] = "times"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    inner: Loss = part(SquaredError(), family="loss", help="the loss")
    factor: Number = number(0.5, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="what it is multiplied by")

    @property
    def least_target(self) -> float:  # type: ignore[override]
        """The inner loss's smallest valid target."""
        return self.inner.least_target

    @property
    def largest(self) -> float:  # type: ignore[override]
        """The inner loss's largest prediction."""
        return self.inner.largest

    def outputs(self, count: int, task: str) -> int:
        return self.inner.outputs(count, task)

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        return self.factor * self.inner(prediction, target)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        return self.inner.mean(prediction)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        return self.inner.blend(predictions, weights)

    def inverse(self, answer: Float[Array, "batch targets"]) -> Float[Array, "batch outputs"]:
        return self.inner.inverse(answer)

    def target_scaler(self, asked: object) -> Any:
        return asked
