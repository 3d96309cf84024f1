"""Where lanes are: spread over all devices, gathered on the host, and spread again."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.core.tree import Tree
from fallline.population.lanes import Lanes

LANES, COMMON = PartitionSpec("lanes"), PartitionSpec()


def mesh() -> Mesh:
    """All devices, as one mesh axis of lanes."""
    return Mesh(np.array(jax.devices()), ("lanes",))


def place_lanes(tree: Tree) -> Any:
    """Put arrays with a lane axis on their devices; keys travel via the host, since moving them would need a program."""
    words = jax.tree.map(lambda leaf: np.asarray(jax.random.key_data(leaf)) if _is_key(leaf) else leaf, tree)
    placed = jax.device_put(words, NamedSharding(mesh(), LANES))
    return jax.tree.map(lambda leaf, there: jax.random.wrap_key_data(there) if _is_key(leaf) else there, tree, placed)


def place_common(tree: Tree) -> Any:
    """Put arrays that all lanes share on every device."""
    return jax.device_put(tree, NamedSharding(mesh(), COMMON))


def stack_keys(keys: Sequence[Seed]) -> Seed:
    """Stack keys, one per lane, on the default device."""
    return jax.random.wrap_key_data(jax.device_put(np.stack([np.asarray(jax.random.key_data(key)) for key in keys])))


def pick_lanes(many: Sequence[Lanes], indices: np.ndarray, standing: np.ndarray) -> Lanes:
    """The lanes at some slots of one program, or of several concatenated; lanes in `standing` are marked as ended."""

    def take(*trees: Tree) -> Any:
        return jax.tree.map(lambda *leaves: _take(leaves, indices), *trees)

    state = take(*(lanes.state for lanes in many))
    outcome = np.where(standing, Outcome.FINISHED, state.outcome).astype(np.int32)
    state = dataclasses.replace(state, outcome=outcome)
    first = many[0]
    return Lanes(
        place_lanes(take(*(lanes.own for lanes in many))),
        first.common_leaves,
        first.arrays,
        place_lanes(take(*(lanes.rows for lanes in many))),
        place_lanes(state),
        first.shared,
    )


def _take(leaves: Sequence[Any], indices: np.ndarray) -> Any:
    """Some lanes of an array, gathered on the host; on the device this would need one more program per shape."""
    if _is_key(leaves[0]):
        data = np.concatenate([np.asarray(jax.random.key_data(leaf)) for leaf in leaves])
        return jax.random.wrap_key_data(jax.device_put(data[indices]))
    return np.concatenate([np.asarray(leaf) for leaf in leaves])[indices]


def _is_key(leaf: jax.Array) -> bool:
    found: bool = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return found
