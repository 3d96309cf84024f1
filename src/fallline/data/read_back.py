"""Encoded rows as the columns of their source: numbers, levels, and the places that a column has among the features."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from fallline.data.columns import Column
from fallline.data.schema import Schema

if TYPE_CHECKING:
    from jaxtyping import Float, Int

OTHER, MISSING = "(other)", "(missing)"


@dataclasses.dataclass(frozen=True)
class Cells:
    """A column of the source, read back from its encoded features.

    Arguments:
        column: how the column is encoded.
        start, stop: its features.
        numbers: its numbers in their own unit, with NaN for missing cells, or days since 1970 for dates; None for levels.
        codes: the level of every row; None for numbers.
        levels: names of the levels.
    """

    column: Column
    start: int
    stop: int
    numbers: Float[np.ndarray, " rows"] | None = None
    codes: Int[np.ndarray, " rows"] | None = None
    levels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def missing(self) -> np.ndarray:
        """Bool (rows,): whether the cell is missing."""
        if self.numbers is not None:
            return np.asarray(np.isnan(self.numbers))
        assert self.codes is not None
        place = self.levels.index(MISSING) if MISSING in self.levels else -1
        return np.asarray(self.codes == place)


def cells_of(schema: Schema, x: Float[np.ndarray, "rows features"]) -> list[Cells]:
    """Every column of the source, for encoded rows.

    >>> from fallline.data.target import Target
    >>> schema = Schema((Column("c", "category", ("a", "b")), Column("n", "number", shift=1.0)), Target(("y",), "regression"))
    >>> both = cells_of(schema, np.array([[0.0, 1.0, 0.0, 2.0]]))
    >>> both[0].levels[both[0].codes[0]], float(both[1].numbers[0])
    ('b', 3.0)
    """
    found, start = [], 0
    for column in schema.columns:
        stop = start + len(column.feature_names())
        found.append(_read(column, start, stop, x))
        start = stop
    return found


def _read(column: Column, start: int, stop: int, x: np.ndarray) -> Cells:
    part = x[:, start:stop]
    if column.kind == "number":
        numbers = column.unit.restore(part[:, 0])
        if column.indicator:
            numbers = np.where(part[:, 1] > 0.5, np.nan, numbers)
        return Cells(column, start, stop, numbers=np.asarray(numbers, np.float64))
    if column.kind == "date":
        place = [name.rpartition(".")[2] for name in column.feature_names()].index("days")
        return Cells(column, start, stop, numbers=part[:, place].astype(np.float64) + column.origin)
    if column.kind == "category":
        slots = (*column.values, OTHER, *((MISSING,) if column.indicator else ()))
        return Cells(column, start, stop, codes=part.argmax(axis=1), levels=slots)
    if column.kind == "text":
        return Cells(column, start, stop, codes=(part != 0).any(axis=1).astype(int), levels=(MISSING, "text"))
    if column.kind == "presence":
        return Cells(column, start, stop, codes=(part[:, 0] > 0.5).astype(int), levels=(MISSING, "present"))
    codes = np.where(part[:, 0] == 0.5, 2, (part[:, 0] > 0.5).astype(int))
    return Cells(column, start, stop, codes=codes, levels=(*column.values[:2], MISSING))


def with_cell(x: Float[np.ndarray, "rows features"], cells: Cells, value: float | int) -> np.ndarray:
    """A copy of some rows in which every cell of a column has one value: a number, or the place of a level."""
    changed = x.copy()
    part = changed[:, cells.start : cells.stop]
    if cells.column.kind == "number":
        part[:] = 0.0
        part[:, 0] = cells.column.unit.apply(np.array([value]))[0]
    elif cells.column.kind == "category":
        part[:] = 0.0
        part[:, int(value)] = 1.0
    else:
        missing = cells.levels[int(value)] == MISSING and cells.column.kind == "boolean"
        part[:, 0] = 0.5 if missing else float(value)
        if cells.column.indicator:
            part[:, -1] = float(missing)
    return changed


def day(number: float) -> str:
    """A number of days since 1970 as a date."""
    return str(np.datetime64("1970-01-01") + np.timedelta64(round(number), "D"))
