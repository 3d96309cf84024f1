"""Encodes pieces of a stream by its schema, in a compact form: numbers as float32, each category as one byte."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.cells import labels
from fallline.data.columns import Column
from fallline.data.prediction import read_targets, target_values
from fallline.data.schema import Schema

if TYPE_CHECKING:
    import polars as pl
    from jaxtyping import Float, UInt8


@dataclass(frozen=True, eq=False)
class EncodedRows:
    """Encoded rows.

    Attributes:
        numbers: all features that are no slots of a category, float32.
        codes: the slot of each category.
        y: int32 class indices (rows,), or float64 targets (rows, targets) in their own unit.
    """

    numbers: Float[np.ndarray, "rows numbers"]
    codes: UInt8[np.ndarray, "rows categories"]
    y: np.ndarray

    def __len__(self) -> int:
        return len(self.y)

    def at(self, rows: slice | np.ndarray) -> EncodedRows:
        """Some of the rows."""
        return EncodedRows(self.numbers[rows], self.codes[rows], self.y[rows])


def joined(parts: list[EncodedRows]) -> EncodedRows:
    """The rows of several parts, one after the other."""
    return EncodedRows(*(np.concatenate([getattr(each, name) for each in parts]) for name in ("numbers", "codes", "y")))


@dataclass(frozen=True, eq=False)
class Encoder:
    """The encoding of a stream's rows.

    Attributes:
        schema: the schema that the first pass learnt.
        decimal: the decimal sign that the texts show, or "".
        remarks: collects the first sentence about each column with cells that do not fit.
    """

    schema: Schema
    decimal: str = ""
    remarks: dict[str, str] = field(default_factory=dict)

    @cached_property
    def places(self) -> list[tuple[Column, int, int, int]]:
        """Each column with its first feature, its number of features, and its first place in the compact form."""
        found, start, numbers, codes = [], 0, 0, 0
        for column in self.schema.columns:
            width = len(column.feature_names())
            is_category = column.kind == "category"
            found.append((column, start, width, codes if is_category else numbers))
            start += width
            codes, numbers = (codes + 1, numbers) if is_category else (codes, numbers + width)
        return found

    @property
    def widths(self) -> tuple[int, int]:
        """The number of features that are no slots of a category, and the number of categories."""
        categories = [width for column, _, width, _ in self.places if column.kind == "category"]
        return len(self.schema.feature_names) - sum(categories), len(categories)

    def encode(self, frame: pl.DataFrame, where: str) -> EncodedRows:
        """Encodes rows with their targets.

        Args:
            frame: the rows, with the columns that the stream's files share.
            where: name of the file in messages.

        Raises:
            FalllineError: a cell is infinite or most cells of a column do not fit; a target is missing or unknown.
        """
        numbers, categories = self.widths
        x = np.empty((frame.height, numbers), np.float32)
        codes = np.empty((frame.height, categories), np.uint8)
        said: list[str] = []
        quick = self._quick(frame, x)
        for column, _, width, place in self.places:
            cells = frame[column.name]
            if column.kind == "category":
                # Training has seen every value: what has no slot is rare, and no reason for a remark.
                codes[:, place] = replace(column, others=1.0).slots(labels(cells), where, [])
            elif column.name not in quick:
                out = x[:, place : place + width]
                column.encode(cells, out, where, said, decimal=self.decimal)
                if self.schema.missing == "error" and np.isnan(out).any():
                    raise FalllineError(
                        f'column {column.name!r} of {where} has missing values: pass missing="impute" (--missing impute), '
                        "or fill them in"
                    )
        target = self.schema.target
        answers = read_targets(frame.select(target.names), target, self.decimal, where, said)
        for each in said:
            self.remarks.setdefault(each.split(" of ")[0], each)
        return EncodedRows(x, codes, target.read(target_values(answers, target.names), where))

    def _quick(self, frame: pl.DataFrame, x: np.ndarray) -> set[str]:
        """Casts the columns that are numbers already, all at once; returns their names."""
        import polars as pl

        plain = [
            (column.name, place)
            for column, _, _, place in self.places
            if column.kind == "number"
            and column.unit.own
            and not column.indicator
            and column.form.unit != "%"
            and frame.schema[column.name].is_numeric()
        ]
        if self.schema.missing == "error" or not plain:
            return set()
        # By way of float64, as one column alone: two roundings are not always one.
        cells = frame.select(pl.col(name).cast(pl.Float64).cast(pl.Float32) for name, _ in plain)
        lost = cells.select(pl.all().is_infinite().any()).row(0)
        done = set()
        for (name, place), infinite in zip(plain, lost, strict=True):
            if not infinite:  # otherwise the column itself says what is wrong
                x[:, place] = cells[name].fill_null(float("nan")).to_numpy()
                done.add(name)
        return done

    def fits(self, rows: EncodedRows) -> bool:
        """Whether rows from a file can be rows of this encoding: their shapes, types, slots and classes."""
        target, slots = self.schema.target, [each for column, _, each, _ in self.places if column.kind == "category"]
        classes = target.classes is not None
        if (rows.numbers.shape[1:], rows.codes.shape[1:]) != tuple((each,) for each in self.widths):
            return False
        if rows.y.shape[1:] != (() if classes else (len(target.names),)) or rows.y.dtype.kind != (
            "i" if classes else "f"
        ):
            return False
        if len(rows) and classes and not 0 <= rows.y.min() <= rows.y.max() < target.n_classes:
            return False
        return not len(rows) or bool((rows.codes.max(axis=0) < slots).all())

    def expand(self, rows: EncodedRows, out: Float[np.ndarray, "rows features"]) -> None:
        """Writes the features of encoded rows, as `Schema.encode` would."""
        index = np.arange(len(rows))
        for first, stop, place in self._runs:
            out[:, first:stop] = rows.numbers[:, place : place + stop - first]
        for column, start, width, place in self.places:
            if column.kind == "category":
                out[:, start : start + width] = 0
                out[index, start + rows.codes[:, place].astype(np.intp)] = 1

    @cached_property
    def _runs(self) -> list[tuple[int, int, int]]:
        """Neighbouring features that are no slots: the first, the one after the last, and the place of the first."""
        runs: list[tuple[int, int, int]] = []
        for column, start, width, place in self.places:
            if column.kind == "category":
                continue
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], start + width, runs[-1][2])
            else:
                runs.append((start, start + width, place))
        return runs
