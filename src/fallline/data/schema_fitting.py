"""The encoding of a table or an array, learnt from its training rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fallline.data.arrays import blocks, check_matrix
from fallline.data.columns import Column
from fallline.data.fitting import fit_column
from fallline.data.form import Form
from fallline.data.target import Target
from fallline.data.units import SAMPLE, Unit, unit_of

if TYPE_CHECKING:
    import polars as pl
from fallline.data.schema import Schema

_CELLS = 2_000_000  # cells of a wide array that are examined to find its columns' units


def fit_schema(
    frame: pl.DataFrame,
    kinds: dict[str, str],
    target: Target,
    forms: dict[str, Form] | None = None,
    rows: np.ndarray | None = None,
) -> Schema:
    """Learns the encoding of a table from its training rows.

    Args:
        frame: the table.
        kinds: column name to "number", "category", "boolean", "date", "text" or "presence"; other columns are left out.
        target: the target.
        forms: column name to how the column is written, where its type does not say it all.
        rows: the indices of the training rows; all rows by default. One column at a time is gathered.
    """
    import polars as pl

    forms = forms or {}
    chosen = slice(None) if rows is None else pl.Series(rows, dtype=pl.UInt32)
    columns = (fit_column(frame[name][chosen], kind, forms.get(name)) for name, kind in kinds.items())
    return Schema(tuple(columns), target)


def array_schema(
    x: np.ndarray, names: tuple[str, ...], target: Target, rows: np.ndarray, missing: str = "error"
) -> Schema:
    """Learns the encoding of an array, in which every column is a number.

    Args:
        x: (all rows, features).
        names: one name per feature.
        target: the target.
        rows: the indices of the training rows.
        missing: "impute" to accept NaN and add an indicator to columns that have it; "error" to refuse NaN.
    """
    check_matrix(x, "X")
    width = x.shape[1]
    lacking = np.zeros(width, bool)
    if missing == "impute" and x.dtype.kind == "f":
        for part in blocks(x):
            lacking |= np.isnan(x[part]).any(axis=0)
    columns = (
        Column(name, "number", indicator=bool(gone), **unit._asdict())
        for name, gone, unit in zip(names, lacking, _units(x, rows), strict=True)
    )
    return Schema(tuple(columns), target, missing)


def _units(x: np.ndarray, rows: np.ndarray) -> list[Unit]:
    """The unit of every column of an array: its extremes are taken over `rows`, the rest is learnt from a sample."""
    width = x.shape[1]
    if x.dtype.itemsize <= 2:  # float32 holds these numbers and their squares
        return [Unit()] * width
    most = max(1_000, min(SAMPLE, _CELLS // width))
    sample = x[rows[:: max(1, len(rows) // most)]].astype(np.float64)
    ends = _ends(x, rows)
    rounding = float(8 * np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0
    return [
        unit_of(column, ends=(low, high) if np.isfinite(high - low) else None, rounding=rounding)
        for column, low, high in zip(sample.T, *ends.tolist(), strict=True)
    ]


def _ends(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The smallest and the largest number of every column, (2, columns) float64, ignoring NaN."""
    step = max(1, _CELLS // x.shape[1])
    low, high = np.full(x.shape[1], np.inf), np.full(x.shape[1], -np.inf)
    for start in range(0, len(rows), step):
        part = x[rows[start : start + step]]
        low = np.fmin(low, np.fmin.reduce(part, axis=0))
        high = np.fmax(high, np.fmax.reduce(part, axis=0))
    return np.stack([low, high])
