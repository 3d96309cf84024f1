"""How a run records probes: which can be recorded together, what they gather, and their values at the end of an epoch."""

from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Placeholder, walk
from fallline.core.errors import FalllineError
from fallline.core.tree import Tree
from fallline.probes.base import Probe
from fallline.probes.context import Context, Params, StepFacts

SCORES = ("train_loss", "valid_loss", "valid_metric", "monitor", "outcome")  # every epoch has these without a probe


def reserved(name: str) -> bool:
    """Whether a name is the name of a score, or begins like one."""
    return name in (*SCORES, "epoch") or name.startswith(("train_", "valid_", "test_"))


def distinct(probes: Iterable[Probe], built_in: tuple[Probe, ...]) -> tuple[Probe, ...]:
    """Probes that can be recorded together.

    Raises: FalllineError for objects that are not probes, and for names that are missing, taken or not valid for a column.
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


def first_gathered(probe: Probe, params: Params) -> Any:
    """A probe's gathered values before an epoch's first step, as arrays."""
    return jax.tree.map(jnp.asarray, probe.begin(params))


def gather(probe: Probe, before: Tree, step: StepFacts) -> Any:
    """A probe's gathered values after one more step.

    Raises: FalllineError where `after_step` returns arrays of another structure or shape than `begin`.
    """
    after = probe.after_step(before, step)
    if jax.tree.structure(after) != jax.tree.structure(before) or _shapes(after) != _shapes(before):
        raise FalllineError(
            f"probe {probe.name!r}: after_step returns {_shapes(after)}, but begin has made {_shapes(before)}; both must "
            "be the same tree of arrays of the same shapes"
        )
    return jax.tree.map(lambda a, b: jnp.asarray(a, b.dtype), after, before)


def computed(probe: Probe, context: Context, size: tuple[int, ...]) -> Float[Array, "..."]:
    """A probe's value for an epoch.

    Raises: FalllineError where the shape of the value does not match the probe's axis.
    """
    value = jnp.asarray(probe.compute(context), jnp.float32)
    if value.shape != size:
        raise FalllineError(
            f"probe {probe.name!r} computes an array of shape {value.shape}; of the axis {probe.axis!r} its shape is {size}"
        )
    return value


def _shapes(tree: Tree) -> list[tuple[int, ...]]:
    return [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]
