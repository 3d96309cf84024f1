"""A loss of outputs that are divided by a temperature."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part
from fallline.losses.base import Loss
from fallline.losses.classes import SoftmaxCrossEntropy


class Tempered(Loss):
    """A loss whose outputs are first divided by a temperature.

        l = inner(z / T, y),  mean(z) = inner.mean(z / T)

    A temperature above 1 makes probabilities more cautious and changes no class. `Recipe.calibrate` fits it to the validation
    rows after training, and the model then holds this loss.

    Source: Guo et al., "On calibration of modern neural networks", 2017, section 4.2.

    >>> import jax.numpy as jnp
    >>> p = Tempered(temperature=2.0).mean(jnp.log(jnp.array([[0.9, 0.1]])))
    >>> [round(float(each), 3) for each in p[0]]  # 3 to 1, not 9 to 1
    [0.75, 0.25]
    """

    name: ClassVar[str] = "tempered"
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel")
    inner: Loss = part(SoftmaxCrossEntropy(), family="loss", help="the loss of the divided outputs")
    temperature: Number = number(
        1.0, valid="(0, inf)", usual=(0.5, 3.0), scale="log", help="T, by which the outputs are divided"
    )

    @property
    def probabilistic(self) -> bool:  # type: ignore[override]
        """Whether the inner loss's answers are probabilities."""
        return self.inner.probabilistic

    @property
    def largest(self) -> float:  # type: ignore[override]
        """The inner loss's largest prediction, or less if the temperature is below 1."""
        return self.inner.largest * min(1.0, float(self.temperature))

    def outputs(self, count: int, task: str) -> int:
        if task not in self.inner.tasks:
            raise FalllineError(
                f"loss {self.inner.name!r} is for {' or '.join(self.inner.tasks)}; the target makes this a {task}"
            )
        return self.inner.outputs(count, task)

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        return self.inner(prediction / self.temperature, target)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        return self.inner.mean(prediction / self.temperature)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        return self.inner.blend(predictions / self.temperature, weights) * self.temperature

    def target_scaler(self, asked: object) -> Any:
        return asked

    @property
    def evaluation_loss(self) -> Loss:
        return Tempered(self.inner.evaluation_loss, self.temperature)
