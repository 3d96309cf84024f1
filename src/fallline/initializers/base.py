"""What every initializer is: `(key, shape) -> array`, shape = (inputs, outputs)."""

from abc import abstractmethod
from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.random import Seed

Fans = tuple[float | Float[Array, ""], float | Float[Array, ""]]


class Initializer(Block):
    """Draws a layer's initial weights.

    Facts: `breaks_symmetry`, whether the units of a layer start unequal; where they don't, they get equal gradients
    and stay equal for ever, so that such weights are refused in a layer followed by another. `by_place`, whether a
    weight depends only on the key, the fans and its own place, so that a wide layer begins with a narrow one's.
    `moments` says mean and variance.
    """

    family: ClassVar[str] = "initializer"
    breaks_symmetry: ClassVar[bool] = True
    by_place: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        """The weights. `fans` = (inputs, outputs) where they are not those of the shape, as in a padded lane."""

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any] | None:
        """(mean, variance) of each weight of a layer with so many inputs and outputs; None: not declared."""
        return None


def fans_of(shape: tuple[int, ...], fans: Fans | None) -> Fans:
    """(inputs, outputs) of a weight array; the last two axes, or the given ones."""
    return fans if fans is not None else (float(shape[-2]), float(shape[-1]))
