"""How does a table become an array? A description in plain JSON values, fitted on training rows, used ever after."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.shape import Either, Entries, Flag, Listed, Real, Text, Whole, check
from fallline.data.arrays import blocks, check_matrix, count_bad
from fallline.data.cells import FORMATS
from fallline.data.columns import Column, conditioning, fit_column
from fallline.data.target import TASKS, Target

if TYPE_CHECKING:
    import polars as pl

_DESCRIPTION, _AGAIN = "the description of the columns", "save the model again"
_SAMPLE = 10_000  # rows that tell an array column's median and spread
_ENCODED = ("number", "category", "boolean", "date", "presence")
_NUMBERS = Entries({"numbers": Listed(Text(), least=1)})
_COLUMN = Entries(
    {"name": Text(), "kind": Text(choices=_ENCODED)},
    {"values": Listed(Text()), "indicator": Flag(), "shift": Real(), "factor": Real(), "format": Text(choices=FORMATS),
     "hour": Flag(), "origin": Real(-1e8, 1e8)},
)  # fmt: skip
_LABELS = Either(*(Listed(each, least=2) for each in (Text(), Flag(), Whole(), Real())))
WRITTEN = Entries(
    {
        "columns": Listed(Either(_NUMBERS, _COLUMN), least=1),
        "target": Entries({"names": Listed(Text(), least=1), "task": Text(choices=TASKS)}, {"classes": _LABELS}),
        "missing": Text(choices=("impute", "error")),
    }
)


@dataclass(frozen=True)
class Schema:
    """The encoding of a table.

    Attributes:
        columns: how each feature column is encoded, in the order of the encoded features.
        target: what is predicted.
        missing: "impute": a missing number is NaN, for the training run to fill in; "error": it is refused.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"age": [31.0, None, 52.0, 40.0], "sex": ["m", "f", "f", "m"]})
    >>> schema = fit_schema(frame, {"age": "number", "sex": "category"}, Target(("y",), "regression"))
    >>> schema.feature_names
    ('age', 'age is missing', 'sex=f', 'sex=m', 'sex=(other)')
    >>> schema.encode(pl.DataFrame({"sex": ["x"], "age": [20]})).tolist()
    [[20.0, 0.0, 0.0, 0.0, 1.0]]
    """

    columns: tuple[Column, ...]
    target: Target
    missing: str = "impute"

    @cached_property
    def feature_names(self) -> tuple[str, ...]:
        """One name per encoded feature."""
        return tuple(name for column in self.columns for name in column.feature_names())

    @cached_property
    def scaled(self) -> np.ndarray:
        """Bool (features,): may a scaler touch the feature?"""
        return np.array([each for column in self.columns for each in column.scaled()], bool)

    def encode(self, data: pl.DataFrame | np.ndarray, where: str = "the data") -> np.ndarray:
        """Encodes rows as float32 (rows, features); columns are found by name, an array's by position.

        A float32 array in C order with nothing to encode comes back as itself.

        Raises:
            FalllineError: a column is missing, infinite or of another kind than in training.
        """
        return self._encode_array(data, where) if isinstance(data, np.ndarray) else self._encode_frame(data, where)

    def _encode_frame(self, frame: pl.DataFrame, where: str) -> np.ndarray:
        names = set(frame.columns)
        lacking = [column.name for column in self.columns if column.name not in names]
        if lacking:
            listed = ", ".join(repr(name) for name in lacking[:5]) + (
                f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
            )
            extra = [name for name in frame.columns if name not in {column.name for column in self.columns}]
            others = f" (it has {', '.join(map(repr, extra[:5]))} besides)" if extra else ""
            word = "columns" if len(lacking) > 1 else "column"
            raise FalllineError(
                f"{where} lacks the {word} {listed} that the model was trained on{others}: add what is missing"
            )
        x = np.empty((frame.height, len(self.feature_names)), np.float32)
        start = 0
        for column in self.columns:
            stop = start + len(column.feature_names())
            column.encode(frame[column.name], x[:, start:stop], where)
            if self.missing == "error" and np.isnan(x[:, start:stop]).any():
                _refuse_missing(column.name, int(np.isnan(x[:, start]).sum()), where)
            start = stop
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
        places = np.arange(len(self.columns)) + np.cumsum(indicators) - indicators
        for rows in blocks(x):
            if not whole:
                with np.errstate(over="ignore"):
                    out[rows, places] = x[rows]
                for position in special:
                    cells = x[rows, position].astype(np.float64)
                    out[rows, places[position]] = self.columns[position].condition(cells, where)
                out[rows, places[indicators] + 1] = np.isnan(x[rows][:, indicators])
            if not np.isfinite(out[rows]).all():
                self._refuse_array(out[:, places] if not whole else x, where)
        return out

    def _refuse_array(self, x: np.ndarray, where: str) -> None:
        infinite, missing = count_bad(x)
        if infinite.any():
            worst = int(np.flatnonzero(infinite)[0])
            count = f"{infinite[worst]} infinite values" if infinite[worst] > 1 else "1 infinite value"
            name = self.columns[worst].name
            raise FalllineError(f"column {name!r} of {where} has {count} (or beyond 1e38): remove or correct them")
        if self.missing == "error" and missing.any():
            worst = int(np.flatnonzero(missing)[0])
            _refuse_missing(self.columns[worst].name, int(missing[worst]), where)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; runs of plain numbers are written as a list of names."""
        columns: list[dict[str, Any]] = []
        for plain, run in groupby(self.columns, key=lambda column: column.plain):
            if plain:
                columns.append({"numbers": [column.name for column in run]})
            else:
                columns.extend(_written(column) for column in run)
        target: dict[str, Any] = {"names": list(self.target.names), "task": self.target.task}
        if self.target.classes is not None:
            target["classes"] = [*self.target.classes]
        return {"columns": columns, "target": target, "missing": self.missing}

    @classmethod
    def from_dict(cls, written: dict[str, Any]) -> Schema:
        """The schema that `to_dict` wrote.

        Raises:
            FalllineError: `written` is not what `to_dict` writes.

        >>> columns = (Column("a", "number"), Column("b", "boolean", ("no", "yes")))
        >>> schema = Schema(columns, Target(("y",), "regression"))
        >>> Schema.from_dict(schema.to_dict()) == schema
        True
        """
        check(WRITTEN, written, _DESCRIPTION, _AGAIN)
        columns: list[Column] = []
        for each in written["columns"]:
            runs = [{"name": name, "kind": "number"} for name in each["numbers"]] if "numbers" in each else [each]
            columns.extend(_read(run) for run in runs)
        target = written["target"]
        names = tuple(target["names"])
        classes = tuple(target["classes"]) if "classes" in target else None
        _demand((classes is None) == (target["task"] != "classification"), "only a classification has classes")
        _demand(classes is None or len(names) == 1, "a classification has one target")
        _demand(classes is None or len(set(classes)) == len(classes), "a class stands in it twice")
        _demand(len(set(names)) == len(names), "a target stands in it twice")
        _demand(len({column.name for column in columns}) == len(columns), "a column stands in it twice")
        return cls(tuple(columns), Target(names, target["task"], classes), written["missing"])


def fit_schema(frame: pl.DataFrame, kinds: dict[str, str], target: Target) -> Schema:
    """Learns the encoding of a table from its training rows.

    Args:
        frame: the training rows.
        kinds: column name to "number", "category", "boolean", "date" or "presence"; other columns are left out.
        target: what is predicted.
    """
    return Schema(tuple(fit_column(frame[name], kind) for name, kind in kinds.items()), target)


def array_schema(
    x: np.ndarray, names: tuple[str, ...], target: Target, rows: np.ndarray, missing: str = "error"
) -> Schema:
    """Learns the encoding of an array: every column a number.

    Args:
        x: (all rows, features).
        names: one per feature.
        target: what is predicted.
        rows: the indices of the training rows.
        missing: "impute" lets NaN through and adds an indicator to columns that have it; "error" refuses NaN.
    """
    check_matrix(x, "X")
    width = x.shape[1]
    lacking = np.zeros(width, bool)
    if missing == "impute" and x.dtype.kind == "f":
        for part in blocks(x):
            lacking |= np.isnan(x[part]).any(axis=0)
    wide = [(0.0, 1.0)] * width
    if x.dtype.itemsize > 4 or (x.dtype.kind in "iu" and x.dtype.itemsize > 2):
        sample = x[rows[:: max(1, len(rows) // _SAMPLE)]].astype(np.float64)
        wide = [conditioning(column) for column in sample.T]
    columns = (
        Column(name, "number", indicator=bool(gone), shift=shift, factor=factor)
        for name, gone, (shift, factor) in zip(names, lacking, wide, strict=True)
    )
    return Schema(tuple(columns), target, missing)


def _refuse_missing(name: str, count: int, where: str) -> None:
    values = f"{count} missing values (NaN)" if count > 1 else "1 missing value (NaN)"
    raise FalllineError(
        f'column {name!r} of {where} has {values}: pass missing="impute" (--missing impute), or fill them in'
    )


def _written(column: Column) -> dict[str, Any]:
    fields = dataclasses.fields(column)
    entries = {
        field.name: getattr(column, field.name) for field in fields if getattr(column, field.name) != field.default
    }
    return {key: list(value) if isinstance(value, tuple) else value for key, value in entries.items()}


def _read(entries: dict[str, Any]) -> Column:
    column = Column(**{**entries, "values": tuple(entries.get("values", ()))})
    name = repr(column.name[:60])
    _demand(len(set(column.values)) == len(column.values), f"a value of column {name} stands in it twice")
    _demand(column.kind != "boolean" or len(column.values) == 2, f"the boolean column {name} has not two values")
    _demand(column.factor > 0, f"the factor of column {name} is not above 0")
    return column


def _demand(true: bool, otherwise: str) -> None:
    if not true:
        raise FalllineError(f"{_DESCRIPTION} is damaged: {otherwise}; {_AGAIN}")
