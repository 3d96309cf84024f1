"""A table as its source holds it, before its cells are interpreted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a source; in a text file every column is text, unless `read` may settle plain numbers.

    Attributes:
        frame: one column per column of the source.
        separator: separator of the cells of a text file, "" for other sources; it hints at how numbers are written.
        notes: one sentence about each peculiarity of the file and how it was read.
        point: whether columns of a text file that are numbers already have shown a decimal point.
    """

    frame: pl.DataFrame
    separator: str = ""
    notes: tuple[str, ...] = ()
    point: bool = False
