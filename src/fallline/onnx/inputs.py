"""The inputs of the graph: the table's columns, or one matrix for a model of arrays."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.columns import Column
from fallline.data.schema import Schema

CHOICES = ("auto", "columns", "array")
OUTPUTS = ("label", "probabilities", "scores", "prediction")
NO_DATE = np.iinfo(np.int64).min  # NumPy's integer value of NaT


@dataclass(frozen=True)
class Input:
    """One input of the graph, (N, columns).

    Attributes:
        name: name in the graph: the column's name, made an identifier; "X" for all columns together.
        columns: the columns that it holds.
        dtype: float32 or float64 for numbers, int64 for dates, object for text.
        matrix: whether it holds all columns together.
    """

    name: str
    columns: tuple[Column, ...]
    dtype: Any
    matrix: bool = False

    @property
    def about(self) -> str:
        """A description of the values to pass."""
        if self.matrix:
            return f"{len(self.columns)} columns of numbers, in the order of training; NaN where missing"
        column = self.columns[0]
        kind = {
            "number": "number, NaN where missing",
            "category": "text, empty where missing",
            "boolean": f"text, such as {' or '.join(repr(each) for each in column.values if each)}; empty where missing",
            "date": f"microseconds since 1970-01-01{' UTC' if column.form.zone else ''}, as in NumPy's datetime64[us]; "
            f"{NO_DATE} (NaT) where missing",
            "presence": "text, empty where missing; only whether it is there counts",
        }[column.kind]
        return f"column {column.name!r}: {kind}"


def inputs_of(schema: Schema, inputs: str = "auto") -> list[Input]:
    """The graph's inputs.

    Arguments:
        schema: the encoding of the columns.
        inputs: "columns" for one input (N, 1) per column; "array" for one input X (N, columns), for numbers only; "auto"
            for an array if the model was trained on one. That is assumed if all columns are numbers, and missing values
            are an error (the default of arrays) or all columns have the default names x0, x1, ...

    Raises: FalllineError for an array of columns that are not all numbers, and for a column with both empty texts and
        missing cells, which an ONNX string cannot tell apart, and for a column of hashed words.

    >>> from fallline.data.table import load
    >>> [(each.name, len(each.columns)) for each in inputs_of(load("sklearn:iris").schema)]
    [('X', 4)]
    """
    if inputs not in CHOICES:
        raise FalllineError(f"inputs = {inputs!r} is no way to give columns: {nearest(str(inputs), CHOICES)}")
    other = next((column for column in schema.columns if column.kind != "number"), None)
    if inputs == "array" and other is not None:
        raise FalllineError(
            f"column {other.name!r} is a {other.kind}, and one array holds numbers only: leave inputs to 'columns'"
        )
    unnamed = all(column.name == f"x{position}" for position, column in enumerate(schema.columns))
    if other is None and (inputs == "array" or (inputs == "auto" and (schema.missing == "error" or unnamed))):
        wide = any(_wide(column) for column in schema.columns)
        return [Input("X", schema.columns, np.float64 if wide else np.float32, matrix=True)]
    for column in schema.columns:
        if column.kind == "text":
            raise FalllineError(
                f"column {column.name!r} is a text whose words are hashed, which ONNX cannot compute: train without it "
                f"(--kind {column.name}=drop) to export a model"
            )
        if column.kind == "category" and column.indicator and "" in column.values:
            raise FalllineError(
                f"column {column.name!r} has both empty texts and missing cells, which are the same in ONNX: write the "
                "empty texts as a word, and train again"
            )
    names = identifiers((column.name for column in schema.columns), OUTPUTS)
    return [Input(name, (column,), _dtype(column)) for name, column in zip(names, schema.columns, strict=True)]


def identifiers(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Converts the names to distinct ONNX identifiers (letters, digits, underscores).

    >>> identifiers(["age", "hours-per-week", "hours per week", "2nd", "label"], taken=["label"])
    ['age', 'hours_per_week', 'hours_per_week_2', '_2nd', 'label_2']
    """
    found: list[str] = []
    used = set(taken)
    for name in names:
        safe = re.sub(r"[^A-Za-z0-9_]", "_", name)
        safe = f"_{safe}" if not safe or safe[0].isdigit() else safe
        own, count = safe, 1
        while own in used:
            count += 1
            own = f"{safe}_{count}"
        used.add(own)
        found.append(own)
    return found


def _wide(column: Column) -> bool:
    """Whether float32 could not tell the column's numbers apart or hold them."""
    return not column.unit.own


def _dtype(column: Column) -> Any:
    if column.kind == "number":
        return np.float64 if _wide(column) else np.float32
    return np.int64 if column.kind == "date" else object
