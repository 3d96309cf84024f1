"""The base class of initializers: `(key, shape) -> array`, shape = (inputs, outputs)."""

from abc import abstractmethod
from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.random import Seed

Fans = tuple[float | Float[Array, ""], float | Float[Array, ""]]


class Initializer(Block):
    """Draws a layer's initial weights.

    Facts: `breaks_symmetry`, whether the units of a layer start unequal; equal units get equal gradients and stay equal
    for ever, so such weights are refused in a layer followed by another. `by_place`, whether a weight depends only on
    the key, the fans and its own index, so that a wide layer begins with a narrower layer's weights. `moments` gives the
    mean and the variance.
    """

    family: ClassVar[str] = "initializer"
    breaks_symmetry: ClassVar[bool] = True
    by_place: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        """The weights. `fans` = (inputs, outputs) overrides those of the shape, for example in a padded lane."""

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any] | None:
        """(mean, variance) of each weight for these numbers of inputs and outputs; None if not declared."""
        return None


def fans_of(shape: tuple[int, ...], fans: Fans | None) -> Fans:
    """(inputs, outputs) of a weight array: `fans` if given, otherwise its last two axes."""
    return fans if fans is not None else (float(shape[-2]), float(shape[-1]))
