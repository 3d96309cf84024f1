"""Learns a column's encoding from its training rows: its slots, its form, and the unit of its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data import dates
from fallline.data.cells import instants, labels, numbers
from fallline.data.codes import PAIRS, key
from fallline.data.columns import Column
from fallline.data.form import Form
from fallline.data.hashing import SIZE
from fallline.data.units import unit_of

if TYPE_CHECKING:
    import polars as pl

MOST_CATEGORIES = 100
ENOUGH = 8  # rows that are always enough for a value to get a slot of its own
_LISTED = 1_000  # rare values that are remembered
_SAMPLE = 1_000  # cells that nearly always tell whether a column holds fractions


def enough(rows: int) -> int:
    """The number of rows, out of `rows`, that must have a value before it gets a slot of its own.

    >>> enough(20), enough(100), enough(100_000)
    (2, 5, 8)
    """
    return min(ENOUGH, max(2, rows // 20))


def fit_column(series: pl.Series, kind: str, form: Form | None = None) -> Column:
    """Learns a column's encoding from its training rows.

    Args:
        series: the training rows' cells.
        kind: the kind of the column, from `recognise` or the user.
        form: how the cells are written; found from them by default.

    Raises:
        FalllineError: a boolean column has more than two values, or a date column holds no date.

    >>> import polars as pl
    >>> fit_column(pl.Series("size", ["S", "M", "M", None, "XL", "M", "S"]), "category").values
    ('M', 'S')
    """
    form = form or Form()
    if kind == "category":
        return _fit_category(labels(series))
    if kind == "boolean":
        return _fit_boolean(series)
    if kind == "date":
        return _fit_date(series, form)
    if kind == "presence":
        return Column(series.name, kind)
    if kind == "text":
        return Column(series.name, kind, size=SIZE)
    cells = numbers(series, form)
    rounding = float(8 * np.finfo(np.float32).eps) if str(series.dtype) == "Float32" else 0.0
    unit = unit_of(cells, rounding=rounding)._asdict()
    whole = _whole(cells[:_SAMPLE]) and _whole(cells) and bool(np.isfinite(cells).any())
    return Column(series.name, kind, indicator=bool(np.isnan(cells).any()), form=form, whole=whole, **unit)


def _whole(cells: np.ndarray) -> bool:
    """Whether there is no finite number with a fraction."""
    return bool(((cells == np.floor(cells)) | ~np.isfinite(cells)).all())


def _fit_date(series: pl.Series, form: Form) -> Column:
    if not series.dtype.is_temporal() and not form.order and not series.dtype.is_numeric():
        found = dates.find_order(labels(series).drop_nulls().unique())
        form = Form(order=found.name, zone=form.zone, counts=form.counts, settled=form.settled)
    when = instants(series, Form() if series.dtype.is_temporal() else form)
    days = when.drop_nulls().dt.epoch("us").to_numpy() / 86_400e6
    if not days.size and series.count():
        raise FalllineError(
            f"column {series.name!r} holds no date that can be read: write dates as 2024-01-31, or give it the kind "
            "epoch_seconds, epoch_milliseconds or excel_date where numbers count"
        )
    hour = bool((days != np.floor(days)).any())
    origin = float(np.floor(days.min())) if days.size else 0.0
    return Column(series.name, "date", indicator=when.null_count() > 0, form=form, hour=hour, origin=origin)


def _fit_category(text: pl.Series) -> Column:
    counts = text.drop_nulls().value_counts(sort=False).sort(["count", text.name], descending=[True, False])
    return category_of(text.name, counts, len(text), text.null_count() > 0)


def category_of(name: str, counts: pl.DataFrame, rows: int, missing: bool) -> Column:
    """The encoding of a category; all spellings of a value have one slot, named by the most frequent spelling.

    Args:
        name: the column.
        counts: the values and their counts, two columns, the most frequent first and equally frequent ones in order.
        rows: number of training rows.
        missing: whether a training cell is missing.
    """
    spelled: dict[str, str] = {}
    total: dict[str, int] = {}
    for value, count in counts.iter_rows():
        own = key(value)
        spelled.setdefault(own, value)
        total[own] = total.get(own, 0) + count
    ranked = sorted(total, key=lambda own: (-total[own], spelled[own]))
    least = enough(rows)
    kept = [own for own in ranked if total[own] >= least][:MOST_CATEGORIES]
    rest = ranked[len(kept) :]
    others = sum(total[own] for own in rest) / max(sum(total.values()), 1)
    return Column(
        name,
        "category",
        values=tuple(spelled[own] for own in kept),
        indicator=missing,
        rare=tuple(spelled[own] for own in rest[:_LISTED]),
        others=round(others, 6),
    )


def _fit_boolean(series: pl.Series) -> Column:
    values = sorted({key(each).casefold() for each in labels(series).drop_nulls().unique()})
    if len(values) > 2:
        raise FalllineError(f"column {series.name!r} has {len(values)} values, a boolean two: give it another kind")
    known = next((pair for pair in PAIRS if set(values) <= set(pair)), None)
    pair = known or ((values[0], values[-1]) if len(values) == 2 else ("", values[0] if values else "true"))
    return Column(series.name, "boolean", values=pair, indicator=series.null_count() > 0)
