"""Interprets the texts of a table: numbers and dates as people write them are converted once, with remarks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError, share
from fallline.data import dates, durations
from fallline.data.cells import instants
from fallline.data.first_look import Look, file_decimal, look_at
from fallline.data.form import Form, kind_of
from fallline.data.numerals import MOSTLY, find, looks_numeric
from fallline.data.typed_columns import Understood, as_dates, as_numbers, plain_numbers

if TYPE_CHECKING:
    import polars as pl

_CLASSES = 20  # at most this many distinct texts are taken as classes without asking
_TASKS = {"number": "regression", "category": "classification", "boolean": "classification"}
_AS_TEXT = ("category", "boolean", "text", "drop")


def understand(
    frame: pl.DataFrame,
    separator: str = "",
    kinds: dict[str, str] | None = None,
    said: dict[str, Form] | None = None,
    point: bool = False,
) -> Understood:
    """Reads the texts of a table as a person would.

    Each column is decided over all its cells. If that leaves two readings ("1,234", "03/04/2024"), the unambiguous
    columns decide, then the separator (a file with semicolons has decimal commas), and a remark says so.

    Args:
        frame: the columns, with stripped texts and missing cells as null.
        separator: separator of the text file, "" for other sources.
        kinds: column name to the kind it is to have.
        said: column name to the form declared by the user.
        point: whether columns that are numbers already have shown a decimal point.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"price": ["28,7", "3,5"], "when": ["27. 7. 2024", "1. 8. 2024"], "who": ["a", "b"]})
    >>> understood = understand(frame)
    >>> understood.frame.dtypes, understood.forms["price"].decimal
    ([Float64, Datetime(time_unit='us', time_zone=None), String], ',')
    """
    import polars as pl

    kinds, said = kinds or {}, said or {}
    texts = [s for s in frame.iter_columns() if s.dtype == pl.String and kinds.get(s.name) not in _AS_TEXT]
    result = Understood(frame)
    plain = frame.select(pl.col([s.name for s in texts]).cast(pl.Float64, strict=False)) if texts else frame
    looks = [look_at(s, plain[s.name]) for s in texts]
    result.decimal = file_decimal(
        [look.found for look in looks], [look.text for look in looks if look.plain is not None], separator, point
    )
    columns = {}
    for look in looks:
        column = _settle(look, result, kinds.get(look.text.name, ""), said.get(look.text.name))
        if column is not None:
            columns[look.text.name] = column
    for series in frame.iter_columns():
        form = said.get(series.name, Form())
        if series.dtype != pl.String and (kinds.get(series.name) == "date" or form.counts):
            columns[series.name] = instants(series, form)
            result.forms[series.name] = form
        elif isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None:
            result.forms[series.name] = Form(zone=series.dtype.time_zone)
    if columns:
        result.frame = frame.with_columns([column.alias(name) for name, column in columns.items()])
    return result


def understand_features(
    frame: pl.DataFrame, separator: str = "", kinds: dict[str, str] | None = None, point: bool = False
) -> Understood:
    """Calls `understand` with the kinds in the user's words.

    Raises:
        FalllineError: a kind is unknown.
    """
    meant = {name: kind_of(name, kind) for name, kind in (kinds or {}).items()}
    said = {name: form for name, (_, form) in meant.items() if form != Form()}
    return understand(frame, separator, {name: kind for name, (kind, _) in meant.items()}, said, point)


def target_said(kinds: dict[str, str], task: str | None) -> tuple[str | None, dict[str, Form]]:
    """The task and the forms that the user's words for the target columns stand for.

    Raises:
        FalllineError: a word does not apply to a target, or contradicts the task.

    >>> target_said({"price": "decimal_comma"}, None)[0]
    'regression'
    """
    forms: dict[str, Form] = {}
    for name, said in kinds.items():
        kind, form = kind_of(name, said)
        if kind not in _TASKS:
            raise FalllineError(
                f"the kind of the target {name!r} is given as {said!r}: expected number, category, boolean, "
                "decimal_comma, decimal_point or duration"
            )
        if len(kinds) == 1 and task not in (None, "multilabel", _TASKS[kind]):
            raise FalllineError(
                f"the kind of the target {name!r} is given as {said!r}, and the task as {task!r}: give one"
            )
        task = task or _TASKS[kind]
        if form != Form():
            forms[name] = form
    return task, forms


def understand_target(
    frame: pl.DataFrame, decimal: str, where: str, task: str | None = None, said: dict[str, Form] | None = None
) -> Understood:
    """Reads the target's columns: numbers as people write them are converted, all else stays labels.

    Args:
        frame: the columns.
        decimal: the decimal sign that the features' texts show, or "".
        where: name of the source in messages.
        task: the task, or None to recognise it.
        said: column name to the form declared by the user.

    Raises:
        FalllineError: texts look like numbers but cannot be read, and would be taken as classes.
    """
    import polars as pl

    if task == "classification":
        return Understood(frame)
    separator = ";" if decimal == "," else ""
    texts = [s for s in frame.iter_columns() if s.dtype == pl.String]
    result = Understood(frame, decimal=decimal)
    columns = {}
    for text in texts:
        if (form := (said or {}).get(text.name)) is not None:
            columns[text.name] = _as_said(text, result, form, where)
            continue
        look = look_at(text, text.cast(pl.Float64, strict=False))
        column = None
        if look.plain is not None:
            column = plain_numbers(look, result, "number")
            if column is look.plain:
                continue
        if column is None and look.distinct is not None and len(look.distinct):
            look.found = find(look.distinct, decimal or separator)
            column = as_numbers(look, result, "number" if task == "regression" else "", None)
        if column is not None:
            columns[text.name] = column
        elif look.distinct is not None and task is None:
            _ask(text, look.distinct, where)
    if columns:
        result.frame = frame.with_columns([column.alias(name) for name, column in columns.items()])
    return result


def _as_said(text: pl.Series, result: Understood, form: Form, where: str) -> pl.Series:
    """Reads a target's texts as numbers of the form named by the user."""
    distinct = text.drop_nulls().unique(maintain_order=True)
    result.forms[text.name] = form
    if form.unit == "duration":
        column = durations.seconds(text)
    else:
        found = as_numbers(Look(text, distinct=distinct), result, "number", form)
        column = text.clear(len(text)).cast(float) if found is None else found
    lost = text.filter(column.is_null() & text.is_not_null())
    if len(lost):
        raise FalllineError(
            f"the target {text.name!r} of {where} holds {share(len(lost), len(text))} that cannot be read as its kind "
            f"says, such as {lost[0]!r}: correct it, or give another kind"
        )
    return column


def _ask(text: pl.Series, distinct: pl.Series, where: str) -> None:
    """Raises: FalllineError for a target of many distinct texts that begin like numbers."""
    if len(distinct) > _CLASSES and looks_numeric(distinct):
        example = distinct.filter(distinct.cast(float, strict=False).is_null())
        raise FalllineError(
            f"the target {text.name!r} of {where} holds texts such as {example[0]!r} that look like numbers and cannot be "
            "read as such: write numbers, or set the task to classification if they are classes"
        )


def _settle(look: Look, result: Understood, kind: str, said: Form | None) -> pl.Series | None:
    """The column as numbers or dates; None if it stays as it is."""
    name, text = look.text.name, look.text
    if kind == "date" or (said is not None and (said.order or said.counts)):
        return as_dates(text, result, said)
    if look.plain is not None and (said is None or said.decimal == "."):
        return plain_numbers(look, result, kind)
    if said is not None and said.unit == "duration":
        result.forms[name] = said
        return durations.seconds(text)
    if look.distinct is None or not len(look.distinct):
        if kind != "number":
            return None
        look.distinct = text.drop_nulls().unique(maintain_order=True)
    distinct = look.distinct
    if kind != "number":
        sample = distinct.head(100)
        if dates.looks_like_dates(sample) and not _mostly_numbers(look, text):
            column = as_dates(text, result, None, mostly=True)
            if column is not None:
                return column
        if durations.looks_like_durations(sample):
            column = durations.seconds(text)
            if column.count() >= MOSTLY * text.count():
                result.forms[name] = Form(unit="duration")
                return column
    return as_numbers(look, result, kind, said)


def _mostly_numbers(look: Look, text: pl.Series) -> bool:
    """Whether most cells are plain numbers, which are then tried before dates: 12.05 is a number."""
    import polars as pl

    return text.cast(pl.Float64, strict=False).count() > 0.5 * text.count()
