"""Arrays of a run from an estimator's rows, padded to few sizes so that fits share programs."""

import jax
import jax.numpy as jnp
import numpy as np

from fallline.training.arrays import Arrays

LARGE = 16_384  # rows from which a program of its own is worth its compilation


def padded(rows: int) -> int:
    """The size that some rows are padded to: powers of two up to 256, then four sizes an octave, none from 16,384 on.

    >>> [padded(rows) for rows in (1, 17, 200, 257, 1437, 50_000)]
    [16, 32, 256, 320, 1536, 50000]
    """
    if rows >= LARGE:
        return rows
    octave = 1 << max(4, (rows - 1).bit_length())
    if octave <= 256:
        return octave
    step = octave // 8
    return -(-rows // step) * step


def arrays_of(
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None,
    train: np.ndarray,
    valid: np.ndarray,
    *,
    task: str,
    n_classes: int,
) -> Arrays:
    """Rows on the device, with the index sets of training and validation."""
    size = padded(len(x))
    weight = None if weight is None else _fill(weight.astype(np.float32), size)
    return Arrays(
        x=_put(_fill(x, size)),
        y=_put(_fill(y, size)),
        weight=None if weight is None else _put(weight),
        train=_put(_indices(train)),
        train_count=jnp.int32(len(train)),
        valid=_put(_indices(valid)),
        valid_count=jnp.int32(len(valid)),
        columns=jnp.ones(x.shape[1], bool),
        task=task,
        n_classes=n_classes,
        ragged=weight is not None,
        counted=True,
    )


def _indices(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.int32)
    return np.pad(rows, (0, padded(len(rows)) - len(rows)), mode="edge") if len(rows) else rows


def _fill(array: np.ndarray, size: int) -> np.ndarray:
    if len(array) == size:
        return array
    full = np.zeros((size, *array.shape[1:]), array.dtype)
    full[: len(array)] = array
    return full


def _put(array: np.ndarray) -> jax.Array:
    return jax.device_put(array, may_alias=True)
