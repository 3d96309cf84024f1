"""What every loss is: `(prediction, target) -> loss per example`, from logits, never reduced."""

from abc import abstractmethod
from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.block import Block


class Loss(Block):
    """What a network's outputs are judged by.

    Facts: `tasks`, the kinds of target it is for; `probabilistic`, whether `mean` of a classification is a
    probability that can be trusted as one; `least_target`, the smallest target that has a loss; `largest`, the size of
    predictions up to which loss and gradient are finite in float32.
    """

    family: ClassVar[str] = "loss"
    tasks: ClassVar[tuple[str, ...]] = ()
    probabilistic: ClassVar[bool] = True
    least_target: ClassVar[float] = -float("inf")
    largest: ClassVar[float] = 1e15

    def outputs(self, count: int, task: str) -> int:
        """Units of the output layer, given the number of classes, labels or targets."""
        return count

    @abstractmethod
    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        """The loss of each example."""

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        """What the outputs say: the probability of each class or label, or the expected target."""
        return prediction

    def target_scaler(self, asked: object) -> Any:
        """The target's scaler in a regression, given the one asked for: a loss may need one of its own."""
        return asked

    @property
    def judge(self) -> "Loss":
        """The loss that validation and test rows are judged by: itself, without what only helps training."""
        return self
