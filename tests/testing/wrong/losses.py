"""Losses that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from fallline.losses import Loss, SquaredError
from wrong.squares import squares


class WrongGradient(SquaredError):  # noqa: N818
    """Squared error with half of its gradient."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.mean(squares(prediction - target), axis=-1)


class OtherWhenRecorded(SquaredError):  # noqa: N818
    """Answers that are others while they are written down."""

    name: ClassVar = ""

    def mean(self, prediction):
        return prediction * (1.0 if type(prediction) is np.ndarray else 2.0)


class OtherByNumPy(SquaredError):  # noqa: N818
    """Answers of which NumPy makes the negatives."""

    name: ClassVar = ""

    def mean(self, prediction):
        return -prediction if isinstance(prediction, np.ndarray) else prediction


class OffTarget(SquaredError):  # noqa: N818
    """Squared error around the target plus a tenth."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.mean((prediction - target - 0.1) ** 2, axis=-1)


class Averaged(SquaredError):  # noqa: N818
    """A loss that is a mean over the examples already."""

    name: ClassVar = ""

    def __call__(self, prediction, target):
        return jnp.broadcast_to(jnp.mean((prediction - target) ** 2), prediction.shape[:1])


class Reduced(Averaged):
    """A loss that is a single number."""

    def __call__(self, prediction, target):
        return jnp.mean((prediction - target) ** 2)


class NoLogits(Loss):
    """Cross-entropy of probabilities, asked of the outputs."""

    tasks: ClassVar = ("classification",)

    def __call__(self, prediction, target):
        p = jnp.exp(prediction) / jnp.sum(jnp.exp(prediction), axis=-1, keepdims=True)
        return -jnp.log(jnp.take_along_axis(p, target[:, None], axis=-1)[:, 0])


class NoTask(SquaredError):  # noqa: N818
    """A loss for nothing."""

    name: ClassVar = ""
    tasks: ClassVar = ()


class FirstOnly(SquaredError):  # noqa: N818
    """Squared error that blends several networks into the first of them."""

    name: ClassVar = ""

    def blend(self, predictions, weights):
        return predictions[0]


WRONG = [
    (OtherByNumPy(), "by_numpy", "by NumPy, beside JAX"),
    (OtherWhenRecorded(), "recorded", "by its program"),
    (WrongGradient(), "gradient", "beside central differences"),
    (OffTarget(), "minimum", "the best prediction"),
    (Averaged(), "per_example", "another order"),
    (Reduced(), "dtypes", "losses and answers"),
    (NoLogits(), "far", "not finite"),
    (NoLogits(), "probabilities", "an answer is"),
    (NoTask(), "tasks", "expected some of"),
    (FirstOnly(), "blended", "the blended answer"),
]
