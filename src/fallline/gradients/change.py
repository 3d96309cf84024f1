"""The part of an array that changes with one number of the parameters: an element, a column, or the whole array."""

import dataclasses

import jax.numpy as jnp
from jaxtyping import Array


@dataclasses.dataclass(frozen=True)
class Change:
    """An array with new values where some axes have a given index; many such changes side by side, in lanes.

    A change of one number gives the index of every axis, a change of a matrix column only that of axis 1, and a change
    of the whole array none.

    Arguments:
        at: the index of each lane, by axis.
        new: the new values: the axes that are not in `at`, in order, then the lanes.
    """

    at: dict[int, Array]
    new: Array

    @property
    def rank(self) -> int:
        """Number of axes of the array."""
        found: int = len(self.at) + self.new.ndim - 1
        return found

    @property
    def rest(self) -> list[int]:
        """The axes along which all values change."""
        return [axis for axis in range(self.rank) if axis not in self.at]

    def old(self, base: Array) -> Array:
        """The original values in the changed places."""
        return taken(base, self.at)

    def keep(self, at: dict[int, Array], base: Array) -> "Change":
        """The same change with fewer indexed axes; along the other axes, `new` then includes unchanged values."""
        new = self.new
        left = dict(self.at)
        for axis in sorted(set(self.at) - set(at)):
            index = left.pop(axis)
            place = axis - sum(other < axis for other in left)
            shape = [1] * (new.ndim + 1)
            shape[place] = base.shape[axis]
            here = jnp.arange(base.shape[axis]).reshape(shape) == index
            new = jnp.where(here, jnp.expand_dims(new, place), taken(base, left))
        return Change(left, new)


def taken(base: Array, at: dict[int, Array]) -> Array:
    """The values at the indices of some axes: the other axes in order, then the lanes.

    The indices must be within the array and of an unsigned type, so bounds checks are skipped.
    """
    if not at:
        return base[..., None]
    axes = sorted(at)
    moved = jnp.moveaxis(base, axes, range(-len(axes), 0))
    return moved.at[(..., *(at[axis] for axis in axes))].get(mode="promise_in_bounds")


def same(one: dict[int, Array], other: dict[int, Array]) -> dict[int, Array]:
    """The indices that two changes have in common."""
    return {axis: index for axis, index in one.items() if other.get(axis) is index}


def common(changes: list[Change]) -> dict[int, Array]:
    """The indices that all changes have in common."""
    at = changes[0].at
    for each in changes[1:]:
        at = same(at, each.at)
    return at
