"""What do the texts of a table mean? Numbers and dates as people write them become numbers and dates, once, with a word."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError, share
from fallline.data import dates, durations
from fallline.data.cells import THOUSANDS, instants, two_ways
from fallline.data.form import Form, kind_of
from fallline.data.marks import is_word
from fallline.data.measures import MAGNITUDE, known
from fallline.data.numerals import MOSTLY, Found, Numerals, find, looks_numeric, read
from fallline.data.sheet import Sheet

if TYPE_CHECKING:
    import polars as pl

_SAMPLE = 1_000  # distinct cells that a first look takes
_FEW_MARKS = 3  # texts that keep coming back among numbers
_AGAIN = 3  # and how often each does, at least
_MONTH_YEAR = r"^(?:0[1-9]|1[0-2])\.(?:19|20)\d\d$"
_COMPACT = r"^(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])$"


@dataclass
class Understood:
    """A table with typed cells.

    Attributes:
        frame: texts that are numbers or dates are numbers and dates, all else is as it was.
        forms: how the columns are written of which more is to be known than their type.
        remarks: one sentence each on what could be read in two ways, or not at all.
        decimal: the decimal sign that the file uses, "" where nothing shows it.
    """

    frame: pl.DataFrame
    forms: dict[str, Form] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    decimal: str = ""


@dataclass
class _Look:
    """What a first look at a text column found."""

    text: pl.Series
    plain: pl.Series | None = None  # the cells as numbers, where all are
    found: Found | None = None
    distinct: pl.Series | None = None


def understand(
    frame: pl.DataFrame, separator: str = "", kinds: dict[str, str] | None = None, said: dict[str, Form] | None = None
) -> Understood:
    """Reads the texts of a table as what a person would take them for.

    Each column is decided over all its cells. Where that leaves two readings ("1,234", "03/04/2024"), the columns that
    leave none decide, then the separator (a file with semicolons has decimal commas), and a remark says so.

    Args:
        frame: columns; texts without blanks around them, missing cells null.
        separator: of the text file, "" for other sources.
        kinds: column name to the kind that it shall have.
        said: column name to the form that the user says it has.

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
    looks = [_look(s, plain[s.name]) for s in texts]
    result.decimal = file_decimal(
        [look.found for look in looks], [look.text for look in looks if look.plain is not None], separator
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


def understand_features(frame: pl.DataFrame, separator: str = "", kinds: dict[str, str] | None = None) -> Understood:
    """`understand`, with the kinds as a user says them.

    Raises:
        FalllineError: a kind that is none.
    """
    meant = {name: kind_of(name, kind) for name, kind in (kinds or {}).items()}
    said = {name: form for name, (_, form) in meant.items() if form != Form()}
    return understand(frame, separator, {name: kind for name, (kind, _) in meant.items()}, said)


def understand_target(frame: pl.DataFrame, decimal: str, where: str, task: str | None = None) -> Understood:
    """The target's columns: numbers as people write them are numbers, all else stays labels.

    Raises:
        FalllineError: texts that look like numbers and cannot be read would be taken for classes.
    """
    import polars as pl

    if task == "classification":
        return Understood(frame)
    separator = ";" if decimal == "," else ""
    texts = [s for s in frame.iter_columns() if s.dtype == pl.String]
    result = Understood(frame, decimal=decimal)
    columns = {}
    for text in texts:
        look = _look(text, text.cast(pl.Float64, strict=False))
        if look.plain is not None and not _dotted(text, decimal):
            continue
        column = _plain(look, result, "number") if look.plain is not None else None
        if column is None and look.distinct is not None and len(look.distinct):
            look.found = find(look.distinct, decimal or separator)
            column = _as_numbers(look, result, "number" if task == "regression" else "", None)
        if column is not None:
            columns[text.name] = column
        elif look.distinct is not None and task is None:
            _ask(text, look.distinct, where)
    if columns:
        result.frame = frame.with_columns([column.alias(name) for name, column in columns.items()])
    return result


def _dotted(text: pl.Series, decimal: str) -> bool:
    return decimal == "," and bool(text.head(_SAMPLE).drop_nulls().str.contains(THOUSANDS).any())


def _ask(text: pl.Series, distinct: pl.Series, where: str) -> None:
    """Raises: FalllineError for a target of many texts that begin as numbers do."""
    if len(distinct) > _CLASSES and looks_numeric(distinct):
        example = distinct.filter(distinct.cast(float, strict=False).is_null())
        raise FalllineError(
            f"the target {text.name!r} of {where} holds texts such as {example[0]!r} that look like numbers and cannot be "
            "read as such: write numbers, or set the task to classification if they are classes"
        )


_CLASSES = 20  # distinct texts that are classes without a question
_AS_TEXT = ("category", "boolean", "drop")


def file_decimal(found: list[Found | None], plain: list[pl.Series], separator: str) -> str:
    """The decimal sign of a file: what its columns show beyond doubt, or what its separator speaks for."""
    clear = {each.numerals.decimal for each in found if each is not None and each.clear and each.numerals is not None}
    if not clear and any(s.str.contains(r"^-?\d+\.(?:\d{1,2}|\d{4,})$").any() for s in plain):
        clear = {"."}
    if len(clear) == 1:
        return clear.pop()
    return "," if separator == ";" and not clear else ""


def decimal_of(sheet: Sheet, names: list[str]) -> str:
    """The decimal sign that the texts of these columns show, "" where they show none.

    >>> import polars as pl
    >>> decimal_of(Sheet(pl.DataFrame({"a": ["1.234", "5.678"], "b": ["0,5", "1,25"]}), ";"), ["a", "b"])
    ','
    """
    import polars as pl

    frame = sheet.frame
    texts = [frame[name].head(_SAMPLE) for name in names if name in frame.columns and frame[name].dtype == pl.String]
    looks = [_look(text, text.cast(pl.Float64, strict=False)) for text in texts]
    return file_decimal(
        [look.found for look in looks], [look.text for look in looks if look.plain is not None], sheet.separator
    )


def _look(text: pl.Series, plain: pl.Series) -> _Look:
    present = len(text) - text.null_count()
    if plain.len() - plain.null_count() == present:
        return _Look(text, plain=plain)
    rest = text.filter(plain.is_null() & text.is_not_null())
    sample = rest.head(20 * _SAMPLE).unique(maintain_order=True).head(_SAMPLE)
    sample = sample.filter(~is_word(sample))
    as_numbers = plain.count()
    words = present - as_numbers - int(is_word(rest).sum()) if as_numbers else present
    mostly = as_numbers > 0.3 * (as_numbers + words)
    shaped = _shaped(sample.head(100))
    if not (mostly or shaped or looks_numeric(sample)):
        return _Look(text)
    distinct = text.drop_nulls().unique()
    numeric = distinct.filter(~is_word(distinct))
    return _Look(text, found=find(numeric) if len(numeric) and (mostly or not shaped) else None, distinct=numeric)


def _shaped(sample: pl.Series) -> bool:
    return dates.looks_like_dates(sample) or durations.looks_like_durations(sample)


def _settle(look: _Look, result: Understood, kind: str, said: Form | None) -> pl.Series | None:
    """The column as numbers or dates; None where it stays as it is."""
    name, text = look.text.name, look.text
    if kind == "date" or (said is not None and (said.order or said.counts)):
        return _as_dates(text, result, said)
    if look.plain is not None and (said is None or said.decimal == "."):
        return _plain(look, result, kind)
    if said is not None and said.unit == "duration":
        result.forms[name] = said
        return durations.seconds(text)
    if look.distinct is None or not len(look.distinct):
        if kind != "number":
            return None
        look.distinct = text.drop_nulls().unique()
    distinct = look.distinct
    if kind != "number":
        sample = distinct.head(100)
        if dates.looks_like_dates(sample) and not _mostly_numbers(look, text):
            column = _as_dates(text, result, None, mostly=True)
            if column is not None:
                return column
        if durations.looks_like_durations(sample):
            column = durations.seconds(text)
            if column.count() >= MOSTLY * text.count():
                result.forms[name] = Form(unit="duration")
                return column
    return _as_numbers(look, result, kind, said)


def _mostly_numbers(look: _Look, text: pl.Series) -> bool:
    """Numbers are tried before dates where both could be meant: 12.05 is a number."""
    import polars as pl

    return text.cast(pl.Float64, strict=False).count() > 0.5 * text.count()


def _plain(look: _Look, result: Understood, kind: str) -> pl.Series | None:
    """A column that is numbers as it stands; unless they are thousands, days or months in disguise."""
    text, name = look.text, look.text.name
    present = text.drop_nulls()
    if not len(present):
        return None
    if kind != "number":
        for pattern in (_COMPACT, _MONTH_YEAR):
            if text.head(_SAMPLE).drop_nulls().str.contains(pattern).all() and present.str.contains(pattern).all():
                column = _as_dates(text, result, None, mostly=True)
                if column is not None and column.null_count() == text.null_count() and present.n_unique() > 1:
                    said = f"column {name!r} holds dates such as {present[0]!r}; overrule with its kind, number"
                    result.remarks.append(said)
                    return column
    if present.head(_SAMPLE).str.contains(THOUSANDS).any():
        dotted = present.filter(present.str.contains(".", literal=True))
        if dotted.str.contains(THOUSANDS).all():
            thousands, point = Numerals(",", "."), Numerals()
            if result.decimal == ",":
                result.forms[name] = Form(",", ".")
                result.remarks.append(doubtful(name, dotted[0], thousands, point))
                return read(text, thousands)
            short = present.filter(~present.str.contains(".", literal=True)).str.len_chars()
            if not len(short) or (short <= 4).all():  # no 12345 among them, which who groups digits would not write
                result.remarks.append(doubtful(name, dotted[0], point, thousands))
    return look.plain


def _as_numbers(look: _Look, result: Understood, kind: str, said: Form | None) -> pl.Series | None:
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
    """The few texts that keep coming back among numbers; None where the column is not numbers with marks."""
    counts = lost.value_counts(sort=True)
    numbers = values.drop_nulls()
    if not 0 < len(counts) <= _FEW_MARKS or int(counts["count"].min()) < _AGAIN:  # type: ignore[arg-type]
        return None
    if len(numbers) < 0.3 * (len(numbers) + len(lost)) or numbers.n_unique() < 4 * len(counts) + 4:
        return None
    return counts.to_series(0).to_list()


def _as_dates(text: pl.Series, result: Understood, said: Form | None, mostly: bool = False) -> pl.Series | None:
    """The column as instants, in UTC where its cells have zones; None where too few are dates."""

    name = text.name
    words = is_word(text)
    distinct = text.filter(~words).drop_nulls().unique()
    hint = said.order if said is not None else ("day_first" if result.decimal == "," else "")
    order = dates.find_order(distinct, hint)
    form = replace(said, order=said.order or order.name) if said is not None else Form(order=order.name)
    when, ahead = dates.local(text, form.order)
    zones = ahead.drop_nulls().unique()
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
    """The zone of a column's offsets: their own where all are one, else UTC."""
    if len(ahead) > 1 or int(ahead[0]) == 0:
        return "UTC"
    minutes = int(ahead[0])
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def doubtful(name: str, example: str, chosen: Numerals, other: Numerals) -> str:
    """The sentence on a column of numbers that can be read in two ways, and how to overrule it."""
    kind = "decimal_comma" if other.decimal == "," else "decimal_point"
    return f"column {name!r} {two_ways(example, chosen, other)}; give it the kind {kind} if that is wrong"


def _in_unit(name: str, unit: str) -> str:
    if unit == "%":
        return f"column {name!r} is written in percent: 45% is read as 0.45"
    return f"column {name!r} is read in {unit!r}"
