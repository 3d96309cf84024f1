"""The encoding of a table as an array: fitted on training rows, written as plain JSON values, used for prediction."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import DataWarning, FalllineError
from fallline.data.arrays import blocks, check_matrix, count_bad
from fallline.data.columns import Column
from fallline.data.first_look import decimal_of
from fallline.data.image_form import ImageForm
from fallline.data.schema_text import columns_to_plain, read_schema, target_to_plain
from fallline.data.sheet import Sheet
from fallline.data.target import Target

if TYPE_CHECKING:
    import polars as pl

_TOGETHER = 8  # columns that are written at a time: more would need more memory beside the result
_ROWS = 4_096  # rows of them that are written at a time


@dataclass(frozen=True)
class Schema:
    """The encoding of a table.

    Attributes:
        columns: the encoding of each feature column, in the order of the encoded features.
        target: the target.
        missing: "impute" if missing numbers become NaN, to be filled in by the training run; "error" to refuse them.
        roles: (role, column) of each column that was used in training and is no feature: groups, time, weights.
        image: the form of the images whose pixels the columns are; None for other rows.

    >>> import polars as pl
    >>> from fallline.data.schema_fitting import fit_schema
    >>> frame = pl.DataFrame({"age": [31.0, None, 52.0, 40.0], "sex": ["m", "f", "f", "m"]})
    >>> schema = fit_schema(frame, {"age": "number", "sex": "category"}, Target(("y",), "regression"))
    >>> schema.feature_names
    ('age', 'age is missing', 'sex=f', 'sex=m', 'sex=(other)')
    >>> remarks = []
    >>> schema.encode(pl.DataFrame({"sex": ["x"], "age": [20]}), "new.csv", remarks).tolist()
    [[20.0, 0.0, 0.0, 0.0, 1.0]]
    >>> print(*remarks)
    column 'sex' of new.csv holds 1 of 1 cells (100 %) with values that training has not seen, such as 'x': they count as other
    """

    columns: tuple[Column, ...]
    target: Target
    missing: str = "impute"
    roles: tuple[tuple[str, str], ...] = ()
    image: ImageForm | None = None

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """One name per encoded feature."""
        return tuple(name for column in self.columns for name in column.feature_names())

    @cached_property
    def scaled(self) -> np.ndarray:
        """Bool (features,): whether a scaler may change the feature."""
        return np.array([each for column in self.columns for each in column.scaled()], bool)

    def encode(
        self,
        data: Sheet | pl.DataFrame | np.ndarray,
        where: str = "the data",
        remarks: list[str] | None = None,
        *,
        understood: bool = False,
    ) -> np.ndarray:
        """Encodes rows as float32 (rows, features); columns are found by name, or by position in an array.

        A float32 array in C order with nothing to encode is returned as it is.

        Args:
            data: the rows.
            where: name of the source in messages.
            remarks: collects a sentence for every kind of cell that does not fit what training learnt; if None, the
                sentences become warnings.
            understood: whether texts that are numbers and dates have already been converted.

        Raises:
            FalllineError: a column is missing, infinite or of another kind than in training.
        """
        if isinstance(data, np.ndarray):
            return self._encode_array(data, where)
        sheet = data if isinstance(data, Sheet) else Sheet(data)
        said: list[str] = []
        x = self._encode_frame(sheet, where, said, understood)
        if remarks is not None:
            remarks.extend(said)
        else:
            for sentence in said:
                warnings.warn(sentence, DataWarning, stacklevel=2)
        return x

    def _encode_frame(self, sheet: Sheet, where: str, remarks: list[str], understood: bool) -> np.ndarray:
        frame = sheet.frame
        names = set(frame.columns)
        lacking = [column.name for column in self.columns if column.name not in names]
        if lacking:
            listed = ", ".join(repr(name) for name in lacking[:5]) + (
                f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            )
            known = {*(column.name for column in self.columns), *dict(self.roles).values()}
            extra = [name for name in frame.columns if name not in known]
            others = f" (it has {', '.join(map(repr, extra[:5]))} besides)" if extra else ""
            word = "columns" if len(lacking) > 1 else "column"
            raise FalllineError(
                f"{where} lacks the {word} {listed} that the model was trained on{others}: add what is missing"
            )
        decimal = "" if understood else decimal_of(sheet, [c.name for c in self.columns if c.kind == "number"])
        x = np.empty((frame.height, len(self.feature_names)), np.float32)
        start = 0
        waiting: list[tuple[int, np.ndarray]] = []
        for column in self.columns:
            stop = start + len(column.feature_names())
            cells, out = frame[column.name], x[:, start:stop]
            typed = column.typed(cells, where, understood=understood)
            if typed is None:
                column.encode(cells, out, where, remarks, decimal=decimal, understood=understood)
            if self.missing == "error" and np.isnan(out if typed is None else typed).any():
                _refuse_missing(column.name, int(np.isnan(x[:, start] if typed is None else typed).sum()), where)
            if typed is not None:
                waiting += [(start, typed)] + [(start + 1, np.isnan(typed))] * column.indicator
            if len(waiting) >= _TOGETHER:
                _write(waiting, x)
            start = stop
        _write(waiting, x)
        return x

    def _encode_array(self, x: np.ndarray, where: str) -> np.ndarray:
        check_matrix(x, where)
        other = next((column for column in self.columns if column.kind != "number"), None)
        if other is not None:
            raise FalllineError(
                f"{where} is an array, but column {other.name!r} is a {other.kind}: give a table with named columns"
            )
        if x.shape[1] != len(self.columns):
            raise FalllineError(
                f"{where} has {x.shape[1]} features where the model was trained on {len(self.columns)}: give those"
            )
        special = [position for position, column in enumerate(self.columns) if not column.plain]
        whole = not special and x.dtype == np.float32 and x.flags.c_contiguous
        out = x if whole else np.empty((len(x), len(self.feature_names)), np.float32)
        indicators = np.array([column.indicator for column in self.columns])
        indices = np.arange(len(self.columns)) + np.cumsum(indicators) - indicators
        for rows in blocks(x):
            if not whole:
                with np.errstate(over="ignore"):
                    out[rows, indices] = x[rows]
                for position in special:
                    cells = x[rows, position].astype(np.float64)
                    out[rows, indices[position]] = self.columns[position].condition(cells, where)
                out[rows, indices[indicators] + 1] = np.isnan(x[rows][:, indicators])
            if not np.isfinite(out[rows]).all():
                self._refuse_array(out[:, indices] if not whole else x, where)
        return out

    def _refuse_array(self, x: np.ndarray, where: str) -> None:
        infinite, missing = count_bad(x)
        if infinite.any():
            worst = int(np.flatnonzero(infinite)[0])
            raise FalllineError(self.columns[worst].refusal(int(infinite[worst]), where))
        if self.missing == "error" and missing.any():
            worst = int(np.flatnonzero(missing)[0])
            _refuse_missing(self.columns[worst].name, int(missing[worst]), where)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON values; runs of plain number columns are written as a list of names."""
        return {
            "columns": columns_to_plain(self.columns),
            "target": target_to_plain(self.target),
            "missing": self.missing,
            **({"roles": dict(self.roles)} if self.roles else {}),
            **({"image": dataclasses.asdict(self.image)} if self.image is not None else {}),
        }

    @classmethod
    def from_dict(cls, written: dict[str, Any]) -> Schema:
        """Reads a schema written by `to_dict`.

        Raises:
            FalllineError: `written` is not in the form written by `to_dict`.

        >>> columns = (Column("a", "number"), Column("b", "boolean", ("no", "yes")))
        >>> schema = Schema(columns, Target(("y",), "regression"))
        >>> Schema.from_dict(schema.to_dict()) == schema
        True
        """
        return cls(*read_schema(written))


def _write(waiting: list[tuple[int, np.ndarray]], x: np.ndarray) -> None:
    """Writes whole columns to their positions in x, block by block, so that each part of x is in the cache once."""
    for begin in range(0, len(x), _ROWS):
        part = x[begin : begin + _ROWS]
        for position, cells in waiting:
            part[:, position] = cells[begin : begin + _ROWS]
    waiting.clear()


def _refuse_missing(name: str, count: int, where: str) -> None:
    values = f"{count} missing values (NaN)" if count > 1 else "1 missing value (NaN)"
    raise FalllineError(
        f'column {name!r} of {where} has {values}: pass missing="impute" (--missing impute), or fill them in'
    )
