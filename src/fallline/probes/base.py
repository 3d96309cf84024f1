"""What every probe is: one thing to see of every epoch, with the facts by which it is named, drawn and unpadded."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.probes.context import Context, Padding, Params, Step

Axis = Literal["run", "layer", "activation"]
Scale = Literal["linear", "log", "share"]


class Probe(Block):
    """One value of every epoch for the run, for each of its layers or for each of its activations.

    `after_step` gathers over the epoch's steps whatever `compute` needs at its end; a probe that needs nothing of the
    steps leaves both `begin` and `after_step` out. The run computes nothing for a probe that is not recorded.

    Facts: `axis`, what the value is for (a layer is one with params); `title` and `help`, of its figure and how to read
    it; `scale`, of the figure's vertical axis; `reference`, a usual value and its name, drawn as a line; `drawn`, whether
    it has a figure of its own.
    """

    family: ClassVar[str] = "probe"
    axis: ClassVar[Axis] = "run"
    title: ClassVar[str] = ""
    help: ClassVar[str] = ""
    scale: ClassVar[Scale] = "linear"
    reference: ClassVar[tuple[float, str] | None] = None
    drawn: ClassVar[bool] = True

    def begin(self, params: Params) -> Any:
        """What is gathered before an epoch's first step: a tree of arrays, whose shapes stay."""
        return None

    def after_step(self, gathered: Any, step: Step) -> Any:
        """What is gathered after one more step."""
        return gathered

    @abstractmethod
    def compute(self, context: Context) -> Float[Array, "..."]:
        """The epoch's value: a number, or one per layer or activation. It must be finite on an ordinary run."""

    def unpad(self, value: Float[np.ndarray, "epochs ..."], padding: Padding) -> Float[np.ndarray, "epochs ..."]:
        """The value without the units that only pad a population's lane; they and their weights are 0.

        Unless a probe says otherwise, one of activations is a mean over units to which a padded unit adds 0, and any other
        does not notice the padding.
        """
        return value * _factor(padding) if self.axis == "activation" else value

    def column(self, metric: str) -> str:
        """The column's name in the history (after a layer's name and a dot); `metric` is the task's first."""
        return self.name

    def size(self, layers: int, activations: int) -> tuple[int, ...]:
        """The shape of an epoch's value."""
        return {"run": (), "layer": (layers,), "activation": (activations,)}[self.axis]


def _factor(padding: Padding) -> Float[np.ndarray, " activations"]:
    return padding.wide_units.astype(np.float32) / padding.units.astype(np.float32)
