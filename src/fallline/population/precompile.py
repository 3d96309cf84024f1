"""Precompilation: the program that trains lanes is compiled while the one that begins them is still compiling."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import jax
import numpy as np

from fallline.core.garbage import collector_rests
from fallline.population.devices import place_common, place_lanes
from fallline.population.lanes import Layout
from fallline.population.programs import Beginning, Programs


@contextmanager
def precompiling(programs: Programs, layout: Layout, beginning: Beginning) -> Iterator[None]:
    """While lanes begin from these arguments, call `advance` on dummy lanes of the same shapes for zero epochs.

    The two programs compile on two cores, and one is traced while the other compiles; a search began its first epoch 0.3 s
    earlier. Nothing is done for a program that was compiled before.
    """
    leaves, structure = jax.tree.flatten(tuple(beginning))
    if not programs.is_new((layout, structure, *((leaf.shape, leaf.dtype) for leaf in leaves))):
        yield
        return
    if programs.of(layout).start.has(*beginning):
        yield  # a program that is kept on disk is seldom alone there
        return
    with collector_rests():
        # This trace is cached and serves the real lanes as well.
        shapes = programs.of(layout).start.eval_shape(*beginning)
        thread = threading.Thread(target=_advance_nothing, args=(programs, layout, beginning, shapes), daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()


def _advance_nothing(programs: Programs, layout: Layout, beginning: Beginning, shapes: Any) -> None:
    with suppress(Exception):  # the real lanes will raise the same error in the main thread
        state, shared = jax.tree.map(_zeros, shapes)
        own, common, arrays, rows, *_ = beginning
        programs.of(layout).advance(own, common, arrays, rows, place_lanes(state), place_common(shared), np.int32(0))


def _zeros(leaf: jax.ShapeDtypeStruct) -> Any:
    if not jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return np.zeros(leaf.shape, leaf.dtype)
    return jax.random.wrap_key_data(jax.device_put(np.zeros((*leaf.shape, 2), np.uint32)))
