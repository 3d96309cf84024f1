"""Converts a column's cells to numbers, labels or instants, in the same way for training and prediction."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data import dates, durations
from fallline.data.form import COUNTS, Form
from fallline.data.marks import is_word
from fallline.data.numerals import Numerals, find, read

if TYPE_CHECKING:
    import polars as pl

PLAIN = Form()
THOUSANDS = r"^-?[1-9]\d{0,2}(?:\.\d{3})+$"
_THOUSANDS_IN_UNITS = r"^[^\d.]*[1-9]\d{0,2}(?:\.\d{3})+[^\d.]*$"
_EPOCH_OF_EXCEL = 25_569  # days from 1899-12-30 to 1970-01-01


def numbers(
    series: pl.Series, form: Form = PLAIN, hint: str = "", whole: bool = False, doubts: list[str] | None = None
) -> np.ndarray:
    """The cells as float64, NaN where a cell is missing or not a number; durations and times in seconds.

    Args:
        series: typed cells, or text.
        form: how the training cells were written. A cell written in another way is read if it can only mean one
            number.
        hint: the decimal sign that the other columns of the same file use, or "".
        whole: whether the training numbers were whole; of two possible readings, the one with whole numbers is chosen.
        doubts: collects the end of a sentence if the texts can be read in two ways.

    >>> import polars as pl
    >>> numbers(pl.Series(["1", "2.5", "x", None])).tolist()
    [1.0, 2.5, nan, nan]
    >>> numbers(pl.Series(["1.234,5", "7"]), Form(",", ".")).tolist()
    [1234.5, 7.0]
    """
    import polars as pl

    if series.dtype == pl.Duration:
        series = series.dt.total_microseconds() / 1e6
    elif series.dtype == pl.Time:
        series = series.cast(pl.Int64) / 1e9
    elif isinstance(series.dtype, pl.Datetime):
        series = instants(series).dt.epoch("us") / 1e6
    elif not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        series = _read_numbers(labels(series), form, hint, whole, [] if doubts is None else doubts)
    elif form.unit == "%" and series.dtype.is_numeric() and (series.abs() > 1.5).any():
        series = series / 100.0
    return series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def _read_numbers(text: pl.Series, form: Form, hint: str, whole: bool, doubts: list[str]) -> pl.Series:
    """Reads text as numbers in the form learnt in training; cells it cannot read are tried in the column's own form."""
    import polars as pl

    if form.unit == "duration":
        return durations.seconds(text)
    values = text.cast(pl.Float64, strict=False) if form.plain else read(text, form.numerals)
    unread = text.is_not_null() & values.is_null()
    # 3.750 may mean 3750.
    points = (form.decimal, form.group) == (".", "") and (whole or hint == ",") and _thousands(text)
    if not unread.any() and not points:
        return values
    distinct = text.drop_nulls().unique(maintain_order=True)
    distinct = distinct.filter(~is_word(distinct))
    if not len(distinct):
        return values
    found = find(distinct, "," if points else hint or ("" if form.plain else form.decimal))
    if found.numerals is None:
        return values
    own = replace(found.numerals, unit=form.unit or found.numerals.unit)
    if found.other is not None:
        other = replace(found.other, unit=own.unit)
        if whole and not _whole(read(distinct, own)) and _whole(read(distinct, other)):
            own, other = other, own
        doubts.append(two_ways(found.example, own, other))
    others = read(text, own)
    if others.count() >= values.count():  # the whole column is written this way
        return others
    return pl.select(pl.coalesce(values, others)).to_series()


def two_ways(example: str, chosen: Numerals, other: Numerals) -> str:
    """The end of a sentence about a number that can be read in two ways.

    >>> two_ways("1,234", Numerals(".", ","), Numerals(","))
    "holds numbers such as '1,234', read as 1234 (a decimal point, ',' between thousands) and not as 1.234"
    """
    import polars as pl

    values = [read(pl.Series([example]), each)[0] for each in (chosen, other)]
    return (
        f"holds numbers such as {example!r}, read as {values[0]:.15g} ({chosen.describe()}) and not as {values[1]:.15g}"
    )


def _whole(values: pl.Series) -> bool:
    return bool((values.drop_nulls() % 1 == 0).all())


def _thousands(text: pl.Series) -> bool:
    """Whether every cell with a point looks like 3.750, with or without a unit."""
    dotted = text.filter(text.str.contains(".", literal=True).fill_null(False))
    return len(dotted) > 0 and bool(dotted.str.contains(_THOUSANDS_IN_UNITS).all())


def labels(series: pl.Series) -> pl.Series:
    """The cells as text, null where missing; whole numbers have no decimal point, so that 1 and 1.0 agree.

    >>> import polars as pl
    >>> labels(pl.Series([1.0, 2.5, None])).to_list()
    ['1', '2.5', None]
    """
    import polars as pl

    if series.dtype.is_float():
        series = series.fill_nan(None)
        whole = series.cast(pl.Int64, strict=False)
        cells = pl.DataFrame({"whole": whole, "same": whole.cast(series.dtype) == series, "cell": series})
        text = pl.when("same").then(pl.col("whole").cast(pl.String)).otherwise(pl.col("cell").cast(pl.String))
        return cells.select(text.alias(series.name)).to_series()
    if series.dtype in (pl.Binary, pl.Object) or series.dtype.is_nested():
        return pl.Series(series.name, [None] * len(series), dtype=pl.String)
    if series.dtype.is_decimal():
        return labels(series.cast(pl.Float64))
    return series.cast(pl.String)


def instants(series: pl.Series, form: Form = PLAIN) -> pl.Series:
    """The cells as dates with times, null where missing or not a date; cells with a known zone are converted to UTC.

    >>> import polars as pl
    >>> instants(pl.Series(["01.02.2024", "2024-02-01T00:30+01:00", "soon"])).to_list()
    [datetime.datetime(2024, 2, 1, 0, 0), datetime.datetime(2024, 1, 31, 23, 30), None]
    """
    import polars as pl

    if series.dtype.is_numeric():
        return _counted(series, form)
    if not series.dtype.is_temporal():
        return _read_dates(labels(series), form)
    if series.dtype in (pl.Duration, pl.Time):
        return pl.Series(series.name, [None] * len(series), dtype=pl.Datetime("us"))
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        return series.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(pl.Datetime("us"))
    return _in_zone(series.cast(pl.Datetime("us"), strict=False), form.zone)


def _read_dates(text: pl.Series, form: Form) -> pl.Series:
    import polars as pl

    order = form.order
    when, ahead = dates.local(text, order)
    if not form.settled and when.null_count() > text.null_count():  # e.g. 27/07, but training had the month first
        found = dates.find_order(text.drop_nulls().unique(maintain_order=True), order)
        other = dates.local(text, found.name)
        if found.name != order and other[0].count() > when.count():
            when, ahead = other
    if when.null_count() > text.null_count():
        counted = _counted(text.cast(pl.Float64, strict=False), form)
        when = pl.select(pl.coalesce(when, counted)).to_series()
    zoned = when - (ahead * 60_000_000).cast(pl.Duration("us"))
    return pl.select(pl.coalesce(zoned, _in_zone(when, form.zone))).to_series().alias(text.name)


def _counted(series: pl.Series, form: Form) -> pl.Series:
    """Converts numbers that count seconds, milliseconds or days to instants; an unknown unit is guessed by size."""
    import polars as pl

    values = series.cast(pl.Float64, strict=False).fill_nan(None)
    counts = form.counts or _guessed(values)
    if counts == "days":  # 20240727
        return dates.local(values.cast(pl.Int64, strict=False).cast(pl.String))[0].alias(series.name)
    if not counts:
        return pl.Series(series.name, [None] * len(series), dtype=pl.Datetime("us"))
    days = values - _EPOCH_OF_EXCEL if counts == "excel_date" else values
    return (days * COUNTS[counts]).round().cast(pl.Int64, strict=False).cast(pl.Datetime("us")).alias(series.name)


def _guessed(values: pl.Series) -> str:
    """Guesses what numbers meant as dates count: 20240727 is a day, 1.7e9 are seconds, 1.7e12 milliseconds."""
    middle = values.median()
    if middle is None:
        return ""
    size = abs(float(middle))  # type: ignore[arg-type]
    if 1.9e7 < size < 2.2e7:
        return "days"
    bounds = (("epoch_seconds", 1e8, 1e10), ("epoch_milliseconds", 1e11, 1e13), ("epoch_microseconds", 1e14, 1e16))
    return next((name for name, low, high in bounds if low < size < high), "")


def _in_zone(when: pl.Series, zone: str) -> pl.Series:
    """Converts times in a zone to UTC; without a zone they stay as they are."""
    if not zone or zone == "UTC":
        return when
    if zone[0] in "+-":
        minutes = (int(zone[1:3]) * 60 + int(zone[4:6])) * (-1 if zone[0] == "-" else 1)
        return when - timedelta(minutes=minutes)
    local = when.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def target_cells(series: pl.Series) -> np.ndarray:
    """A target column's cells as an array of labels or numbers; text that consists only of numbers becomes numbers.

    >>> import polars as pl
    >>> target_cells(pl.Series(["1", "0"])).tolist(), target_cells(pl.Series(["01", "10"])).tolist()
    ([1, 0], ['01', '10'])
    """
    import polars as pl

    if series.dtype.is_nested() or series.dtype.is_temporal() or series.dtype in (pl.Binary, pl.Object):
        raise FalllineError(f"the target {series.name!r} holds {series.dtype}: give a column of labels or numbers")
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        if series.dtype.is_decimal() or series.dtype == pl.Int128:
            series = series.cast(pl.Float64)
        return series.to_numpy()
    text = series.cast(pl.String)
    distinct = text.drop_nulls().unique(maintain_order=True)
    whole = distinct.cast(pl.Int64, strict=False)
    if not len(distinct):
        return np.full(len(series), np.nan)
    if whole.null_count() == 0 and (whole.cast(pl.String) == distinct).all():
        return text.cast(pl.Int64).to_numpy()
    real = distinct.cast(pl.Float64, strict=False)
    if real.null_count() == 0 and not distinct.str.contains(r"^-?0\d").any():
        return text.cast(pl.Float64).to_numpy()
    return text.to_numpy()
