"""How do a column's cells become numbers, labels or instants? One conversion each, used in training and prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    import polars as pl

_DAY_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%d-%m-%Y",
    "%d %b %Y",
    "%d-%b-%Y",
)
_TIMES = (
    "",
    " %H:%M",
    " %H:%M:%S",
    " %H:%M:%S%.f",
    "T%H:%M",
    "T%H:%M:%S",
    "T%H:%M:%S%.f",
    "T%H:%M:%S%.f%z",
    " %H:%M:%S%.f%z",
)
FORMATS = tuple(day + time for day in _DAY_FORMATS for time in _TIMES)
_DATE_SHAPE = r"^\d{1,4}[-/. ](\d{1,2}|[A-Za-z]{3})[-/. ]\d{1,4}([ T]\d{1,2}:\d{2}.*)?$"


def numbers(series: pl.Series) -> np.ndarray:
    """The cells as float64, NaN where a cell is missing or is no number; durations and times in seconds.

    >>> import polars as pl
    >>> numbers(pl.Series(["1", "2.5", "x", None])).tolist()
    [1.0, 2.5, nan, nan]
    """
    import polars as pl

    if series.dtype == pl.Duration:
        series = series.dt.total_microseconds() / 1e6
    elif series.dtype == pl.Time:
        series = series.cast(pl.Int64) / 1e9
    elif not (series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)):
        series = labels(series)
    return series.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()


def labels(series: pl.Series) -> pl.Series:
    """The cells as text, null where missing; whole numbers without a decimal point, so that 1 and 1.0 agree.

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
    return series.cast(pl.String)


def date_format(series: pl.Series) -> str | None:
    """The format in which at least 95 % of a text column's cells are dates, month before day where both fit, or None.

    >>> import polars as pl
    >>> date_format(pl.Series(["2024-01-31", "2024-02-01", None]))
    '%Y-%m-%d'
    """
    cells = series.drop_nulls()
    sample = cells.head(200)
    if not len(cells) or sample.str.contains(_DATE_SHAPE).sum() < 0.95 * len(sample):
        return None
    parsed = [(instants(sample, form).count(), form) for form in FORMATS]
    likely = [form for count, form in parsed if count >= 0.95 * len(sample)]
    counts = [(instants(cells, form).count(), form) for form in likely]
    best = max(counts, key=lambda each: each[0], default=(0, None))  # the first of equals
    return best[1] if best[0] >= 0.95 * len(cells) else None


def instants(series: pl.Series, form: str | None) -> pl.Series:
    """The cells as local date and time, null where missing or in another format.

    >>> import polars as pl
    >>> instants(pl.Series(["01.02.2024", "soon"]), "%d.%m.%Y").to_list()
    [datetime.datetime(2024, 2, 1, 0, 0), None]
    """
    import polars as pl

    if not series.dtype.is_temporal():
        form = form or date_format(labels(series)) or "%Y-%m-%d"
        series = labels(series).str.to_datetime(form, strict=False, time_unit="us", ambiguous="earliest")
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
        series = series.dt.replace_time_zone(None)
    return series.cast(pl.Datetime("us"), strict=False)


def target_cells(series: pl.Series) -> np.ndarray:
    """A column's cells as an array of labels or numbers; text that is numbers throughout is typed so.

    >>> import polars as pl
    >>> target_cells(pl.Series(["1", "0"])).tolist(), target_cells(pl.Series(["01", "10"])).tolist()
    ([1, 0], ['01', '10'])
    """
    import polars as pl

    if series.dtype.is_nested() or series.dtype.is_temporal() or series.dtype in (pl.Binary, pl.Object):
        raise FalllineError(f"the target {series.name!r} holds {series.dtype}: give a column of labels or numbers")
    if series.dtype.is_numeric() or series.dtype == pl.Boolean:
        if series.dtype.is_decimal():
            series = series.cast(pl.Float64)
        return series.to_numpy()
    text = series.cast(pl.String)
    distinct = text.drop_nulls().unique()
    whole = distinct.cast(pl.Int64, strict=False)
    if not len(distinct):
        return np.full(len(series), np.nan)
    if whole.null_count() == 0 and (whole.cast(pl.String) == distinct).all():
        return text.cast(pl.Int64).to_numpy()
    real = distinct.cast(pl.Float64, strict=False)
    if real.null_count() == 0 and not distinct.str.contains(r"^-?0\d").any():
        return text.cast(pl.Float64).to_numpy()
    return text.to_numpy()
