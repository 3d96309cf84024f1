"""Time, and what a value that changes with it must be able to do."""

from typing import Any, ClassVar, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Placeholder
from fallline.core.tree import Tree


class Time(NamedTuple):
    """Where a run stands. `step` counts updates from 0, `epoch` is fractional, `progress` goes from 0 to 1."""

    step: Float[Array, ""]
    epoch: Float[Array, ""]
    progress: Float[Array, ""]


class Schedule(Placeholder):
    """A value as a function of time; stands in any numeric field of any block."""

    family: ClassVar[str] = "schedule"

    def __call__(self, time: Time) -> Float[Array, ""]:
        """The value at a time."""
        raise TypeError(f"{type(self).__name__} does not say its value at a time: define __call__(self, time)")


def reached_by(*fields: Any) -> tuple[float, ...]:
    """The numbers among a schedule's fields, and what the schedules among them come to; what is traced is not known.

    >>> reached_by(0.5, None)
    (0.5,)
    """
    found: list[float] = []
    for each in fields:
        if isinstance(each, Placeholder):
            found += each.reached()
        elif each is not None and not isinstance(each, jax.core.Tracer):
            found += np.asarray(each, np.float64).reshape(-1).tolist()
    return tuple(found)


def at_time(tree: Tree, time: Time) -> Any:
    """The same tree with every schedule replaced by its value at a time."""

    def value(node: object) -> Any:
        if not isinstance(node, Schedule):
            return node
        # A schedule may stand in a schedule's own fields.
        return jax.tree.map(value, node, is_leaf=lambda part: part is not node and isinstance(part, Schedule))(time)

    return jax.tree.map(value, tree, is_leaf=lambda node: isinstance(node, Schedule))
