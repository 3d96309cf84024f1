"""The contract of programs: what NumPy computes for a block can be written down, and the program repeats it.

A block of the user's own may do what no program can repeat: predictions then need the block itself.
"""

from typing import Any

import numpy as np

from fallline.core.block import Block
from fallline.core.tensor_files import nest
from fallline.core.tensors import flatten
from fallline.serving.recorded import NotRecordableError
from fallline.serving.recording import record
from fallline.testing.base import demand, of
from fallline.testing.compare import close
from fallline.testing.namespaces import CALLS
from fallline.training.host import has_own


@of("activation", "layer", "scaler", "encoding", "loss")
def recorded(block: Block) -> None:
    """A recorded program gives the block's own answers, for any number of rows."""
    # Embeddings take two tables of rows; whole networks with them are compared in tests/serving.
    for f, (*values, rows) in list(CALLS[block.family](block))[: 1 if block.family == "encoding" else None]:
        x = np.atleast_2d(np.asarray(rows)).astype(np.float64)
        arrays = {str(index): wide(each) for index, each in enumerate(values)}
        paths = {name: np.asarray(each) for name, each in flatten(arrays).items()}

        def called(own: dict[str, Any], x: Any, f: Any = f, given: Any = arrays) -> Any:
            return f(*[{} if each == {} else own[name] for name, each in given.items()], x)

        try:
            program, more = record(called, paths, nest, x.shape[1])
        except NotRecordableError as error:
            demand(has_own(block), f"no program can repeat it: {error}")
            continue
        with np.errstate(all="ignore"):
            expected = called(arrays, x)
        close(program.run({**paths, **more}, x), expected, "by its program", rtol=1e-12, atol=0.0)


def wide(tree: object) -> Any:
    """A tree of dicts with its floats in float64."""
    if isinstance(tree, dict):
        return {name: wide(each) for name, each in tree.items()}
    array = np.asarray(tree)
    return array.astype(np.float64) if array.dtype.kind == "f" else array
