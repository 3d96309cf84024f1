"""The contract of forward functions: what NumPy computes is what JAX computes, to rounding.

A block that only JAX can run meets it, too: predictions then come from JAX (`fallline.training.host`).
"""

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from fallline.activations import Activation
from fallline.core.block import Block
from fallline.core.tree import Tree
from fallline.encodings import Encoding
from fallline.layers import Layer, LayerCall
from fallline.losses import Loss
from fallline.scalers import Scaler
from fallline.testing import encodings, layers, losses, scalers
from fallline.testing.base import demand, of
from fallline.testing.compare import close, draw, quick
from fallline.training.host import has_own


def same_by_numpy(block: Block, f: Callable[..., Any], *values: Tree) -> None:
    """Raises: AssertionError if f of NumPy's arrays is not f of JAX's; a block of the user's own may need JAX's arrays."""
    host = jax.tree.map(_read_only, values)
    try:
        with np.errstate(all="ignore"):
            found = f(*host)
    except Exception:  # the function needs arrays of JAX
        if has_own(block):
            return
        raise
    if isinstance(found, jax.Array) and has_own(block):
        return
    demand(isinstance(found, np.ndarray), f"of NumPy's arrays it makes a {type(found).__name__}")
    close(found, jax.jit(f)(*values), "by NumPy, beside JAX", rtol=1e-4, atol=1e-5)


def _read_only(leaf: Any) -> np.ndarray:
    found = np.asarray(leaf).view()
    found.flags.writeable = False
    return found


Calls = Iterator[tuple[Callable[..., Any], tuple[Tree, ...]]]


@of("activation", "layer", "scaler", "encoding", "loss")
def by_numpy(block: Block) -> None:
    """The predictions that NumPy computes are those that JAX computes."""
    for f, values in CALLS[block.family](block):
        same_by_numpy(block, f, *values)


def _activation(f: Activation) -> Calls:
    yield lambda x: f(x), (np.concatenate([draw(3, 40) * 4, [-60.0, 0.0, 60.0]]).astype(np.float32),)


def _layer(layer: Layer) -> Calls:
    params, stats = layers.BEGUN(layer)
    yield lambda p, s, x: layer.apply(p, s, x, LayerCall(False))[0], (params, stats, layers.rows(1))


def _scaler(scaler: Scaler) -> Calls:
    """The rows that it scales, and those that it brings back."""
    x = scalers.table()
    stats = scalers.FIT(scaler, x, scalers.ONES)
    if scaler.fills:
        x[1, 2] = np.nan
    yield scaler.apply, (stats, x)
    if scaler.columnwise and scaler.invertible:
        yield scaler.invert, (stats, np.asarray(scalers.APPLY(scaler, stats, scalers.table(5))))


def _encoding(encoding: Encoding) -> Calls:
    """Its codes and its embeddings."""
    encoding, x = encodings.ready(encoding), encodings.table()
    stats = encodings.FIT(encoding, x, encodings.ONES, encodings.target())
    x[1, 2] = np.nan
    yield encoding.codes, (stats, x)
    codes = np.asarray(quick(lambda each, s, x: each.codes(s, x))(encoding, stats, x))
    yield encoding.embed, (encodings.moved(encoding), np.nan_to_num(x) / 10, codes)


def _loss(loss: Loss) -> Calls:
    """The answers that it makes of outputs."""
    for case in losses.cases(loss):
        if case.scaler is None:
            yield lambda z, case=case: losses.answer(loss, case, z), (case.z,)
        else:
            yield lambda s, z, case=case: case.scaler.invert(s, loss.mean(z)), (case.stats, case.z)


CALLS: dict[str, Callable[[Any], Calls]] = {
    "activation": _activation,
    "layer": _layer,
    "scaler": _scaler,
    "encoding": _encoding,
    "loss": _loss,
}
