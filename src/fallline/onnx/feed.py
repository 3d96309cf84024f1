"""Converts a table's rows to the arrays that the graph takes, for anyone who runs it from Python."""

from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.cells import instants, labels, numbers
from fallline.data.columns import Column
from fallline.data.schema import Schema
from fallline.onnx.inputs import NO_DATE, Input, inputs_of

if TYPE_CHECKING:
    import polars as pl


def feed(schema: Schema, rows: "pl.DataFrame | np.ndarray", inputs: str = "auto") -> dict[str, np.ndarray]:
    """The inputs of ONNX Runtime's `InferenceSession.run` for these rows.

    Arguments:
        schema: the model's schema, `predictor.schema`.
        rows: a Polars table with the model's columns, or an array of numbers (rows, columns).
        inputs: as for `to_onnx`.

    Raises: FalllineError if the table lacks one of the columns.

    >>> import polars as pl
    >>> from fallline.data.table import load
    >>> rows = pl.DataFrame({"age": [31.0, None, 52.0] * 4, "sex": ["m", "f", "f"] * 4, "y": [1.5, 2.5, 3.5] * 4})
    >>> {name: each[1].tolist() for name, each in feed(load(rows, "y").schema, rows).items()}
    {'age': [nan], 'sex': ['f']}
    """
    return {each.name: _values(each, rows) for each in inputs_of(schema, inputs)}


def _values(wanted: Input, rows: "pl.DataFrame | np.ndarray") -> np.ndarray:
    names = [column.name for column in wanted.columns]
    if isinstance(rows, np.ndarray):
        if not wanted.matrix:
            raise FalllineError(f"the rows are an array, but input {wanted.name!r} is a column: give a table")
        return rows.astype(wanted.dtype)
    lacking = [name for name in names if name not in rows.columns]
    if lacking:
        raise FalllineError(f"the rows lack the column {lacking[0]!r} that the model was trained on: add it")
    cells = np.column_stack([_cells(rows[column.name], column) for column in wanted.columns])
    return cells.astype(wanted.dtype)


def _cells(series: "pl.Series", column: Column) -> Any:
    if column.kind == "number":
        return numbers(series, column.form)
    if column.kind == "date":
        return instants(series, column.form).dt.epoch("us").fill_null(NO_DATE).to_numpy()
    return labels(series).fill_null("").to_numpy().astype(object)
