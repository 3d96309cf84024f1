"""Encode the rows that users pass to a trained model: frames, paths, tables, mappings and arrays."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays, check_matrix
from fallline.data.prediction import read_features
from fallline.data.schema import Schema
from fallline.data.sheet import Sheet

if TYPE_CHECKING:
    from jaxtyping import Float

    from fallline.data.table import Table


def encoded(rows: object, schema: Schema) -> Float[np.ndarray, "rows features"]:
    """Encode rows for the model's network, in their own order.

    Arguments:
        rows: a pandas or Polars frame, a path or `sklearn:NAME`, a `Table`, a mapping of column names to one value or to
            one value per row, a list of such mappings, or an array. An array as wide as the encoded features is taken to
            be encoded; an array as wide as the columns is encoded in the same way as the training data.
        schema: the model's schema.

    Raises: FalllineError for any other type, and for columns that do not fit.
    """
    home = sys.modules.get("fallline.data.table")  # imported by whoever made a table, and by nobody here
    if home is not None and isinstance(rows, home.Table):
        return _of_table(rows, schema)
    if isinstance(rows, Sheet):
        rows = rows.frame
    if isinstance(rows, RawArrays):
        return schema.encode(_by_name(rows, schema), "the arrays")
    if isinstance(rows, Mapping):
        return read_features(_frame(rows, schema), schema)[0]
    if isinstance(rows, Sequence) and not isinstance(rows, str) and rows and all(isinstance(e, Mapping) for e in rows):
        import polars as pl

        return read_features(pl.DataFrame(list(rows), strict=False, infer_schema_length=None), schema)[0]
    if isinstance(rows, str | Path) or type(rows).__name__ in ("DataFrame", "LazyFrame"):
        return read_features(rows, schema)[0]
    return _of_array(rows, schema)


def _of_array(rows: object, schema: Schema) -> np.ndarray:
    try:
        x = np.asarray(rows)
    except ValueError:
        x = np.empty(0, object)
    if x.dtype.kind not in "biuf" or x.ndim != 2:
        raise FalllineError(
            f"rows of type {type(rows).__name__} cannot be predicted: expected a frame, a path, sklearn:NAME, a Table, a "
            "dict of columns, or an array of numbers (rows, features)"
        )
    features = len(schema.feature_names)
    if x.shape[1] == features and (not len(x) or x.dtype == np.float32 or features != len(schema.columns)):
        return np.ascontiguousarray(x, np.float32)
    if x.shape[1] != len(schema.columns):
        raise FalllineError(
            f"the array has {x.shape[1]} columns: expected {len(schema.columns)} as in training, or {features} encoded "
            "features; a frame's columns are found by their names"
        )
    check_matrix(x, "the array")
    return schema.encode(x, "the array")


def _of_table(table: Table, schema: Schema) -> np.ndarray:
    """The table's own encoding if it equals the model's; otherwise its source is encoded anew."""
    if table.schema.to_dict() == schema.to_dict():
        return table.dataset.x
    if "source" not in table.source:
        raise FalllineError(
            f"the table {table.name!r} is encoded in another way than the model's, and came from memory: give the frame or "
            "the arrays that it was made from"
        )
    return read_features(table.source["source"], schema, table.source.get("names"))[0]


def _by_name(arrays: RawArrays, schema: Schema) -> np.ndarray:
    wanted = [column.name for column in schema.columns]
    if arrays.names is not None and list(arrays.names) != wanted and set(wanted) <= set(arrays.names):
        return arrays.x[:, [arrays.names.index(name) for name in wanted]]
    return arrays.x


def _frame(rows: Mapping[str, Any], schema: Schema) -> Any:
    import polars as pl

    one = all(isinstance(value, str) or not np.iterable(value) for value in rows.values())
    try:
        return pl.DataFrame({name: [value] if one else value for name, value in rows.items()}, strict=False)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise FalllineError(f"the rows cannot be made a table: {str(error).splitlines()[0]}") from None
