"""Rows as users have them (arrays, sparse matrices, DataFrames) as the float32 rows of a run."""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import validate_data

from fallline.core.errors import FalllineError
from fallline.data.columns import Column
from fallline.data.schema import Schema, fit_schema
from fallline.data.target import Target


def is_frame(X: Any) -> bool:
    """Whether X is a table of named columns (pandas, Polars, or anything that makes a Polars frame)."""
    return (hasattr(X, "columns") and hasattr(X, "__dataframe__")) or type(X).__module__.startswith("polars")


def needs_encoding(X: Any) -> bool:
    """Whether a table holds anything but finite numbers: text, categories, dates, missing values."""
    if not is_frame(X):
        return False
    frame = as_polars(X)
    plain = all(each.is_numeric() or each.to_python() is bool for each in frame.dtypes)
    if not plain:
        return True
    return any(s.null_count() or (s.dtype.is_float() and s.is_nan().any()) for s in frame.iter_columns())


def as_polars(X: Any) -> Any:
    """A table as a Polars frame; its columns' names become text."""
    import polars as pl

    if isinstance(X, pl.DataFrame):
        return X
    if type(X).__module__.startswith("pandas"):
        columns = {str(name): _series(X[name], str(name)) for name in X.columns}
        return pl.DataFrame(columns)
    return pl.DataFrame({name: X[name] for name in X.columns})


def _series(column: Any, name: str) -> Any:
    import polars as pl

    if column.dtype == object or str(column.dtype) in ("category", "string", "str"):
        missing = column.isna().to_numpy()
        cells = [None if gone else each for each, gone in zip(column.tolist(), missing, strict=True)]
        if all(each is None or isinstance(each, bool | np.bool_) for each in cells):
            return pl.Series(name, cells, dtype=pl.Boolean)
        if all(each is None or isinstance(each, int | float) for each in cells):
            return pl.Series(name, cells, dtype=pl.Float64, strict=False)
        return pl.Series(name, [None if each is None else str(each) for each in cells], dtype=pl.String)
    if hasattr(column.dtype, "numpy_dtype") and column.dtype.kind in "iufb":
        return pl.Series(name, column.to_numpy(dtype=np.float64, na_value=np.nan)).fill_nan(None)
    return pl.Series(name, column.to_numpy())


def learn_schema(X: Any) -> Schema:
    """The encoding of a table's columns: each by its type, none left out."""
    frame = as_polars(X)
    return fit_schema(frame, {each.name: _kind(each) for each in frame.iter_columns()}, Target(("y",), "regression"))


def _kind(series: Any) -> str:
    import polars as pl

    if series.dtype.is_temporal() and series.dtype not in (pl.Duration, pl.Time):
        return "date"
    if series.dtype.is_numeric() or series.dtype in (pl.Duration, pl.Time):
        return "number"
    return "boolean" if series.dtype == pl.Boolean else "category"


def plain_schema(names: list[str]) -> Schema:
    """The encoding of numbers that need none."""
    return Schema(tuple(Column(name, "number") for name in names), Target(("y",), "regression"), "impute")


def check_rows(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool, **options: Any) -> Any:
    """X (and y) as scikit-learn checks them; a table to be encoded is checked by its columns only."""
    if needs_encoding(X) if reset else getattr(estimator, "_schema", None) is not None and is_frame(X):
        validate_data(estimator, X, reset=reset, skip_check_array=True)
        return X if isinstance(y, str) else (X, y)
    if not reset and getattr(estimator, "_schema", None) is not None:
        raise FalllineError(
            "this model was fitted on a table with categories or missing values: give a table here, too"
        )
    return validate_data(
        estimator,
        X,
        y,
        reset=reset,
        accept_sparse=["csr", "csc"],
        dtype=(np.float64, np.float32),
        **options,
    )


def to_float32(X: Any, schema: Schema | None) -> np.ndarray:
    """Checked rows as a dense float32 array in C order.

    Raises: FalllineError for numbers beyond float32's range.
    """
    if schema is not None and is_frame(X):
        return schema.encode(as_polars(X), "X")
    X = dense(X)
    with np.errstate(over="ignore"):
        rows = np.ascontiguousarray(X, np.float32)
    if rows.dtype != np.asarray(X).dtype and not np.isfinite(rows).all():
        raise FalllineError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed: X holds numbers beyond 3e38, which float32 cannot"
        )
    return rows


def dense(X: Any) -> Any:
    """Sparse rows as an array; others as they are."""
    return X.toarray() if sparse.issparse(X) else X
