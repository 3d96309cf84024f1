"""The encoding of a table as an array: fitted on training rows, written as plain JSON values, used for prediction."""

from __future__ import annotations

import dataclasses
import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import DataWarning, FalllineError
from fallline.core.shape import Either, Entries, Flag, Listed, Real, Text, Whole, check
from fallline.data.arrays import blocks, check_matrix, count_bad
from fallline.data.columns import Column
from fallline.data.dates import ORDERS
from fallline.data.earlier import PATTERNS
from fallline.data.first_look import decimal_of
from fallline.data.fitting import fit_column
from fallline.data.form import COUNTS, Form
from fallline.data.sheet import Sheet
from fallline.data.target import TASKS, Target
from fallline.data.units import SAMPLE, Unit, unit_of

if TYPE_CHECKING:
    import polars as pl

_DESCRIPTION, _AGAIN = "the description of the columns", "save the model again"
_CELLS = 2_000_000  # cells of a wide array that are examined to find its columns' units
_ENCODED = ("number", "category", "boolean", "date", "presence")
_NUMBERS = Entries({"numbers": Listed(Text(), least=1)})
_FORM = Entries(
    {},
    {"decimal": Text(choices=(".", ",")), "group": Text(choices=("", *",. '_")), "unit": Text(visible=True),
     "order": Text(choices=("", *ORDERS)), "zone": Text(), "counts": Text(choices=("", *COUNTS)), "settled": Flag()},
)  # fmt: skip
_COLUMN = Entries(
    {"name": Text(), "kind": Text(choices=_ENCODED)},
    {"values": Listed(Text()), "indicator": Flag(), "shift": Real(), "factor": Real(), "limit": Real(0.0),
     "form": _FORM, "hour": Flag(), "origin": Real(-1e8, 1e8), "rare": Listed(Text()), "others": Real(0.0, 1.0),
     "whole": Flag(), "format": Text(choices=tuple(PATTERNS))},
)  # fmt: skip
_LABELS = Either(*(Listed(each, least=1) for each in (Text(), Flag(), Whole(), Real())))
_TARGET = Entries(
    {"names": Listed(Text(), least=1), "task": Text(choices=TASKS)},
    {"classes": _LABELS, "shift": Listed(Real()), "factor": Listed(Real(0.0)), "forms": Listed(_FORM), "whole": Flag()},
)
WRITTEN = Entries(
    {
        "columns": Listed(Either(_NUMBERS, _COLUMN), least=1),
        "target": _TARGET,
        "missing": Text(choices=("impute", "error")),
    }
)


@dataclass(frozen=True)
class Schema:
    """The encoding of a table.

    Attributes:
        columns: the encoding of each feature column, in the order of the encoded features.
        target: the target.
        missing: "impute" if missing numbers become NaN, to be filled in by the training run; "error" to refuse them.

    >>> import polars as pl
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
            extra = [name for name in frame.columns if name not in {column.name for column in self.columns}]
            others = f" (it has {', '.join(map(repr, extra[:5]))} besides)" if extra else ""
            word = "columns" if len(lacking) > 1 else "column"
            raise FalllineError(
                f"{where} lacks the {word} {listed} that the model was trained on{others}: add what is missing"
            )
        decimal = "" if understood else decimal_of(sheet, [c.name for c in self.columns if c.kind == "number"])
        x = np.empty((frame.height, len(self.feature_names)), np.float32)
        start = 0
        for column in self.columns:
            stop = start + len(column.feature_names())
            cells, out = frame[column.name], x[:, start:stop]
            column.encode(cells, out, where, remarks, decimal=decimal, understood=understood)
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
            raise FalllineError(self.columns[worst].refusal(int(infinite[worst]), where))
        if self.missing == "error" and missing.any():
            worst = int(np.flatnonzero(missing)[0])
            _refuse_missing(self.columns[worst].name, int(missing[worst]), where)

    def to_dict(self) -> dict[str, Any]:
        """The schema as plain JSON values; runs of plain number columns are written as a list of names."""
        columns: list[dict[str, Any]] = []
        for plain, run in groupby(self.columns, key=lambda column: column.plain and not column.whole):
            if plain:
                columns.append({"numbers": [column.name for column in run]})
            else:
                columns.extend(_written(column) for column in run)
        target: dict[str, Any] = {"names": list(self.target.names), "task": self.target.task}
        if self.target.classes is not None:
            target["classes"] = [*self.target.classes]
        if self.target.conditioned:
            target |= {"shift": list(self.target.shift), "factor": list(self.target.factor)}
        if self.target.forms:
            target["forms"] = [form.to_dict() for form in self.target.forms]
        if self.target.whole:
            target["whole"] = True
        return {"columns": columns, "target": target, "missing": self.missing}

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
        check(WRITTEN, written, _DESCRIPTION, _AGAIN)
        columns: list[Column] = []
        for each in written["columns"]:
            runs = [{"name": name, "kind": "number"} for name in each["numbers"]] if "numbers" in each else [each]
            columns.extend(_read(run) for run in runs)
        _demand(len({column.name for column in columns}) == len(columns), "a column occurs twice")
        return cls(tuple(columns), _read_target(written["target"]), written["missing"])


def fit_schema(
    frame: pl.DataFrame, kinds: dict[str, str], target: Target, forms: dict[str, Form] | None = None
) -> Schema:
    """Learns the encoding of a table from its training rows.

    Args:
        frame: the training rows.
        kinds: column name to "number", "category", "boolean", "date" or "presence"; other columns are left out.
        target: the target.
        forms: column name to how the column is written, where its type does not say it all.
    """
    forms = forms or {}
    return Schema(tuple(fit_column(frame[name], kind, forms.get(name)) for name, kind in kinds.items()), target)


def array_schema(
    x: np.ndarray, names: tuple[str, ...], target: Target, rows: np.ndarray, missing: str = "error"
) -> Schema:
    """Learns the encoding of an array, in which every column is a number.

    Args:
        x: (all rows, features).
        names: one name per feature.
        target: the target.
        rows: the indices of the training rows.
        missing: "impute" to accept NaN and add an indicator to columns that have it; "error" to refuse NaN.
    """
    check_matrix(x, "X")
    width = x.shape[1]
    lacking = np.zeros(width, bool)
    if missing == "impute" and x.dtype.kind == "f":
        for part in blocks(x):
            lacking |= np.isnan(x[part]).any(axis=0)
    columns = (
        Column(name, "number", indicator=bool(gone), **unit._asdict())
        for name, gone, unit in zip(names, lacking, _units(x, rows), strict=True)
    )
    return Schema(tuple(columns), target, missing)


def _units(x: np.ndarray, rows: np.ndarray) -> list[Unit]:
    """The unit of every column of an array: its extremes are taken over `rows`, the rest is learnt from a sample."""
    width = x.shape[1]
    if x.dtype.itemsize <= 2:  # float32 holds these numbers and their squares
        return [Unit()] * width
    most = max(1_000, min(SAMPLE, _CELLS // width))
    sample = x[rows[:: max(1, len(rows) // most)]].astype(np.float64)
    ends = _ends(x, rows)
    rounding = float(8 * np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0
    return [
        unit_of(column, ends=(low, high) if np.isfinite(high - low) else None, rounding=rounding)
        for column, low, high in zip(sample.T, *ends.tolist(), strict=True)
    ]


def _ends(x: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The smallest and the largest number of every column, (2, columns) float64, ignoring NaN."""
    step = max(1, _CELLS // x.shape[1])
    low, high = np.full(x.shape[1], np.inf), np.full(x.shape[1], -np.inf)
    for start in range(0, len(rows), step):
        part = x[rows[start : start + step]]
        low = np.fmin(low, np.fmin.reduce(part, axis=0))
        high = np.fmax(high, np.fmax.reduce(part, axis=0))
    return np.stack([low, high])


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
    plain = {key: list(value) if isinstance(value, tuple) else value for key, value in entries.items()}
    return plain | ({"form": column.form.to_dict()} if "form" in plain else {})


def _read(entries: dict[str, Any]) -> Column:
    form = _read_form(entries)
    column = Column(
        **{key: value for key, value in entries.items() if key != "format"}
        | {"values": tuple(entries.get("values", ())), "rare": tuple(entries.get("rare", ())), "form": form}
    )
    name = repr(column.name[:60])
    _demand(len(set(column.values)) == len(column.values), f"a value of column {name} occurs twice")
    _demand(column.kind != "boolean" or len(column.values) == 2, f"the boolean column {name} does not have two values")
    _demand(column.factor > 0, f"the factor of column {name} is not above 0")
    _demand(column.limit > 0, f"the limit of column {name} is not above 0")
    _demand(form.decimal != form.group, f"the decimal sign of column {name} groups its digits as well")
    _demand(not form.zone or _is_zone(form.zone), f"column {name} names an unknown time zone")
    return column


def _read_form(entries: dict[str, Any]) -> Form:
    """Reads a form; versions before 0.2 wrote the pattern of a date's cells instead."""
    if "format" in entries:
        return Form(order=PATTERNS[entries["format"]])
    return Form(**entries.get("form", {}))


def _read_target(entries: dict[str, Any]) -> Target:
    names = tuple(entries["names"])
    classes = tuple(entries["classes"]) if "classes" in entries else None
    shift, factor = (tuple(entries.get(key, ())) for key in ("shift", "factor"))
    _demand((classes is None) == (entries["task"] != "classification"), "only a classification has classes")
    _demand(classes is None or len(names) == 1, "a classification has one target")
    _demand(classes is None or len({type(each) for each in classes}) == 1, "its classes are of several types")
    _demand(classes is None or len(set(classes)) == len(classes), "a class occurs twice")
    _demand(len(set(names)) == len(names), "a target occurs twice")
    _demand(not factor or entries["task"] == "regression", "only a regression has a target in another unit")
    _demand(len(shift) == len(factor) and len(factor) in (0, len(names)), "not every target has a shift and a factor")
    _demand(all(each > 0 for each in factor), "the factor of a target is not above 0")
    forms = tuple(Form(**each) for each in entries.get("forms", ()))
    _demand(not forms or entries["task"] == "regression", "only the numbers of a regression have a form")
    _demand(len(forms) in (0, len(names)), "not every target has a form")
    _demand(all(form.decimal != form.group for form in forms), "the decimal sign of a target groups its digits as well")
    return Target(names, entries["task"], classes, shift, factor, forms, entries.get("whole", False))


def _is_zone(zone: str) -> bool:
    if re.fullmatch(r"[+-]\d\d:\d\d|UTC", zone):
        return True
    import zoneinfo

    return zone in zoneinfo.available_timezones()


def _demand(true: bool, otherwise: str) -> None:
    if not true:
        raise FalllineError(f"{_DESCRIPTION} is damaged: {otherwise}; {_AGAIN}")
