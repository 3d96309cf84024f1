"""Converts a column of text to numbers or dates, with remarks about anything doubtful."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fallline.core.errors import share
from fallline.data import dates
from fallline.data.cells import THOUSANDS, instants, two_ways
from fallline.data.first_look import SAMPLE, Look
from fallline.data.form import Form
from fallline.data.marks import is_word
from fallline.data.measures import MAGNITUDE, known
from fallline.data.numerals import MOSTLY, Numerals, find, read

if TYPE_CHECKING:
    import polars as pl

_FEW_MARKS = 3  # most distinct texts that may recur among numbers as marks for missing values
_AGAIN = 3  # fewest occurrences of each
_MONTH_YEAR = r"^(?:0[1-9]|1[0-2])\.(?:19|20)\d\d$"
_COMPACT = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"


@dataclass
class Understood:
    """A table with typed cells.

    Attributes:
        frame: the table, in which texts that are numbers or dates have been converted; all else is as it was.
        forms: column name to how the column is written, where its type does not say it all.
        remarks: one sentence about each thing that could be read in two ways, or not at all.
        decimal: the decimal sign of the file, "" if unknown.
    """

    frame: pl.DataFrame
    forms: dict[str, Form] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    decimal: str = ""


def plain_numbers(look: Look, result: Understood, kind: str) -> pl.Series | None:
    """Converts a column of plain numbers, unless they look like thousands, days or months."""
    text, name = look.text, look.text.name
    present = text.drop_nulls()
    if not len(present):
        return None
    if kind != "number":
        for pattern in (_COMPACT, _MONTH_YEAR):
            if text.head(SAMPLE).drop_nulls().str.contains(pattern).all() and present.str.contains(pattern).all():
                column = as_dates(text, result, None, mostly=True)
                if column is not None and column.null_count() == text.null_count() and present.n_unique() > 1:
                    said = f"column {name!r} holds dates such as {present[0]!r}; overrule with its kind, number"
                    result.remarks.append(said)
                    return column
    if present.head(SAMPLE).str.contains(THOUSANDS).any():
        dotted = present.filter(present.str.contains(".", literal=True))
        if dotted.str.contains(THOUSANDS).all():
            thousands, point = Numerals(",", "."), Numerals()
            if result.decimal == ",":
                result.forms[name] = Form(",", ".")
                result.remarks.append(doubtful(name, dotted[0], thousands, point))
                return read(text, thousands)
            short = present.filter(~present.str.contains(".", literal=True)).str.len_chars()
            if not len(short) or (short <= 4).all():  # a 12345 would mean that digits are not grouped
                result.remarks.append(doubtful(name, dotted[0], point, thousands))
    return look.plain


def asks_for_text(text: pl.Series) -> bool:
    """Whether `plain_numbers` may need the texts of a column that begins with these plain numbers; True if they are few."""
    present, first = text.drop_nulls(), text.head(SAMPLE).drop_nulls()
    if len(present) < SAMPLE or any(bool(first.str.contains(pattern).all()) for pattern in (_COMPACT, _MONTH_YEAR)):
        return True
    if not present.head(SAMPLE).str.contains(THOUSANDS).any():
        return False
    return bool(present.filter(present.str.contains(".", literal=True)).str.contains(THOUSANDS).all())


def as_numbers(look: Look, result: Understood, kind: str, said: Form | None) -> pl.Series | None:
    """The column as numbers, however people have written them; None if too few cells are numbers."""
    name, text, distinct = look.text.name, look.text, look.distinct
    assert distinct is not None
    hint = said.decimal if said is not None and said.settled else result.decimal
    found = find(distinct, hint) if hint or look.found is None else look.found
    if found.numerals is None:
        return None
    numerals = found.numerals
    values = read(text, numerals)
    lost = text.filter(values.is_null() & text.is_not_null())
    words = int(is_word(lost).sum())
    lost = lost.filter(~is_word(lost))
    cells = values.count() + len(lost)
    marks = _marks(lost, values)
    if kind != "number" and values.count() < MOSTLY * cells and marks is None:
        if found.mixed and values.count() >= 0.3 * cells and known(numerals.unit):
            result.remarks.append(
                f"column {name!r} holds numbers in units that do not convert ({numerals.unit!r} and {found.mixed[0]!r}) "
                "and is taken for categories: write one unit"
            )
        return None
    if values.count() == 0 or (values.n_unique() < 2 + int(values.null_count() > 0) and words and kind != "number"):
        return None
    form = Form(numerals.decimal, numerals.group, numerals.unit)
    if not form.plain:
        result.forms[name] = form
    if found.other is not None and not (said is not None and said.settled):
        result.remarks.append(doubtful(name, found.example, numerals, found.other))
    if numerals.unit not in ("", MAGNITUDE):
        result.remarks.append(_in_unit(name, numerals.unit))
    if marks is not None and len(lost):
        listed = ", ".join(repr(each) for each in marks)
        result.remarks.append(
            f"column {name!r} holds numbers, and {listed} in {share(len(lost), len(text))}: read as missing"
        )
    elif len(lost):
        result.remarks.append(
            f"column {name!r} holds {share(len(lost), len(text))} that are not numbers, such as {lost[0]!r}: "
            "they count as missing"
        )
    return values


def _marks(lost: pl.Series, values: pl.Series) -> list[str] | None:
    """The few texts that recur among numbers; None if the column is not numbers with such marks."""
    counts = lost.value_counts(sort=True)
    numbers = values.drop_nulls()
    if not 0 < len(counts) <= _FEW_MARKS or int(counts["count"].min()) < _AGAIN:  # type: ignore[arg-type]
        return None
    if len(numbers) < 0.3 * (len(numbers) + len(lost)) or numbers.n_unique() < 4 * len(counts) + 4:
        return None
    return counts.to_series(0).to_list()


def as_dates(text: pl.Series, result: Understood, said: Form | None, mostly: bool = False) -> pl.Series | None:
    """The column as instants, in UTC if its cells have zones; None if too few are dates."""

    name = text.name
    words = is_word(text)
    distinct = text.filter(~words).drop_nulls().unique(maintain_order=True)
    hint = said.order if said is not None else ("day_first" if result.decimal == "," else "")
    order = dates.find_order(distinct, hint)
    form = replace(said, order=said.order or order.name) if said is not None else Form(order=order.name)
    when, ahead = dates.local(text, form.order)
    zones = ahead.drop_nulls().unique(maintain_order=True)
    if len(zones):
        form = replace(form, zone=_zone(zones))
    column = instants(text, form)
    lost = text.filter(column.is_null() & text.is_not_null() & ~words)
    if mostly and column.count() < MOSTLY * (column.count() + len(lost)):
        return None
    result.forms[name] = form
    if order.doubtful and not (said is not None and said.order):
        other = "month_first" if form.order == "day_first" else "day_first"
        result.remarks.append(
            f"column {name!r} holds dates such as {order.example!r} that can be read in two ways: read with the "
            f"{form.order.replace('_', ' ')}; give it the kind {other} if that is wrong"
        )
    if len(zones) and ahead.count() < when.count():
        result.remarks.append(
            f"column {name!r} has {share(when.count() - ahead.count(), len(text))} without a time zone: "
            f"they are read in the zone {form.zone}"
        )
    if len(lost):
        result.remarks.append(
            f"column {name!r} holds {share(len(lost), len(text))} that are not dates, such as {lost[0]!r}: "
            "they count as missing"
        )
    return column


def _zone(ahead: pl.Series) -> str:
    """The zone of a column's offsets: the common offset if there is only one, else UTC."""
    if len(ahead) > 1 or int(ahead[0]) == 0:
        return "UTC"
    minutes = int(ahead[0])
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def doubtful(name: str, example: str, chosen: Numerals, other: Numerals) -> str:
    """A sentence about a column of numbers that can be read in two ways, and how to overrule the choice."""
    kind = "decimal_comma" if other.decimal == "," else "decimal_point"
    return f"column {name!r} {two_ways(example, chosen, other)}; give it the kind {kind} if that is wrong"


def _in_unit(name: str, unit: str) -> str:
    if unit == "%":
        return f"column {name!r} is written in percent: 45% is read as 0.45"
    return f"column {name!r} is read in {unit!r}"
