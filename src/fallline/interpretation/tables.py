"""The tables of an interpretation: their names, their columns, and what a cell may hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.shape import Entries, Flag, Listed, Real, Shape, Text, Whole, maybe

if TYPE_CHECKING:
    import polars as pl

_SHAPES: dict[str, Shape] = {"text": Text(), "real": Real(), "whole": Whole(), "flag": Flag()}


def _columns(**kinds: str) -> dict[str, str]:
    return {name: kind for kind, names in kinds.items() for name in names.split()}


TABLES: dict[str, dict[str, str]] = {
    "scores": _columns(text="split metric", real="value low high constant linear"),
    "against": _columns(text="baseline metric", real="gain low high"),
    "confusion": _columns(text="true predicted", real="rows"),
    "per_class": _columns(text="name", real="support precision recall f1 auc average_precision"),
    "roc": _columns(text="name", real="false_positive_rate true_positive_rate threshold"),
    "precision_recall": _columns(text="name", real="recall precision threshold"),
    "reliability": _columns(real="low high probability share share_low share_high rows"),
    "thresholds": _columns(text="name", real="threshold precision recall f1 false_alarms missed"),
    "costs": _columns(text="name", real="ratio threshold cost cost_at_half"),
    "targets": _columns(text="name", real="bias bias_low bias_high rmse mae coverage asked"),
    "deciles": _columns(text="name", whole="decile rows", real="low high predicted true bias mae"),
    "predictions": _columns(whole="row", text="name", real="true predicted low high loss"),
    "worst": _columns(whole="row", text="source name true predicted picture", real="probability loss"),
    "segments": _columns(
        text="column segment", whole="rows", real="error low high rest difference p", flag="differs better"
    ),
    "importance": _columns(text="column", whole="features", real="loss loss_error score score_error"),
    "dependence": _columns(text="column label answer", real="place value"),
    "columns": _columns(
        text="name kind format treatment",
        whole="features",
        real="missing_train missing_valid missing_test",
        flag="dropped target",
    ),
    "histograms": _columns(text="column label", real="low high train valid test"),
    "drop_column": _columns(text="column", real="gain error"),
    "learning_curve": _columns(whole="rows", real="score error"),
    "permuted_labels": _columns(whole="trial", real="score"),
    "left_out": _columns(text="group", whole="rows", real="score constant"),
}
LATER = {("worst", "name")}  # columns that the files of earlier versions lack: they are read as empty


def _shape(name: str, columns: Mapping[str, str]) -> Entries:
    shapes: dict[str, Shape] = {each: Listed(maybe(_SHAPES[kind])) for each, kind in columns.items()}
    later = {each: shapes.pop(each) for each in columns if (name, each) in LATER}
    return Entries(shapes, later)


SHAPE = Entries({}, {name: _shape(name, columns) for name, columns in TABLES.items()}, open=True)


def frame(name: str, columns: Mapping[str, Sequence[Any] | np.ndarray] | None = None) -> pl.DataFrame:
    """A table of an interpretation with its types; empty without columns, and a column that is not given is null.

    >>> frame("confusion", {"true": ["a"], "predicted": ["b"], "rows": [2.0]}).rows()
    [('a', 'b', 2.0)]
    """
    import polars as pl

    types = {"text": pl.String, "real": pl.Float64, "whole": pl.Int64, "flag": pl.Boolean}
    given = columns or {}
    count = max((len(each) for each in given.values()), default=0)
    series = []
    for each, kind in TABLES[name].items():
        cells = given.get(each, [None] * count)
        cells = cells.tolist() if isinstance(cells, np.ndarray) else list(cells)
        column = pl.Series(each, cells, dtype=types[kind], strict=False)
        series.append(column.fill_nan(None) if kind == "real" else column)
    return pl.DataFrame(series)


def frame_of_rows(name: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """A table from a list of its rows."""
    return frame(name, {each: [row.get(each) for row in rows] for each in TABLES[name]})


def stacked(name: str, parts: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Tables of one name below each other."""
    import polars as pl

    return pl.concat(parts) if parts else frame(name)
