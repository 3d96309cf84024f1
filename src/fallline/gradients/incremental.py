"""A function at points that differ in one number: only the values that depend on it are evaluated again.

    y = x W + b:            W_ij + h changes column j of y, by h x_i
    z = y V:                a changed column j of y changes z by (y_j' - y_j) V_j
    everything before:      is evaluated once

The results are values of the function at the shifted points, up to rounding. No derivative is taken, so the check does
not depend on any differentiation rule.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, Int

from fallline.core.operations import Operations, bytes_of, operations_of
from fallline.core.tree import Tree
from fallline.gradients.change import Change, taken
from fallline.gradients.rules import changed

WORK = 10**9  # operations of a check from which a compiled program pays off: a tenth of a second,
ONCE = 3 * 10**9  # and operations per array from which compiling pays off too, which takes a third of a second
BYTES = 1 << 23  # most bytes of changed values in the lanes side by side
LANES = 128
ROOM = (64, 4096)  # fewest and most shifts that a device evaluates in a call

Parts = list[Array]


def evaluate(of: Callable[[Parts], Array], parts: Parts, which: int, counts: Array, at: Tree, h: Array) -> Array:
    """f with one number of an array changed, for every shift; the shifts are spread over the devices.

    Arguments:
        of: f as a function of a list of arrays.
        parts: the arrays.
        which: index of the changed array.
        counts: number of shifts on each device.
        at: the index of each shift, by axis of the array; device after device.
        h: the shifts, in the same order.
    """

    def on_a_device(parts: Parts, counts: Array, at: Tree, h: Array) -> Array:
        program = operations_of(jax.make_jaxpr(of)(parts))
        values = program.values(parts)
        one = jax.make_jaxpr(lambda at, h: after(program, values, which, at, h))(
            *jax.tree.map(lambda a: a[:1], (at, h))
        )
        together = min(BYTES // max(bytes_of(one.jaxpr), 1), LANES, max(len(h) // 8, 16))
        lanes = 1 << max(together, 1).bit_length() - 1

        def chunk(k: Array, found: Array) -> Array:
            index, step = jax.tree.map(lambda column: lax.dynamic_slice_in_dim(column, k * lanes, lanes), (at, h))
            return lax.dynamic_update_slice_in_dim(found, after(program, values, which, index, step), k * lanes, 0)

        return lax.fori_loop(0, (counts[0] + lanes - 1) // lanes, chunk, jnp.zeros_like(h))

    alike, apart = PartitionSpec(), PartitionSpec("devices")
    specs = (alike, apart, apart, apart)
    spread = jax.shard_map(on_a_device, mesh=_mesh(), in_specs=specs, out_specs=apart, check_vma=False)
    return spread(parts, counts, at, h)


def after(program: Operations, values: dict[int, Any], which: int, at: tuple[Array, ...], h: Array) -> Array:
    """f with one number of an array shifted, one shift per lane."""
    slot = program.inputs[which]
    index = dict(enumerate(at))
    changes = {slot: Change(index, taken(values[slot], index) + h)}
    for step in program.steps:
        mine = [changes.get(slot) for slot in step.inputs]
        if any(c is not None for c in mine):
            operands, results = ([values[slot] for slot in slots] for slots in (step.inputs, step.outputs))
            found = changed(step, operands, mine, results)
            changes.update((slot, c) for slot, c in zip(step.outputs, found, strict=True) if c is not None)
    (output,) = program.outputs
    return changes[output].new if output in changes else jnp.broadcast_to(values[output], h.shape)


def dealt(
    program: Callable[..., Array],
    shape: tuple[int, ...],
    indices: Int[np.ndarray, " shifts"],
    steps: np.ndarray,
    count: Callable[[int], None] = lambda done: None,
) -> Float[np.ndarray, " shifts"]:
    """Evaluate any number of shifts within an array, distributed over the devices in calls of one size.

    Arguments:
        program: function of (counts, at, h), as in `evaluate`.
        shape: shape of the array.
        indices: flat indices of its numbers, in row-major order.
        steps: h.
        count: callback for the number of newly finished shifts.
    """
    devices = _mesh().size
    room = min(max(1 << (2 * math.prod(shape) // devices - 1).bit_length(), ROOM[0]), ROOM[1])
    found = []
    for begin in range(0, len(indices), devices * room):
        index, step = (column[begin : begin + devices * room] for column in (indices, steps))
        each = -(-len(index) // devices)
        cuts = [slice(k * each, min((k + 1) * each, len(index))) for k in range(devices)]
        counts = np.array([max(cut.stop - cut.start, 0) for cut in cuts], np.int32)
        columns = np.zeros((devices, room), np.int64), np.zeros((devices, room))
        for k, cut in enumerate(cuts):
            columns[0][k, : counts[k]], columns[1][k, : counts[k]] = index[cut], step[cut]
        at = tuple(axis.astype(np.uint32) for axis in np.unravel_index(columns[0].reshape(-1), shape)) if shape else ()
        values = np.asarray(program(counts, at, columns[1].reshape(-1))).reshape(devices, room)
        found += [values[k, : counts[k]] for k in range(devices)]
        count(len(index))
    return np.concatenate(found)


@functools.cache
def _mesh() -> Mesh:
    return Mesh(np.array(jax.devices()), ("devices",))
