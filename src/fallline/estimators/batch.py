"""Builds the arrays of a run from an estimator's rows, padded to a few sizes so that fits share programs."""

import jax
import numpy as np

from fallline.data.dataset import Dataset
from fallline.data.schema import Schema
from fallline.data.table import Table
from fallline.estimators.rows import Rows
from fallline.training.arrays import Arrays

LARGE = 16_384  # number of rows above which compiling a separate program pays off


def padded(rows: int) -> int:
    """The size to which rows are padded: 256, then four sizes per octave; no padding from 16,384 rows on.

    >>> [padded(rows) for rows in (1, 200, 257, 1437, 50_000)]
    [256, 256, 320, 1536, 50000]
    """
    if rows >= LARGE:
        return rows
    step = max(64, (1 << (rows - 1).bit_length()) // 8)
    return max(256, -(-rows // step) * step)


def arrays_of(rows: Rows, *, task: str, n_classes: int) -> Arrays:
    """Puts rows on the device, with the index sets of training and validation."""
    size = padded(len(rows.x))
    weight = None if rows.weight is None else _put(_fill(rows.weight.astype(np.float32), size))
    return Arrays(
        x=_put(_fill(rows.x, size)),
        y=_put(_fill(rows.target, size)),
        weight=weight,
        train=_put(_indices(rows.train)),
        train_count=_put(np.asarray(len(rows.train), np.int32)),
        valid=_put(_indices(rows.valid)),
        valid_count=_put(np.asarray(len(rows.valid), np.int32)),
        columns=_put(np.ones(rows.x.shape[1], bool)),
        task=task,
        n_classes=n_classes,
        ragged=weight is not None,
        counted=True,
    )


def table_of(schema: Schema, rows: Rows, n_classes: int) -> Table:
    """Rows as the table that a population takes."""
    train, valid, none = (np.asarray(each, np.int32) for each in (rows.train, rows.valid, ()))
    weight = None if rows.weight is None else rows.weight.astype(np.float32)
    scaled = np.ones(rows.x.shape[1], bool)
    task = schema.target.task
    return Table("rows", schema, Dataset(rows.x, rows.target, weight, train, valid, none, scaled, task, n_classes))


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
