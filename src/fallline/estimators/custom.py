"""The user's own functions as blocks. They have no name, so they cannot be written to a file."""

from collections.abc import Callable
from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.activations import Activation
from fallline.core.field import structure
from fallline.core.namespace import sigmoid, softmax
from fallline.losses import Loss


class CustomActivation(Activation):
    """Any elementwise function of JAX.

    f(x) = function(x)

    >>> import jax.numpy as jnp
    >>> CustomActivation(jnp.sin)(jnp.array([0.0])).tolist()
    [0.0]
    """

    function: Callable[[Array], Array] = structure(help="from sums to values, element by element")
    zero_at_zero: ClassVar[bool] = False

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return self.function(x)


class CustomLoss(Loss):
    """Any function of outputs and targets that gives the loss of each row.

        l = function(z, y),  z (rows, outputs), y (rows,) class indices, or (rows, targets)

    Predictions are the softmax of the outputs for classes, the sigmoid for labels, and the outputs themselves for targets.

    >>> import jax.numpy as jnp
    >>> cubic = CustomLoss(lambda z, y: jnp.abs(z - y).sum(axis=-1) ** 3, "regression")
    >>> cubic(jnp.array([[3.0]]), jnp.array([[1.0]])).tolist()
    [8.0]
    """

    function: Callable[[Array, Array], Array] = structure(help="from outputs and targets to a loss per row")
    task: str = structure(choices=("classification", "multilabel", "regression"), help="what is predicted")

    @property
    def tasks(self) -> Any:  # type: ignore[override]
        """The single task for which it was made."""
        return (self.task,)

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        return self.function(prediction, target)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        if self.task == "regression":
            return prediction
        return sigmoid(prediction) if self.task == "multilabel" else softmax(prediction)
