"""The base class of losses: `(prediction, target) -> loss per example`, computed from logits and never reduced."""

from abc import abstractmethod
from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.block import Block


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

    def target_scaler(self, asked: object) -> Any:
        """The target's scaler in a regression, given the requested one; a loss may require its own."""
        return asked

    @property
    def evaluation_loss(self) -> "Loss":
        """The loss for validation and test rows: itself, without terms that only help training."""
        return self
