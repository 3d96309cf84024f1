"""Which cells are missing? Empty ones and those that hold one of the marks that people write instead."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MISSING = (
    "", "NA", "N/A", "NaN", "null", "?", "#N/A", "#NA", "<NA>", "NaT", "(null)", "[null]", "\\N", "n.a.", "-nan", "#NULL!",
    "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?",
)  # fmt: skip
# What stands for a missing number or date as well; in a column of words each of them may be a word.
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
_SHORT = 5  # letters of a mark that is known in any mixture of capital and small ones


def clean(frame: pl.DataFrame, blanks: str | None = None) -> pl.DataFrame:
    """The same columns, where those of text have no blanks at the ends of cells, and cells that hold a mark are missing.

    Only the columns that hold such cells are written anew, since most have none and looking is cheaper.

    Args:
        frame: any frame; columns that are not text are left alone.
        blanks: where known, the ASCII blanks with which a cell may end; by default all that Unicode knows.

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


def _padded(frame: pl.DataFrame, blanks: str | None) -> list[str]:
    """The columns with a cell that begins or ends with a blank. All ASCII blanks sort before `!`."""
    import polars as pl

    cell = pl.all()
    if blanks == "":
        return []
    if blanks is not None:
        ends = [cell.str.ends_with(each).any() for each in blanks]
        return _where(frame, [(cell < "!").any(), *ends])
    return _where(frame, [(cell.str.strip_chars().str.len_bytes() != cell.str.len_bytes()).any()])


def _marked(frame: pl.DataFrame) -> list[str]:
    """The columns with a cell that holds a mark. Most columns of text have no cell as short as one."""
    import polars as pl

    marks = spellings(MISSING)
    longest = max(len(mark.encode()) for mark in marks)
    short = _where(frame, [(pl.all().str.len_bytes() <= longest).any()])
    return _where(frame.select(short), [pl.all().is_in(pl.Series(marks).implode()).any()])


def _where(frame: pl.DataFrame, tests: list[pl.Expr]) -> list[str]:
    """The columns for which one of the tests holds."""
    if not frame.width or not frame.height:
        return []
    found = frame.select(test.name.suffix(f"\0{i}") for i, test in enumerate(tests)).row(0)
    return [name for i, name in enumerate(frame.columns) if any(found[i :: frame.width])]


@cache
def spellings(marks: tuple[str, ...]) -> list[str]:
    """The marks in capital and small letters: short ones in any mixture, longer ones as people write words.

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
    """Which texts stand for a missing number, in any case."""
    return series.str.strip_chars(" \t<>()[]").str.to_lowercase().is_in(list(WORDS)).fill_null(False)
