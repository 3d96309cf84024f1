"""Time in a run, and the interface of values that change with it."""

from typing import Any, ClassVar, NamedTuple, Self

import jax
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Placeholder, replace, size_field
from fallline.core.errors import FalllineError
from fallline.core.field import Number
from fallline.core.tree import Tree


class Time(NamedTuple):
    """The position in a run. `step` counts updates from 0, `epoch` is fractional, `progress` goes from 0 to 1."""

    step: Float[Array, ""]
    epoch: Float[Array, ""]
    progress: Float[Array, ""]


class Schedule(Placeholder):
    """A value as a function of time; it can be used in any numeric field of any block."""

    family: ClassVar[str] = "schedule"

    @property
    def size(self) -> Any:
        """The value of the field that gives the schedule its size, such as the peak.

        Raises: FalllineError if none of its fields is declared with `size=True`.
        """
        return getattr(self, self._size_field())

    def sized(self, size: Number) -> Self:
        """The schedule at another size.

        Raises: FalllineError if none of its fields is declared with `size=True`.
        """
        return replace(self, {self._size_field(): size})

    def _size_field(self) -> str:
        name = size_field(type(self))
        if name is None:
            raise FalllineError(
                f"schedule {self.name!r} has no size to set: declare one of its numbers with size=True, or set its fields"
            )
        return name

    def __call__(self, time: Time) -> Float[Array, ""]:
        """The value at a time."""
        raise TypeError(f"{type(self).__name__} does not say its value at a time: define __call__(self, time)")


def reached_by(*fields: object) -> tuple[float, ...]:
    """The numbers among a schedule's fields and the values that nested schedules take; traced values are left out.

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
    """The tree with every schedule replaced by its value at a time."""

    def value(node: object) -> Any:
        if not isinstance(node, Schedule):
            return node
        # A schedule's own fields may hold schedules.
        return jax.tree.map(value, node, is_leaf=lambda part: part is not node and isinstance(part, Schedule))(time)

    return jax.tree.map(value, tree, is_leaf=lambda node: isinstance(node, Schedule))
