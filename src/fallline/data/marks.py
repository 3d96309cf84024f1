"""Recognises missing cells: empty ones, and those that hold one of the usual marks for a missing value."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import polars as pl

MISSING = (
    "", "NA", "N/A", "NaN", "null", "?", "#N/A", "#NA", "<NA>", "NaT", "(null)", "[null]", "\\N", "n.a.", "-nan", "#NULL!",
    "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?",
)  # fmt: skip
# Further marks for a missing number or date; in a column of text each of them may be an ordinary word.
WORDS = frozenset(
    {
        "-",
        "--",
        "---",
        ".",
        "..",
        "…",
        "–",
        "—",
        "*",
        "x",
        "none",
        "nil",
        "missing",
        "unknown",
        "unk",
        "undefined",
        "unavailable",
        "blank",
        "empty",
        "tba",
        "tbd",
        "n.d.",
        "n.a.",
        "n.a",
        "nd",
        "n.k.",
        "n/k",
        "k.a.",
        "s/d",
        "s.d.",
        "keine",
        "nichts",
        "ninguno",
        "aucun",
        "nan",
        "null",
        "na",
        "n/a",
        "#n/a",
        "error",
        "#error",
        "not_available",
        "not available",
        "not applicable",
        "not known",
        "no data",
        "not recorded",
        "not reported",
        "keine angabe",
        "sin dato",
    }
)
_SHORT = 5  # longest mark, in characters, that is recognised in any mixture of upper and lower case


class Blanks(NamedTuple):
    """Where the cells of a file may have blanks.

    Attributes:
        begin: whether a cell may begin with an ASCII blank.
        end: the ASCII blanks with which a cell may end.
    """

    begin: bool
    end: str


def clean(frame: pl.DataFrame, blanks: Blanks | None = None) -> pl.DataFrame:
    """Strips the cells of text columns, and turns cells that hold a mark for a missing value into nulls.

    Only columns with such cells are rewritten: most have none, and checking is cheaper.

    Args:
        frame: any frame; columns that are not text are left alone.
        blanks: the blanks that the cells may have, if they are known; by default all Unicode blanks.

    >>> import polars as pl
    >>> clean(pl.DataFrame({"a": [" x", "Nan "], "b": ["1", "2"]})).rows()
    [('x', '1'), (None, '2')]
    """
    import polars as pl

    names = [name for name, dtype in frame.schema.items() if dtype == pl.String]
    padded = _padded(frame.select(names), blanks)
    frame = frame.with_columns(pl.col(name).str.strip_chars() for name in padded)
    marked = _marked(frame.select(names))
    missing = pl.Series(spellings(MISSING)).implode()
    return frame.with_columns(pl.when(~pl.col(name).is_in(missing)).then(pl.col(name)).alias(name) for name in marked)


def _padded(frame: pl.DataFrame, blanks: Blanks | None) -> list[str]:
    """The columns with a cell that begins or ends with a blank. ASCII blanks are found by sorting before `!`."""
    import polars as pl

    cell = pl.all()
    if blanks is not None:
        ends = [cell.str.ends_with(each).any() for each in blanks.end]
        return _where(frame, [(cell < "!").any()] * blanks.begin + ends)
    return _where(frame, [(cell.str.strip_chars().str.len_bytes() != cell.str.len_bytes()).any()])


def _marked(frame: pl.DataFrame) -> list[str]:
    """The columns with a cell that holds a mark. Most have no cell short enough for one, which is checked first."""
    import polars as pl

    marks = spellings(MISSING)
    longest = max(len(mark.encode()) for mark in marks)
    short = _where(frame, [(pl.all().str.len_bytes() <= longest).any()])
    return _where(frame.select(short), [pl.all().is_in(pl.Series(marks).implode()).any()])


def _where(frame: pl.DataFrame, tests: list[pl.Expr]) -> list[str]:
    """The columns for which any of the tests holds."""
    if not frame.width or not frame.height or not tests:
        return []
    found = frame.select(test.name.suffix(f"\0{i}") for i, test in enumerate(tests)).row(0)
    return [name for i, name in enumerate(frame.columns) if any(found[i :: frame.width])]


@cache
def spellings(marks: tuple[str, ...]) -> list[str]:
    """The marks in upper and lower case: short ones in any mixture, longer ones as words are usually written.

    >>> spellings(("No",)), len(spellings(("unknown",)))
    (['NO', 'No', 'nO', 'no'], 3)
    """
    found: set[str] = set()
    for mark in marks:
        if len(mark) <= _SHORT:
            found.update(map("".join, product(*({letter.lower(), letter.upper()} for letter in mark))))
        else:
            found.update((mark, mark.lower(), mark.upper(), mark.capitalize(), mark.title()))
    return sorted(found)


def is_word(series: pl.Series) -> pl.Series:
    """Which texts stand for a missing number, ignoring case."""
    return series.str.strip_chars(" \t<>()[]").str.to_lowercase().is_in(list(WORDS)).fill_null(False)
