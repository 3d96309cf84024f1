"""What a table holds, column by column: `table.describe()`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.data.dataset import Dataset
from fallline.data.read_back import Cells, cells_of, day
from fallline.data.schema import Schema

if TYPE_CHECKING:
    import polars as pl


def described(schema: Schema, data: Dataset) -> pl.DataFrame:
    """One row per target and column, over the rows of all splits: kind, missing cells, centre and spread, levels."""
    import polars as pl

    rows = [_target(schema, data, place, name) for place, name in enumerate(schema.target.names)]
    rows += [_column(each) for each in cells_of(schema, data.x)]
    kinds = {
        "column": pl.String, "kind": pl.String, "missing": pl.Float64, "values": pl.Int64, "mean": pl.Float64,
        "std": pl.Float64, "least": pl.String, "median": pl.String, "greatest": pl.String, "most_frequent": pl.String,
        "share": pl.Float64, "features": pl.Int64,
    }  # fmt: skip
    return pl.DataFrame([{**dict.fromkeys(kinds), **row} for row in rows], schema=kinds)


def _target(schema: Schema, data: Dataset, place: int, name: str) -> dict[str, Any]:
    target = schema.target
    if target.classes is not None:
        codes = data.y.astype(np.int64)
        return {"column": name, "kind": "target: classes", **_levels(codes, [str(each) for each in target.classes])}
    values = np.asarray(data.given, np.float64).reshape(len(data.x), -1)[:, place]
    kind = "target: label" if target.task == "multilabel" else "target: number"
    return {"column": name, "kind": kind, **_numbers(values, str)}


def _column(cells: Cells) -> dict[str, Any]:
    known = {
        "column": cells.name, "kind": cells.column.kind, "missing": float(cells.missing.mean()),
        "features": cells.stop - cells.start,
    }  # fmt: skip
    if cells.numbers is not None:
        date = cells.column.kind == "date"
        found = _numbers(cells.numbers[~cells.missing], day if date else str)
        return {**known, **found, **({"mean": None, "std": None} if date else {})}
    assert cells.codes is not None
    return {**known, **_levels(cells.codes[~cells.missing], list(cells.levels))}


def _numbers(values: np.ndarray, shown: Any) -> dict[str, Any]:
    if not len(values):
        return {"values": 0}
    low, middle, high = (float(each) for each in np.quantile(values, [0.0, 0.5, 1.0]))
    return {
        "values": len(np.unique(values)), "mean": float(values.mean()), "std": float(values.std()),
        "least": shown(_short(low)), "median": shown(_short(middle)), "greatest": shown(_short(high)),
    }  # fmt: skip


def _levels(codes: np.ndarray, levels: list[str]) -> dict[str, Any]:
    if not len(codes):
        return {"values": 0}
    counts = np.bincount(codes, minlength=len(levels))
    most = int(counts.argmax())
    named = levels[most] if most < len(levels) else None
    return {"values": int((counts > 0).sum()), "most_frequent": named, "share": float(counts[most] / len(codes))}


def _short(value: float) -> float:
    return float(f"{value:.6g}")
