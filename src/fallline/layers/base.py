"""The base class of layers: `init(key, shape) -> params, stats`, `apply(params, stats, x, call) -> y, stats`."""

import dataclasses
from abc import abstractmethod
from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.random import Seed
from fallline.initializers import Fans

Params = dict[str, Any]
Stats = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class LayerCall:
    """How a network is called.

    Arguments:
        training: whether it is called to train it, and not to predict with it.
        key: random key of this call; None where nothing is drawn.
        weight: weight of each row; 0 for rows that only pad the last minibatch. None: all rows count alike.

    >>> LayerCall(training=False)
    LayerCall(training=False, key=None, weight=None)
    """

    training: bool
    key: Seed | None = None
    weight: Float[Array, " batch"] | None = None


class Layer(Block):
    """One step of a network. Trainable arrays are `params`, running statistics are `stats`; both are dicts.

    Fact: `has_units`, whether the layer has units of its own, each with incoming weights, and as many as its field `width`
    says, times its `members` if it has some. Lanes of a population may differ in their number, and each takes memory for
    every row of a minibatch.
    """

    family: ClassVar[str] = "layer"
    random: ClassVar[bool] = False  # whether it draws random numbers while training
    has_units: ClassVar[bool] = False
    elementwise: ClassVar[bool] = False  # whether it may stand where an activation stands

    @property
    def min_batch(self) -> int:
        """Smallest minibatch on which the layer can be trained."""
        return 1

    def outputs(self, inputs: int) -> int:
        """Width of the layer's output, given the width of its input."""
        return inputs

    def size(self, inputs: int) -> int:
        """Number of trainable parameters."""
        params, _ = jax.eval_shape(lambda key: self.init(key, (inputs,)), jax.random.key(0))
        return sum(leaf.size for leaf in jax.tree.leaves(params))

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        """Initial params and stats for inputs of this shape (without the batch axis)."""
        return {}, {}

    @abstractmethod
    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        """The output and the new stats."""


def is_random(step: object) -> bool:
    """Whether a step of a network is a layer that draws random numbers while training."""
    return isinstance(step, Layer) and step.random


def check_count(owner: str, name: str, value: object, what: str, least: int = 1) -> None:
    """Raise a FalllineError for a structural field that is not a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise FalllineError(f"{owner}.{name} = {value!r} is not a number of {what}: expected {least} or more")
