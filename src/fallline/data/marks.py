"""Which cells are missing? Empty ones and those that hold one of the marks that people write instead."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
_SHORT = 5  # letters of a mark that is known in any mixture of capital and small ones


def clean(frame: pl.DataFrame) -> pl.DataFrame:
    """The same columns of text, with blanks at the ends of cells removed, and cells that hold a mark missing.

    Only the columns that hold such cells are written anew, since most have none and looking is cheaper.

    >>> import polars as pl
    >>> clean(pl.DataFrame({"a": [" x", "Nan "], "b": ["1", "2"]})).rows()
    [('x', '1'), (None, '2')]
    """
    import polars as pl

    if not frame.height or not frame.width:
        return frame
    padded = [pl.col(name).str.strip_chars() for name in _where(frame, _padded())]
    frame = frame.with_columns(padded)
    marks = pl.Series(spellings(MISSING), dtype=pl.String).implode()
    longest = max(map(len, MISSING))
    shortest = frame.select(pl.all().str.len_bytes().min())
    short = [name for name in frame.columns if (length := shortest[name][0]) is not None and length <= longest]
    marked = _where(frame.select(short), pl.all().is_in(marks))
    return frame.with_columns(pl.when(~pl.col(name).is_in(marks)).then(pl.col(name)).alias(name) for name in marked)


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


def _padded() -> pl.Expr:
    """Cells that begin or end with a blank. All ASCII blanks sort before `!`, and cells of numbers are ASCII."""
    import polars as pl

    cell = pl.all()
    return cell.str.strip_chars().str.len_bytes() != cell.str.len_bytes()


def _where(frame: pl.DataFrame, test: pl.Expr) -> list[str]:
    """The columns in which a test holds for any cell."""
    if not frame.width:
        return []
    found = frame.select(test.any())
    return [name for name in found.columns if found[name][0]]
