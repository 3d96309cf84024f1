"""Converts tables of named columns to Polars frames: one conversion per container, keeping the cells' meaning."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.names import check_names
from fallline.data.objects import from_objects, refuse_complex

if TYPE_CHECKING:
    import polars as pl

_TABLES = {
    ("polars", "DataFrame"): "polars",
    ("polars", "LazyFrame"): "lazy",
    ("pandas", "DataFrame"): "pandas",
    ("pyarrow", "Table"): "arrow",
    ("pyarrow", "RecordBatch"): "arrow",
    ("pyarrow", "RecordBatchReader"): "reader",
}
_LIBRARIES = {library for library, _ in _TABLES}


def is_frame(source: object) -> bool:
    """Whether it is a table of named columns: pandas, Polars, PyArrow, or any with the Arrow or DataFrame protocol.

    >>> import polars as pl
    >>> is_frame(pl.LazyFrame({"a": [1]})), is_frame(np.zeros((2, 2))), is_frame({"a": [1]})
    (True, False, False)
    """
    return bool(_container(source))


def to_polars(source: object, where: str, *, text_names: bool = True) -> pl.DataFrame:
    """Converts a table of named columns to a Polars frame, null where a cell is missing, zoned instants in UTC.

    Columns of types that cannot be features (bytes, lists, ...) keep such a type. The index of a pandas frame is left
    out.

    Args:
        source: a container that `is_frame` accepts: pandas.DataFrame, polars.DataFrame or LazyFrame, pyarrow.Table,
            RecordBatch or RecordBatchReader, or an object with `__arrow_c_stream__` or `__dataframe__`.
        where: name of the table in error messages.
        text_names: whether column names must be text; otherwise other names are converted to text.

    Raises:
        FalllineError: the container is of another type, a name is not text or occurs twice, a column holds complex
            numbers, or Polars cannot hold a column.

    >>> import polars as pl
    >>> to_polars(pl.LazyFrame({"a": [1.5, float("nan")]}), "X")["a"].to_list()
    [1.5, None]
    """
    import polars as pl

    kind = _container(source)
    table: Any = source
    if kind == "pandas":
        names = _names(list(table.columns), where, text_names)
        return pl.DataFrame([_pandas(table.iloc[:, index], name, where) for index, name in enumerate(names)])
    if kind in ("arrow", "reader"):
        table = table.read_all() if kind == "reader" else table
        names = _names(list(table.schema.names), where, text_names)
        frame = pl.DataFrame([_arrow(table.column(index), name, where) for index, name in enumerate(names)])
    elif kind == "polars":
        frame = table
    elif kind:
        frame = _taken(table, kind, where)
    else:
        raise FalllineError(f"{where} is {advice(source)}")
    _names(frame.columns, where, text_names)
    changed = [settled for series in frame.iter_columns() if (settled := _settled(series, where)) is not series]
    return frame.with_columns(changed) if changed else frame


def advice(source: object) -> str:
    """The end of a sentence: what a container that is not a table is, and what to give in its place.

    >>> advice({"a": [1, 2]})
    'a dict: put it into a frame first, with polars.DataFrame or pandas.DataFrame'
    """
    kind = type(source)
    library = kind.__module__.split(".")[0]
    called = kind.__name__ if library == "builtins" else f"{library}.{kind.__name__}"
    article = "an" if called[0].lower() in "aeiou" else "a"
    if is_records(source) or isinstance(source, Iterator):
        what = "put it into a frame first, with polars.DataFrame or pandas.DataFrame"
    else:
        offered = next(
            (each for each in ("compute", "to_pandas", "to_dataframe", "toPandas") if hasattr(kind, each)), ""
        )
        also = f" (its .{offered}() may make one)" if offered else ""
        what = f"give a frame of pandas, Polars or PyArrow that is in memory{also}"
    return f"{article} {called}: {what}"


def is_records(source: object) -> bool:
    """Whether it holds named cells without being a table: a dict of columns, dicts of rows, or a structured array.

    >>> is_records([{"a": 1}]), is_records([[1]])
    (True, False)
    """
    if isinstance(source, np.ndarray):
        return source.dtype.names is not None
    first = source[0] if isinstance(source, (list, tuple)) and source else source
    return isinstance(first, Mapping) and not hasattr(first, "shape")  # SciPy's DOK matrices are dicts as well


def _container(source: object) -> str:
    """The kind of container: a value of `_TABLES`, "stream", "interchange", or "" if it is not a table."""
    kinds = [(each.__module__.split(".")[0], each.__name__) for each in type(source).__mro__]
    known = next((_TABLES[each] for each in kinds if each in _TABLES), "")
    if known or any(library in _LIBRARIES for library, _ in kinds):
        return known  # a Series or an Index also has Arrow's protocol, but is a single column
    if isinstance(source, type):
        return ""
    return (
        "stream" if hasattr(source, "__arrow_c_stream__") else "interchange" if hasattr(source, "__dataframe__") else ""
    )


def _names(labels: list[Any], where: str, text_names: bool) -> list[str]:
    """The column names as text. Raises: FalllineError if a name has several levels, is not text, or occurs twice."""
    levels = next((each for each in labels if isinstance(each, tuple)), None)
    if levels is not None:
        raise FalllineError(
            f"the columns of {where} have names of several levels, such as {levels!r}: join each name to one text"
        )
    names = [str(each) for each in labels]
    twice = next((each for each, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        first, second = [index for index, each in enumerate(names) if each == twice][:2]
        raise FalllineError(
            f"the column name {labels[first]!r} occurs twice in {where}, as columns {first + 1} and {second + 1}: "
            "rename one of them"
        )
    if text_names:
        check_names(labels, where)
    return names


def _taken(table: Any, kind: str, where: str) -> pl.DataFrame:
    """Runs a lazy query, or reads another library's table."""
    import polars as pl

    try:
        if kind == "lazy":
            found: pl.DataFrame = table.collect()
            return found
        return pl.DataFrame(table) if kind == "stream" else pl.from_dataframe(table)
    except (Exception, pl.exceptions.PanicException) as problem:
        why = str(problem).splitlines()[0] if str(problem) else type(problem).__name__
        if kind == "lazy":
            raise FalllineError(f"the query of {where} cannot be run ({why}): collect it first to see where") from None
        raise FalllineError(f"Polars cannot read {where} ({why}); it is {advice(table)}") from None


def _settled(series: pl.Series, where: str) -> pl.Series:
    """The column with its objects typed, NaN as null and zoned instants in UTC; unchanged if it has none of these."""
    import polars as pl

    if series.dtype == pl.Object:
        return from_objects(series.name, series.to_list(), where)
    if series.dtype.is_float() and series.is_nan().any():
        return series.fill_nan(None)
    if isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone not in (None, "UTC"):
        return series.dt.convert_time_zone("UTC")
    return series


def _arrow(column: Any, name: str, where: str) -> pl.Series:
    """Converts a PyArrow column, cell by cell if Polars lacks the type."""
    import polars as pl

    if "256" not in str(column.type):  # Polars panics on types of 256 bits
        try:
            return _settled(pl.Series(name, column), where)
        except pl.exceptions.PolarsError:
            pass
    return from_objects(name, column.to_pylist(), where)


def _pandas(column: Any, name: str, where: str) -> pl.Series:
    """Converts a pandas column; PyArrow is needed only for columns that it already backs."""
    import polars as pl

    dtype = column.dtype
    kind = type(dtype).__name__
    if isinstance(dtype, np.dtype):
        return _numpy(column.to_numpy(), name, where)
    if hasattr(dtype, "pyarrow_dtype") or str(getattr(dtype, "storage", "")).startswith("pyarrow"):
        return _arrow(column.array.__arrow_array__(), name, where)
    if kind == "CategoricalDtype":
        return _category(column, name, where)
    if kind == "DatetimeTZDtype":
        ticks = column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
        return _numpy(ticks, name, where).dt.replace_time_zone("UTC")
    if kind == "SparseDtype":
        return _numpy(np.asarray(column), name, where)
    if hasattr(dtype, "numpy_dtype"):  # values and a mask
        missing = column.isna().to_numpy()
        values = _numpy(column.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.numpy_dtype.type(0)), name, where)
        return (
            values.zip_with(pl.Series(~missing), pl.Series(name, [None], dtype=values.dtype))
            if missing.any()
            else values
        )
    return from_objects(name, column.tolist(), where)


def _category(column: Any, name: str, where: str) -> pl.Series:
    """Converts a categorical column to its categories' values, so that a category of numbers holds numbers."""
    codes = column.cat.codes.to_numpy().astype(np.int64)
    values = _pandas(column.cat.categories.to_series(), name, where).extend_constant(None, 1)
    return values.gather(np.where(codes < 0, len(values) - 1, codes))


def _numpy(values: np.ndarray, name: str, where: str) -> pl.Series:
    import polars as pl

    if values.dtype.kind == "c":
        refuse_complex(name, where)
    if values.dtype.kind in "mM":
        return pl.Series(name, _ticks(values, name, where))
    if values.dtype.kind not in "biuf":
        return from_objects(name, values.tolist(), where)
    # Some versions of Polars reject the other byte order.
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    if values.dtype.kind == "f":
        if values.itemsize not in (4, 8):  # some versions of Polars lack 16 bits, and all lack more than 64
            with np.errstate(over="ignore"):  # the encoding refuses infinite cells and names the column
                values = values.astype(np.float32 if values.itemsize < 4 else np.float64)
        return pl.Series(name, values, nan_to_null=True)
    return pl.Series(name, values)


def _ticks(values: np.ndarray, name: str, where: str) -> np.ndarray:
    """Converts instants or durations to a unit that Polars has."""
    if np.datetime_data(values.dtype) in (("ns", 1), ("us", 1), ("ms", 1)):
        return values
    finer = values.astype(f"{values.dtype.kind}8[us]")
    if not ((finer.astype(values.dtype) == values) | np.isnat(values)).all():
        raise FalllineError(
            f"column {name!r} of {where} holds an instant or duration beyond 292,000 years: correct it, or give numbers"
        )
    return finer
