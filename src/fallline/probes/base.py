"""The base of all probes: one value per epoch, with the facts needed to name, draw and unpad it."""

from abc import abstractmethod
from typing import Any, ClassVar, Literal

import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.tree import Tree
from fallline.probes.context import Context, Padding, Params, StepFacts

Axis = Literal["run", "layer", "activation"]
Scale = Literal["linear", "log", "share"]


class Probe(Block):
    """One value per epoch for the run, for each of its layers or for each of its activations.

    `after_step` gathers over the epoch's steps what `compute` needs at the end of the epoch. A probe that needs no data from
    the steps implements neither `begin` nor `after_step`. The run computes nothing for a probe that is not recorded.

    Facts: `axis` says whether the value belongs to the run, to each layer with params or to each activation. `title` and
    `help` name the figure and explain how to read it, `scale` is the scale of its vertical axis, and `reference` is a usual
    value with its name, drawn as a line. `drawn` says whether the probe has a figure of its own.
    """

    family: ClassVar[str] = "probe"
    facts: ClassVar[tuple[str, ...]] = ("axis",)
    axis: ClassVar[Axis] = "run"
    title: ClassVar[str] = ""
    help: ClassVar[str] = ""
    scale: ClassVar[Scale] = "linear"
    reference: ClassVar[tuple[float, str] | None] = None
    drawn: ClassVar[bool] = True

    def begin(self, params: Params) -> Any:
        """The gathered values before an epoch's first step: a tree of arrays with fixed shapes."""
        return None

    def after_step(self, gathered: Tree, step: StepFacts) -> Any:
        """The gathered values after one more step."""
        return gathered

    @abstractmethod
    def compute(self, context: Context) -> Float[Array, "..."]:
        """The value of the epoch: one number, or one per layer or activation. It must be finite in an ordinary run."""

    def unpad(self, value: Float[np.ndarray, "epochs ..."], padding: Padding) -> Float[np.ndarray, "epochs ..."]:
        """The value without the units that only pad a lane of a population; these units and their weights are 0.

        By default, a value per activation is taken to be a mean over units to which padding units contribute 0, and any
        other value to be independent of padding.
        """
        return value * _factor(padding) if self.axis == "activation" else value

    def column(self, metric: str) -> str:
        """The column's name in the history (after a layer's name and a dot); `metric` is the task's first."""
        return self.name

    def size(self, layers: int, activations: int) -> tuple[int, ...]:
        """The shape of the value of one epoch."""
        return {"run": (), "layer": (layers,), "activation": (activations,)}[self.axis]


def _factor(padding: Padding) -> Float[np.ndarray, " activations"]:
    return padding.wide_units.astype(np.float32) / padding.units.astype(np.float32)
