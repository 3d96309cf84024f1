"""Converts the user's rows (arrays, sparse matrices, tables) to the float32 rows of a run."""

from __future__ import annotations

import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import _get_feature_names, validate_data

from fallline.core.errors import DataWarning, FalllineError
from fallline.data.cells import numbers
from fallline.data.columns import Column
from fallline.data.frames import advice, is_frame, is_records, to_polars
from fallline.data.kinds import recognise
from fallline.data.marks import clean
from fallline.data.schema import Schema
from fallline.data.schema_fitting import fit_schema
from fallline.data.target import Target
from fallline.data.understanding import understand
from fallline.estimators.types import AnyRows, Estimator, Targets

if TYPE_CHECKING:
    import polars as pl


class Frame:
    """A table of named columns, converted once from any container, for the estimators.

    Attributes:
        table: the cells as `fl.load` would read them.
        named: whether the columns have names for scikit-learn, which accepts only text names.

    >>> import polars as pl
    >>> frame = Frame(pl.LazyFrame({"size": ["S", "M"], "price": [1, 2]}))
    >>> frame.shape, frame.encoded
    ((2, 2), True)
    """

    def __init__(self, given: AnyRows) -> None:
        pandas = type(given).__module__.split(".")[0] == "pandas"
        self.table = clean(to_polars(given, "X", text_names=False))
        self.named = not pandas or _get_feature_names(given) is not None  # raises a TypeError if only some are text
        plain = pandas and all(isinstance(each, np.dtype) and each.kind in "biuf" for each in given.dtypes)
        self._given = given if plain else None

    def __len__(self) -> int:
        return self.table.height

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.table.shape

    @cached_property
    def encoded(self) -> bool:
        """Whether it holds anything other than complete numbers: text, categories, dates, missing values."""
        return any(
            series.null_count() or not (series.dtype.is_numeric() or series.dtype.to_python() is bool)
            for series in self.table.iter_columns()
        )

    def shown(self) -> Any:
        """An object with the same columns, rows and names, for scikit-learn to check without reading the cells."""
        return self.table if self.named else np.broadcast_to(np.float64(0), self.shape)

    def as_numbers(self) -> Any:
        """The table as numbers that scikit-learn can check: each column has a NumPy type.

        Raises: FalllineError for a column whose cells are not numbers.
        """
        if self._given is not None:
            return self._given
        table = self.table.with_columns(_as_numbers(series) for series in self.table.iter_columns())
        return table if self.named else table.to_numpy()


def given(X: AnyRows) -> Any:
    """Converts a table of named columns to a `Frame`; anything else is returned as it is.

    Raises: FalllineError for named cells that are not a table, such as a dict of columns.
    """
    if isinstance(X, Frame):
        return X
    if is_frame(X):
        return Frame(X)
    if is_records(X):
        raise FalllineError(f"X is {advice(X)}")
    return X


def sliceable(X: AnyRows) -> Any:
    """X in a form that scikit-learn can index by row: lazy queries and other libraries' tables become Polars frames."""
    known = not is_frame(X) or type(X).__module__.split(".")[0] == "pandas"
    return X if known else to_polars(X, "X")


def needs_encoding(X: AnyRows) -> bool:
    """Whether X is a table that holds anything other than complete numbers."""
    return isinstance(X, Frame) and X.encoded


def learn_schema(frame: Frame) -> Schema:
    """Learns the encoding of a table's columns, recognised as by `fl.load`.

    The columns were chosen by the user of the estimator, so none is left out for being constant or for counting the rows.
    Columns without values, and text that differs in nearly every row, are left out with a warning.

    Raises: FalllineError for columns of lists, bytes or objects, or if no column is left.
    """
    table = frame.table
    _refuse_nested(table, table.columns)
    empty = [series.name for series in table.iter_columns() if series.null_count() == len(series)]
    if len(empty) == table.width:
        raise FalllineError("no cell of X has a value: give at least one column with values")
    understood = understand(table.drop(empty))
    table = understood.frame
    constant = {series.name: _kind(series) for series in table.iter_columns() if series.n_unique() == 1}
    try:
        found = recognise(table, constant)
    except FalllineError:
        raise FalllineError(
            f"the text of {_listed(table.columns)} of X hardly repeats: give a column to learn from"
        ) from None
    counting = {name: "number" for name in found.dropped if _are_numbers(table[name])}
    names = [name for name in found.dropped if name not in counting]
    remarks = understood.remarks + found.remarks
    for left, why in ((empty, "no cell has a value"), (names, "its text hardly repeats")):
        if left:
            remarks.append(f"{_listed(left)} of X {'was' if len(left) == 1 else 'were'} left out: {why}")
    for sentence in remarks:
        warnings.warn(sentence, DataWarning, stacklevel=5)  # points at the line that calls fit
    kinds = found.kinds | counting
    ordered = {name: kinds[name] for name in table.columns if name in kinds}
    return fit_schema(table, ordered, Target(("y",), "regression"), understood.forms)


def _as_numbers(series: pl.Series) -> pl.Series:
    import polars as pl

    if series.dtype.is_numeric() and not series.null_count():
        wide = series.dtype.is_decimal() or str(series.dtype) in ("Int128", "UInt128", "Float16")
        return series.cast(pl.Float64) if wide else series
    _refuse_nested(series.to_frame(), [series.name])
    cells = numbers(series)
    lost = np.isnan(cells) & series.is_not_null().to_numpy()
    if lost.any():
        raise FalllineError(
            f"column {series.name!r} of X should hold numbers but holds values such as "
            f"{str(series[int(np.flatnonzero(lost)[0])])!r}: correct it"
        )
    return pl.Series(series.name, cells)


def _refuse_nested(table: pl.DataFrame, names: list[str]) -> None:
    """Raises: FalllineError for a column whose cells cannot be features."""
    import polars as pl

    for name in names:
        series = table[name]
        if series.dtype == pl.Object:
            holds = f"a {next(type(cell).__name__ for cell in series.to_list() if cell is not None)} in a cell"
        elif series.dtype.is_nested() or series.dtype == pl.Binary:
            holds = str(series.dtype)
        else:
            continue
        raise FalllineError(
            f"column {name!r} of X holds {holds}, which is no feature: make it numbers, text or dates, or leave it out"
        )


def _are_numbers(series: pl.Series) -> bool:
    return not np.isnan(numbers(series.drop_nulls())).any()


def _kind(series: pl.Series) -> str:
    """The kind of a column whose cells are all the same."""
    import polars as pl

    if series.dtype.is_temporal() and series.dtype not in (pl.Duration, pl.Time):
        return "date"
    if series.dtype == pl.Boolean:
        return "boolean"
    return "number" if _are_numbers(series) else "category"


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"column{'s' * (len(names) > 1)} " + ", ".join(map(repr, names[:5])) + more


def plain_schema(names: list[str]) -> Schema:
    """The schema of columns of plain numbers."""
    return Schema(tuple(Column(name, "number") for name in names), Target(("y",), "regression"), "impute")


def is_encoded(estimator: Estimator, X: AnyRows, *, reset: bool) -> bool:
    """Whether X goes through the estimator's schema: on reset if X needs it, otherwise if the estimator has one."""
    return needs_encoding(X) if reset else getattr(estimator, "_schema", None) is not None and isinstance(X, Frame)


def is_plain(estimator: Estimator, X: AnyRows) -> bool:
    """Whether `check_rows` would return X itself: finite floats in an array as wide as the fit's, and no names.

    The answer takes a few microseconds; scikit-learn's checks take longer than the network does for a few rows. They judge
    everything else, so that their messages stay.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and X.dtype in (np.float64, np.float32)
        and len(X) > 0
        and X.shape[1] == estimator.n_features_in_
        and estimator._schema is None
        and not hasattr(estimator, "feature_names_in_")
        and bool(np.isfinite(X).all())
    )


def check_rows(estimator: Estimator, X: AnyRows, y: Targets = "no_validation", *, reset: bool, **options: Any) -> Any:
    """Checks X (and y) as scikit-learn does and returns them; of a table to be encoded only the columns are checked.

    Arguments:
        X: rows as returned by `given`.

    Raises: FalllineError for rows of another kind than those the model was fitted on.
    """
    if is_encoded(estimator, X, reset=reset):
        validate_data(estimator, X.shown(), y, reset=reset, skip_check_array=True)
        if not len(X):
            raise FalllineError(f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 is required")
        return X if isinstance(y, str) else (X, y)
    if not reset and getattr(estimator, "_schema", None) is not None:
        raise FalllineError(
            "this model was fitted on a table with categories or missing values: give a table here, too"
        )
    return validate_data(
        estimator,
        X.as_numbers() if isinstance(X, Frame) else X,
        y,
        reset=reset,
        accept_sparse=["csr", "csc"],
        dtype=(np.float64, np.float32),
        **options,
    )


def to_float32(X: AnyRows, schema: Schema | None, *, new: bool = True) -> np.ndarray:
    """Converts checked rows to a dense float32 array in C order.

    Arguments:
        X: rows.
        schema: the schema, for a table.
        new: whether these are not the rows from which the schema was learnt, so that remarks become warnings.

    Raises: FalllineError for numbers beyond float32's range.
    """
    if schema is not None and isinstance(X, Frame):
        _refuse_nested(X.table, [column.name for column in schema.columns])
        return schema.encode(X.table, "X", None if new else [])
    X = dense(X)
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(X, np.float32)
    if rows.dtype != np.asarray(X).dtype and not np.isfinite(rows).all():
        raise FalllineError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed: X holds numbers beyond 3e38, which float32 cannot"
        )
    return rows


def dense(X: AnyRows) -> Any:
    """Converts sparse rows to an array; others are returned as they are."""
    return X.toarray() if sparse.issparse(X) else X
