"""What every probe is: one thing to see of every epoch, with the facts by which it is named, drawn and unpadded."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Block, Placeholder, walk
from fallline.core.errors import FalllineError
from fallline.probes.context import Context, Padding, Params, Step

SCORES = ("train_loss", "valid_loss", "valid_metric", "monitor", "outcome")  # every epoch has these without a probe
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


def first_gathered(probe: Probe, params: Params) -> Any:
    """What a probe has gathered before an epoch's first step, as arrays."""
    return jax.tree.map(jnp.asarray, probe.begin(params))


def gather(probe: Probe, before: Any, step: Step) -> Any:
    """What a probe has gathered after one more step.

    Raises: FalllineError where `after_step` returns other arrays than `begin` has made room for.
    """
    after = probe.after_step(before, step)
    if jax.tree.structure(after) != jax.tree.structure(before) or _shapes(after) != _shapes(before):
        raise FalllineError(
            f"probe {probe.name!r}: after_step returns {_shapes(after)}, but begin has made {_shapes(before)}; both must "
            "be the same tree of arrays of the same shapes"
        )
    return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), after, before)


def computed(probe: Probe, context: Context, size: tuple[int, ...]) -> Float[Array, "..."]:
    """A probe's value of an epoch.

    Raises: FalllineError where its shape is not that of the probe's axis.
    """
    value = jnp.asarray(probe.compute(context), jnp.float32)
    if value.shape != size:
        raise FalllineError(
            f"probe {probe.name!r} computes an array of shape {value.shape}; of the axis {probe.axis!r} its shape is {size}"
        )
    return value


def _shapes(tree: Any) -> list[tuple[int, ...]]:
    return [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]


def _factor(padding: Padding) -> Float[np.ndarray, " activations"]:
    return padding.wide_units.astype(np.float32) / padding.units.astype(np.float32)


def reserved(name: str) -> bool:
    """Whether a name is that of a score, or begins like one."""
    return name in (*SCORES, "epoch") or name.startswith(("train_", "valid_", "test_"))


def distinct(probes: Iterable[Probe], built_in: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """Probes that can be recorded together.

    Raises: FalllineError for what is not a probe, and for names that are missing, taken or no column's.
    """
    if isinstance(probes, Probe | type | str) or not isinstance(probes, Iterable):
        raise FalllineError(
            f"probes = {probes!r} is not a tuple of probes: write probes=(*fallline.probes.RECORDED, ...)"
        )
    known = {each.name: type(each) for each in built_in}
    found: dict[str, Probe] = {}
    for each in probes:
        if not isinstance(each, Probe):
            hint = f"write {each.__name__}(), with parentheses" if isinstance(each, type) else "expected a block"
            raise FalllineError(f"{each!r} is not a probe: {hint}")
        name, owner = each.name, type(each).__name__
        if not name.isidentifier():
            raise FalllineError(f"{owner} cannot be recorded: its name {name!r} is no name of a column, such as 'dead'")
        if (reserved(name) and name not in known) or not issubclass(type(each), known.get(name, Probe)):
            raise FalllineError(f"{owner} cannot be recorded: the name {name!r} is taken; give the probe another")
        if any(isinstance(value, Placeholder) for _, _, value in walk(each)):
            raise FalllineError(
                f"{owner} cannot be recorded: a probe's numbers are plain, no schedules or distributions"
            )
        if name in found:
            raise FalllineError(f"two probes have the name {name!r}: record one of them, or give one another name")
        found[name] = each
    return tuple(found.values())
