"""Types columns of Python objects: numbers, text, dates, instants, times or durations; others are left as they are."""

from __future__ import annotations

import datetime as dt
import enum
import numbers
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.cells import labels

if TYPE_CHECKING:
    import polars as pl

_NUMBERS = {"boolean", "whole", "real"}
_INSTANTS = {"date", "instant", "period"}
_TEXTS = {"text", "interval", "time", "duration"}
_MISSING = ("NAType", "NaTType", "MaskedConstant")  # class names of pandas' and NumPy's marks, to avoid an import

_FAMILIES: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("boolean", (bool, np.bool_)),
    ("text", (str, uuid.UUID, PurePath)),
    ("duration", (np.timedelta64, dt.timedelta)),  # before "whole", since NumPy's timedelta64 is an integer type
    ("whole", (int, np.integer)),
    ("real", (float, np.floating, Decimal, numbers.Real)),
    ("complex", (complex, np.complexfloating, numbers.Complex)),
    ("instant", (dt.datetime, np.datetime64)),
    ("date", (dt.date,)),
    ("time", (dt.time,)),
    ("text", (enum.Enum,)),
)


def from_objects(name: str, cells: Sequence[object], where: str) -> pl.Series:
    """Converts a column of Python objects to a typed column, null where a cell is None, NaN, NA or NaT.

    Whole numbers become Int64, all other numbers Float64, and instants with a time zone are converted to UTC. Text mixed
    with other types becomes text, with numbers as people write them. Cells that cannot be features (bytes, lists, ...)
    stay a column of objects, which the caller can report.

    Args:
        name: name of the column.
        cells: its objects.
        where: name of the source in error messages.

    Raises:
        FalllineError: the column holds complex numbers, instants both with and without a zone, or dates outside the
            calendar.

    >>> from fractions import Fraction
    >>> from_objects("share", [Fraction(1, 4), 1, None], "X").to_list()
    [0.25, 1.0, None]
    >>> from_objects("size", ["S", 42.0, None], "X").to_list()
    ['S', '42', None]
    """
    import polars as pl

    cells = [None if is_missing(cell) else cell for cell in cells]
    families = {family(kind) for kind in set(map(type, cells)) - {type(None)}}
    if not families:
        return pl.Series(name, cells, dtype=pl.Null)
    if "complex" in families:
        refuse_complex(name, where)
    if "other" in families:
        return pl.Series(name, cells, dtype=pl.Object)
    if families == {"boolean"}:
        return pl.Series(name, [cell if cell is None else bool(cell) for cell in cells], dtype=pl.Boolean)
    if families <= _NUMBERS:
        return _numbers(name, cells)
    if families == {"date"}:
        return pl.Series(name, cells, dtype=pl.Date)
    if families <= _INSTANTS:
        return _instants(name, cells, where)
    if families == {"time"}:
        return _times(name, cells, where)
    if families == {"duration"}:
        return _durations(name, cells, where)
    return _text(name, cells)


def is_missing(cell: object) -> bool:
    """Whether a cell is None, NaN, or pandas' or NumPy's mark for a missing value.

    >>> [is_missing(each) for each in (None, float("nan"), np.datetime64("NaT", "us"), 0, "")]
    [True, True, True, False, False]
    """
    if cell is None or isinstance(cell, str):
        return cell is None
    if isinstance(cell, Decimal):
        return cell.is_nan()
    if isinstance(cell, float | np.floating):
        return bool(cell != cell)
    if isinstance(cell, np.datetime64 | np.timedelta64):
        return bool(np.isnat(cell))
    return type(cell).__name__ in _MISSING


def family(kind: type) -> str:
    """The family of a Python, NumPy or pandas type; "other" if it cannot be a feature.

    >>> family(np.float32), family(list)
    ('real', 'other')
    """
    if kind.__module__.split(".")[0] == "pandas" and kind.__name__ in ("Period", "Interval"):
        return kind.__name__.lower()
    return next((each for each, kinds in _FAMILIES if issubclass(kind, kinds)), "other")


def refuse_complex(name: str, where: str) -> None:
    """Raises: FalllineError, worded as in scikit-learn."""
    raise FalllineError(
        f"Complex data not supported: column {name!r} of {where} holds complex numbers; give their real and imaginary "
        "parts as two columns"
    )


def _each(cells: Sequence[Any], convert: Callable[[Any], Any]) -> list[Any]:
    return [None if cell is None else convert(cell) for cell in cells]


def _real(cell: Any) -> float:
    try:
        return float(cell)
    except OverflowError:
        return float("inf") if cell > 0 else float("-inf")  # the encoding refuses it and names the column


def _numbers(name: str, cells: Sequence[Any]) -> pl.Series:
    import polars as pl

    kinds = {family(kind) for kind in set(map(type, cells)) - {type(None)}}
    if "real" not in kinds:
        try:
            return pl.Series(name, _each(cells, int), dtype=pl.Int64)
        except (OverflowError, TypeError):
            pass  # beyond 64 bits
    return pl.Series(name, _each(cells, _real), dtype=pl.Float64)


def _instants(name: str, cells: Sequence[Any], where: str) -> pl.Series:
    import polars as pl

    try:
        found = _each(cells, _instant)
    except (ValueError, OverflowError):
        raise FalllineError(
            f"column {name!r} of {where} holds a date beyond the years 1 to 9999: correct it, or give the year as a number"
        ) from None
    zoned = {cell.utcoffset() is not None for cell in found if cell is not None}
    if len(zoned) > 1:
        raise FalllineError(
            f"column {name!r} of {where} holds instants with and without a time zone: give all of them one, or none"
        )
    if True in zoned:
        found = _each(found, lambda cell: cell.astimezone(dt.UTC).replace(tzinfo=None))
    series = pl.Series(name, found, dtype=pl.Datetime("us"))
    return series.dt.replace_time_zone("UTC") if True in zoned else series


def _instant(cell: Any) -> dt.datetime:
    if family(type(cell)) == "period":
        cell = cell.start_time
    if isinstance(cell, np.datetime64):
        cell = cell.astype("datetime64[us]").item()
        if not isinstance(cell, dt.datetime):  # NumPy returns an integer for dates outside Python's calendar
            raise OverflowError
    if hasattr(cell, "to_pydatetime"):  # a pandas Timestamp, which has nanoseconds
        cell = cell.to_pydatetime(warn=False)
    return cell if isinstance(cell, dt.datetime) else dt.datetime.combine(cell, dt.time())


def _times(name: str, cells: Sequence[Any], where: str) -> pl.Series:
    import polars as pl

    if any(cell is not None and cell.tzinfo is not None for cell in cells):
        raise FalllineError(
            f"column {name!r} of {where} holds times of day with a time zone, which have no meaning without a day: give "
            "instants, or times without a zone"
        )
    return pl.Series(name, cells, dtype=pl.Time)


def _durations(name: str, cells: Sequence[Any], where: str) -> pl.Series:
    import polars as pl

    units = {np.datetime_data(cell.dtype)[0] for cell in cells if isinstance(cell, np.timedelta64)}
    if units & {"generic", "Y", "M"}:
        raise FalllineError(
            f"column {name!r} of {where} holds durations without a unit, or in months: give them in days or seconds"
        )
    found = _each(
        cells, lambda cell: cell.astype("timedelta64[us]").item() if isinstance(cell, np.timedelta64) else cell
    )
    return pl.Series(name, found, dtype=pl.Duration("us"))


def _text(name: str, cells: Sequence[Any]) -> pl.Series:
    """Converts every cell to text; numbers are written as by `labels`, so that they agree with a column of numbers."""
    import polars as pl

    texts = _each(cells, _written)
    reals = [index for index, cell in enumerate(texts) if isinstance(cell, float)]
    for index, text in zip(reals, labels(pl.Series([texts[index] for index in reals], dtype=pl.Float64)), strict=True):
        texts[index] = text
    return pl.Series(name, texts, dtype=pl.String)


def _written(cell: Any) -> str | float:
    match family(type(cell)):
        case "boolean":
            return str(bool(cell)).lower()
        case "whole":
            return str(int(cell))
        case "real":
            return float(str(cell)) if isinstance(cell, np.floating) else _real(cell)
        case "instant" | "period":
            return _instant(cell).isoformat(" ")
        case "date":
            found: str | float = cell.isoformat()
            return found
    if isinstance(cell, enum.Enum) and not isinstance(cell, str):
        return cell.name
    return str.__str__(cell) if isinstance(cell, str) else str(cell)
