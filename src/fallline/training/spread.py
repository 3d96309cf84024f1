"""How the rows of a minibatch are spread over devices: each computes a share of them, and holds everything else whole.

The program stays the one of a single device. It is told where the rows are, and XLA adds the sums over all devices wherever
a mean over the rows is taken: in the loss and its gradient, in batch normalisation, and in the scores.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from fallline.core.tree import Tree

AXIS = "rows"


@dataclasses.dataclass(frozen=True)
class Spread:
    """The devices that share the rows of every minibatch.

    Arguments:
        mesh: the devices, along one axis named `rows`.
    """

    mesh: Mesh

    @property
    def size(self) -> int:
        """Number of devices."""
        return int(self.mesh.devices.size)

    @property
    def whole(self) -> NamedSharding:
        """The placement of an array that every device holds whole."""
        return NamedSharding(self.mesh, PartitionSpec())

    def padded(self, rows: int) -> int:
        """The least multiple of the number of devices that is not below a number of rows."""
        return -(-rows // self.size) * self.size

    def minibatch(self, rows: Array, weight: Array) -> tuple[Array, Array]:
        """A minibatch whose rows are shared out, filled with rows of weight 0 to a multiple of the number of devices."""
        size = self.padded(rows.shape[0])
        return self.shared(rows, size), self.shared(weight, size)

    def over(self, function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        """The same function of some rows, of which each device computes a share; every device then holds all its results."""

        def spread(rows: Array) -> Array:
            count = rows.shape[0]
            found = function(self.shared(rows, self.padded(count)))
            return jax.lax.with_sharding_constraint(found, self.whole)[:count]

        return spread

    @property
    def here(self) -> list[int]:
        """The numbers of the devices that this process has."""
        return [at for at, each in enumerate(self.mesh.devices.flat) if each.process_index == jax.process_index()]

    def put(self, tree: Tree) -> Any:
        """A tree of arrays, each of them whole on every device; called by all processes with equal trees."""

        def put(leaf: Any) -> Array:
            leaf = np.asarray(leaf)
            return self._placed(leaf.shape, self.whole, [leaf] * len(self.here))

        return jax.tree.map(put, tree)

    def cut(self, parts: list[np.ndarray]) -> Array:
        """One array of which each device holds a part along its second axis; given those of the devices in `here`."""
        first, share, *others = parts[0].shape
        sharding = NamedSharding(self.mesh, PartitionSpec(None, AXIS))
        return self._placed((first, share * self.size, *others), sharding, parts)

    def _placed(self, shape: tuple[int, ...], sharding: NamedSharding, parts: list[np.ndarray]) -> Array:
        devices = [self.mesh.devices.flat[at] for at in self.here]
        held = [jax.device_put(part, each, may_alias=True) for part, each in zip(parts, devices, strict=True)]
        return jax.make_array_from_single_device_arrays(shape, sharding, held)

    def shared(self, array: Array, to: int) -> Array:
        """An array filled to a number of rows and shared out. It is first made whole, so that nothing is exchanged for it."""
        filled = jax.lax.with_sharding_constraint(jnp.pad(array, (0, to - array.shape[0])), self.whole)
        return jax.lax.with_sharding_constraint(filled, NamedSharding(self.mesh, PartitionSpec(AXIS)))


def spread_over(devices: list[Any]) -> Spread:
    """Rows shared by these devices.

    >>> spread_over(jax.devices()[:1]).padded(5)
    5
    """
    return Spread(Mesh(np.array(devices), (AXIS,)))
