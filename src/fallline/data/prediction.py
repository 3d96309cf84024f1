"""Reads a source for a trained model, by the schema learnt in training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import DataWarning, FalllineError
from fallline.data.arrays import RawArrays, matrix
from fallline.data.cells import PLAIN, numbers, target_cells
from fallline.data.first_look import decimal_of
from fallline.data.schema import Schema
from fallline.data.sheet import Sheet
from fallline.data.sources import accepts_names, describe, read
from fallline.data.target import Target

if TYPE_CHECKING:
    import polars as pl

FILE = "file"  # the column that names the file of each image


def read_features(
    source: object, schema: Schema, names: list[str] | None = None, remarks: list[str] | None = None
) -> tuple[np.ndarray, pl.DataFrame | None]:
    """Reads and encodes the rows to predict; if the source has its own test part, only that part.

    Args:
        source: as for `load`; extra columns are ignored, and columns are found by name.
        schema: the model's schema.
        names: column names for a text file without a header line; other files have their own.
        remarks: collects a sentence for every kind of cell that does not fit what training learnt; if None, the
            sentences become warnings.

    Returns:
        float32 (rows, features), and the table as read, to be written next to the predictions: of images their files, and
        None for other arrays.

    Raises:
        FalllineError: a column is missing, infinite or of another kind than in training.
    """
    raw = read(source, names if accepts_names(source) else None, image=schema.image)
    if isinstance(raw, RawArrays):
        _tell(raw.notes, remarks)
        return _encode_arrays(raw, raw.held_out()[0], schema, describe(source)), _named_rows(raw)
    return schema.encode(raw, describe(source), remarks), raw.frame


def read_labelled(
    source: object, schema: Schema, names: list[str] | None = None, remarks: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Reads and encodes rows with their labels or targets; if the source has its own test part, only that part.

    Returns:
        float32 (rows, features), and the targets as given: int32 class indices (rows,) or float64 (rows, targets).

    Raises:
        FalllineError: as for `read_features`; or there is no target, a target is missing, or a class is unknown.
    """
    raw = read(source, names if accepts_names(source) else None, image=schema.image)
    return labelled(raw, describe(source), schema, remarks)


def labelled(
    raw: Sheet | RawArrays, where: str, schema: Schema, remarks: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes rows that were read, with their labels or targets; see `read_labelled`."""
    if isinstance(raw, RawArrays):
        x, y = raw.held_out()
        if y is None:
            raise FalllineError(raw.lacks_targets(where))
        _tell(raw.notes, remarks)
        if len(y) != len(x):
            raise FalllineError(f"{where} has {len(x)} rows but {len(y)} targets: give one per row")
        return _encode_arrays(raw, x, schema, where), schema.target.read(y, where)
    return encode_labelled(raw, schema, where, remarks)


def encode_labelled(
    raw: Sheet, schema: Schema, where: str, remarks: list[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Encodes rows of a table with their labels or targets; see `read_labelled`."""
    lacking = [name for name in schema.target.names if name not in raw.frame.columns]
    if lacking:
        raise FalllineError(f"{where} lacks the target column {lacking[0]!r}: add it, or only predict")
    x = schema.encode(raw, where, remarks)
    numeric = [column.name for column in schema.columns if column.kind == "number"]
    said: list[str] = []
    answers = read_targets(raw.frame.select(schema.target.names), schema.target, decimal_of(raw, numeric), where, said)
    _tell(said, remarks)
    return x, schema.target.read(target_values(answers, schema.target.names), where)


def _tell(said: Iterable[str], remarks: list[str] | None) -> None:
    """Adds sentences to the remarks; without a list for them they become warnings."""
    if remarks is not None:
        remarks.extend(said)
    for sentence in said if remarks is None else ():
        warnings.warn(sentence, DataWarning, stacklevel=3)


def _named_rows(raw: RawArrays) -> pl.DataFrame | None:
    """The files of images as a table of one column; None for rows without names."""
    import polars as pl

    return pl.DataFrame({FILE: list(raw.rows)}) if raw.rows else None


def read_targets(frame: pl.DataFrame, target: Target, decimal: str, where: str, remarks: list[str]) -> pl.DataFrame:
    """Reads the targets' texts as numbers, in the form learnt in training or in another form with a clear meaning.

    A column that holds anything else stays text, which the target then refuses with an example.
    """
    import polars as pl

    columns = []
    forms = target.forms or (PLAIN,) * len(target.names)
    for text, form in zip(frame.iter_columns(), forms, strict=True):
        if target.task == "regression" and text.dtype == pl.String:
            doubts: list[str] = []
            cells = pl.Series(text.name, numbers(text, form, decimal, target.whole, doubts)).fill_nan(None)
            if cells.null_count() == text.null_count():
                columns.append(cells)
                remarks.extend(f"the target {text.name!r} of {where} {each}" for each in doubts)
    return frame.with_columns(columns)


def target_values(frame: pl.DataFrame, targets: tuple[str, ...]) -> np.ndarray:
    """The target columns' cells, (rows,) or (rows, targets)."""
    cells = [target_cells(frame[name]) for name in targets]
    return cells[0] if len(cells) == 1 else np.column_stack(cells)


def _encode_arrays(raw: RawArrays, x: np.ndarray, schema: Schema, where: str) -> np.ndarray:
    x = matrix(x, where)
    wanted = [column.name for column in schema.columns]
    if (
        raw.names is not None
        and len(raw.names) == x.shape[1]
        and set(wanted) <= set(raw.names)
        and list(raw.names) != wanted
    ):
        index = {name: position for position, name in enumerate(raw.names)}
        x = x[:, [index[name] for name in wanted]]
    return schema.encode(x, where)
