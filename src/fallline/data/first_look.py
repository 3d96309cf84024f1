"""A quick inspection of a text column: are its cells numbers, or do they look like numbers or dates?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fallline.data import dates, durations
from fallline.data.marks import is_word
from fallline.data.numerals import Found, find, looks_numeric
from fallline.data.sheet import Sheet

if TYPE_CHECKING:
    import polars as pl

SAMPLE = 1_000  # distinct cells that are inspected


@dataclass
class Look:
    """The result of inspecting a text column."""

    text: pl.Series
    plain: pl.Series | None = None  # the cells as numbers, if every cell is one
    found: Found | None = None
    distinct: pl.Series | None = None


def look_at(text: pl.Series, plain: pl.Series) -> Look:
    """Inspects a column's cells; `plain` is their plain cast to Float64."""
    present = len(text) - text.null_count()
    if plain.len() - plain.null_count() == present:
        return Look(text, plain=plain)
    rest = text.filter(plain.is_null() & text.is_not_null())
    sample = rest.head(20 * SAMPLE).unique(maintain_order=True).head(SAMPLE)
    sample = sample.filter(~is_word(sample))
    as_numbers = plain.count()
    words = present - as_numbers - int(is_word(rest).sum()) if as_numbers else present
    mostly = as_numbers > 0.3 * (as_numbers + words)
    shaped = _shaped(sample.head(100))
    if not (mostly or shaped or looks_numeric(sample)):
        return Look(text)
    distinct = text.drop_nulls().unique(maintain_order=True)
    numeric = distinct.filter(~is_word(distinct))
    return Look(text, found=find(numeric) if len(numeric) and (mostly or not shaped) else None, distinct=numeric)


def _shaped(sample: pl.Series) -> bool:
    return dates.looks_like_dates(sample) or durations.looks_like_durations(sample)


def shows_point(text: pl.Series) -> bool:
    """Whether a plain number has a decimal point, which does not stand between thousands.

    >>> import polars as pl
    >>> shows_point(pl.Series(["1.500", "0.25"])), shows_point(pl.Series(["1.500"]))
    (True, False)
    """
    return bool(text.str.contains(r"^-?\d+\.(?:\d{1,2}|\d{4,})$").any())


def file_decimal(found: list[Found | None], plain: list[pl.Series], separator: str, point: bool = False) -> str:
    """The decimal sign of a file: the one its columns show beyond doubt, or else the one its separator suggests.

    `point` says whether columns that are numbers already have shown a decimal point.
    """
    clear = {each.numerals.decimal for each in found if each is not None and each.clear and each.numerals is not None}
    if not clear and (point or any(map(shows_point, plain))):
        clear = {"."}
    if len(clear) == 1:
        return clear.pop()
    return "," if separator == ";" and not clear else ""


def decimal_of(sheet: Sheet, names: list[str]) -> str:
    """The decimal sign that the texts of these columns show, "" if they show none.

    >>> import polars as pl
    >>> decimal_of(Sheet(pl.DataFrame({"a": ["1.234", "5.678"], "b": ["0,5", "1,25"]}), ";"), ["a", "b"])
    ','
    """
    import polars as pl

    frame = sheet.frame
    texts = [frame[name].head(SAMPLE) for name in names if name in frame.columns and frame[name].dtype == pl.String]
    looks = [look_at(text, text.cast(pl.Float64, strict=False)) for text in texts]
    return file_decimal(
        [look.found for look in looks], [look.text for look in looks if look.plain is not None], sheet.separator
    )
