"""A schema as plain JSON values, and read back from them."""

from __future__ import annotations

import dataclasses
import re
from itertools import groupby
from typing import Any

from fallline.core.errors import FalllineError
from fallline.core.shape import Either, Entries, Flag, Listed, Real, Text, Whole, check
from fallline.data.columns import Column
from fallline.data.dates import ORDERS
from fallline.data.earlier import PATTERNS
from fallline.data.form import COUNTS, Form
from fallline.data.image_form import MOST, ImageForm
from fallline.data.target import TASKS, Target

MOST_HASHED = 1 << 16  # features of a text column
_DESCRIPTION, _AGAIN = "the description of the columns", "save the model again"
_ENCODED = ("number", "category", "boolean", "date", "presence", "text")
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
     "whole": Flag(), "size": Whole(1, MOST_HASHED), "format": Text(choices=tuple(PATTERNS))},
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
    },
    {
        "roles": Entries({}, {"groups": Text(), "time": Text(), "weights": Text()}),
        "image": Entries({"height": Whole(1, MOST), "width": Whole(1, MOST), "channels": Whole(1, 3)}),
    },
)


def columns_to_plain(columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    """Columns as plain JSON values; runs of plain number columns are written as a list of names."""
    written: list[dict[str, Any]] = []
    for plain, run in groupby(columns, key=lambda column: column.plain and not column.whole):
        if plain:
            written.append({"numbers": [column.name for column in run]})
        else:
            written.extend(_written(column) for column in run)
    return written


def target_to_plain(target: Target) -> dict[str, Any]:
    """A target as plain JSON values."""
    written: dict[str, Any] = {"names": list(target.names), "task": target.task}
    if target.classes is not None:
        written["classes"] = [*target.classes]
    if target.conditioned:
        written |= {"shift": list(target.shift), "factor": list(target.factor)}
    if target.forms:
        written["forms"] = [form.to_dict() for form in target.forms]
    if target.whole:
        written["whole"] = True
    return written


def read_schema(
    written: dict[str, Any],
) -> tuple[tuple[Column, ...], Target, str, tuple[tuple[str, str], ...], ImageForm | None]:
    """The columns, the target, the treatment of missing numbers, the columns with a role, and the form of images.

    Raises:
        FalllineError: `written` is not in the form written by `Schema.to_dict`.
    """
    check(WRITTEN, written, _DESCRIPTION, _AGAIN)
    columns: list[Column] = []
    for each in written["columns"]:
        runs = [{"name": name, "kind": "number"} for name in each["numbers"]] if "numbers" in each else [each]
        columns.extend(_read(run) for run in runs)
    _demand(len({column.name for column in columns}) == len(columns), "a column occurs twice")
    roles = tuple(written.get("roles", {}).items())
    image = ImageForm(**written["image"]) if "image" in written else None
    _demand(image is None or (image.channels != 2 and image.pixels == len(columns)), "its images have other pixels")
    return tuple(columns), _read_target(written["target"]), written["missing"], roles, image


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
    _demand((column.kind == "text") == (column.size > 0), f"column {name} has a size that is not of its kind")
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
