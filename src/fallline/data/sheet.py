"""A table as its source holds it, before its cells are understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Sheet:
    """The columns of a source; those of a text file are all text.

    Attributes:
        frame: one column per column of the source.
        separator: what separates the cells of a text file, "" elsewhere; it hints at how numbers are written.
        notes: one sentence each on what was odd about the file and how it was read.
    """

    frame: pl.DataFrame
    separator: str = ""
    notes: tuple[str, ...] = ()
