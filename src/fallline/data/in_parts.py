"""Reads a large text table part by part: plain numbers are kept as numbers, so that their texts are never held at once.

The parts are read as `fallline.data.quick` reads a whole file. A column is settled as numbers by the first part only if
nothing in it asks for a second look: every cell is a plain number or missing, and none looks like a day, a month or
thousands. Wherever a later part contradicts, the file is read as a whole.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fallline.data.first_look import shows_point
from fallline.data.marks import Blanks, clean
from fallline.data.opening import OpenedText
from fallline.data.quick import Bytes, first_row, looked, part_by_polars
from fallline.data.typed_columns import asks_for_text

if TYPE_CHECKING:
    import polars as pl

LARGE = 1 << 25  # bytes from which a file is read in parts
_PART = 1 << 24  # bytes of a part


@dataclass
class Settled:
    """A table of which some columns are numbers already.

    Attributes:
        frame: columns "0", "1", ... of Float64 or of text, cleaned.
        top: the first part's first rows, as text.
        point: whether a settled column shows that the file writes decimal points.
    """

    frame: pl.DataFrame
    top: pl.DataFrame
    point: bool


@dataclass
class _Columns:
    """The parts of each column so far."""

    numbers: set[str]
    point: bool = False
    parts: dict[str, list[pl.Series]] = field(default_factory=dict)

    def add(self, text: pl.DataFrame) -> bool:
        """Adds a part; whether all settled columns are plain numbers in it."""
        import polars as pl

        cells = text.with_columns(pl.col(name).cast(pl.Float64, strict=False) for name in self.numbers)
        for name in self.numbers:
            if cells[name].null_count() != text[name].null_count():
                return False
            self.point = self.point or shows_point(text[name])
        for series in cells.iter_columns():
            self.parts.setdefault(series.name, []).append(series)
        return True

    def joined(self) -> pl.DataFrame:
        """The whole table; a column's parts are released as soon as they are joined."""
        import polars as pl

        return pl.DataFrame([pl.concat(self.parts.pop(name), rechunk=True) for name in list(self.parts)])


def by_parts(
    text: OpenedText,
    separator: str,
    skipped: int,
    width: int,
    kept: Collection[int],
    blanks: Callable[[OpenedText, Bytes, int], Blanks | None],
) -> Settled | None:
    """The cleaned rows, or None if the file has to be read as a whole.

    Args:
        text: the file.
        separator: one character.
        skipped: number of lines before the first row.
        width: number of cells per line.
        kept: the positions of columns that must stay text.
        blanks: as for `clean`, from what is known of the file's bytes.
    """
    if len(text.data) < LARGE or width == 1 or text.data.find(b'"') >= 0:
        return None
    raw, seen = looked(text, separator, skipped)
    if raw[-1] == ord(separator):
        return None
    may_be = blanks(text, seen, 0)
    del raw
    columns: _Columns | None = None
    for part in _parts(text, first_row(text, skipped)):
        found = part_by_polars(part, separator, width)
        if found is None:
            return None
        cells = clean(found, may_be)
        if columns is None:
            top = cells.head(20)
            columns = _Columns(_plain(cells, kept))
        if not cells.height or not columns.add(cells):
            return None
        last = cells.row(-1)
    if columns is None or not any((cell or "").strip() for cell in last):
        return None
    return Settled(columns.joined(), top, columns.point)


def _plain(text: pl.DataFrame, kept: Collection[int]) -> set[str]:
    """The columns of a first part that are settled as numbers."""
    import polars as pl

    numbers = text.select(pl.all().cast(pl.Float64, strict=False))
    return {
        name
        for position, name in enumerate(text.columns)
        if position not in kept
        and numbers[name].null_count() == text[name].null_count()
        and not asks_for_text(text[name])
    }


def _parts(text: OpenedText, start: int) -> Iterator[OpenedText]:
    """The file from its first row on, in parts that end with a line; pages of the file are released behind them."""
    while start < len(text.data):
        end = start + _PART
        end = len(text.data) if end >= len(text.data) else text.data.find(b"\n", end) + 1 or len(text.data)
        yield OpenedText(text.path, text.data[start:end], False)
        if isinstance(text.data, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            text.data.madvise(mmap.MADV_DONTNEED)
        start = end
