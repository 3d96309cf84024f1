"""The columns that all files of a stream share: found by name in each file, and brought to one type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError
from fallline.streams.reading import Opened

if TYPE_CHECKING:
    import polars as pl

_LISTED = 3


@dataclass(frozen=True, eq=False)
class ColumnLayout:
    """The columns of a stream, in the order of its first file, and their common types.

    Attributes:
        columns: the types by name.
        notes: a sentence for everything in which files differ without harm.
    """

    columns: dict[str, pl.DataType]
    notes: tuple[str, ...] = ()

    def aligned(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Rows of any of the files, with these columns in this order."""
        import polars as pl

        return frame.select(
            pl.col(name) if frame.schema[name] == dtype else pl.col(name).cast(dtype)
            for name, dtype in self.columns.items()
        )


def layout_of(files: Sequence[Opened]) -> ColumnLayout:
    """Compares the columns of all files.

    Raises:
        FalllineError: a file lacks a column that the first file has, or a column has types that do not go together.
    """
    first = files[0]
    columns = {name: _plain(dtype) for name, dtype in first.columns.items()}
    origin = dict.fromkeys(columns, first.file.name)
    reordered: list[str] = []
    more: dict[str, list[str]] = {}
    for each in files[1:]:
        lacking = [name for name in columns if name not in each.columns]
        if lacking:
            raise FalllineError(
                f"the file {each.file.name} lacks {_named(lacking)}, which {first.file.name} has: add what is missing, or "
                "leave the file out"
            )
        for name in each.columns:
            if name not in columns:
                more.setdefault(name, []).append(each.file.name)
                continue
            dtype = _plain(each.columns[name])
            common = _common(columns[name], dtype)
            if common is None:
                raise FalllineError(
                    f"column {name!r} holds {dtype} in {each.file.name} and {columns[name]} in {origin[name]}: write it "
                    "alike in all files"
                )
            if common != columns[name]:
                columns[name], origin[name] = common, each.file.name
        if [name for name in each.columns if name in columns] != list(columns):
            reordered.append(each.file.name)
    return ColumnLayout(columns, tuple(_notes(first.file.name, reordered, more)))


def _notes(first: str, reordered: list[str], more: dict[str, list[str]]) -> list[str]:
    notes = [f"{_named([name])} of {_listed(files)} is not in {first} and was left out" for name, files in more.items()]
    if reordered:
        notes.append(
            f"{_listed(reordered)}: the columns stand in another order than in {first}, and were found by name"
        )
    return notes


def _plain(dtype: pl.DataType) -> pl.DataType:
    """The type in which a column is read: texts of a fixed list are text."""
    import polars as pl

    return pl.String() if isinstance(dtype, (pl.Categorical, pl.Enum)) else dtype


def _common(one: pl.DataType, other: pl.DataType) -> pl.DataType | None:
    """A type that holds the values of both, or None."""
    import polars as pl

    if one == other or other == pl.Null:
        return one
    if one == pl.Null:
        return other
    if one.is_numeric() and other.is_numeric():
        if one.is_integer() and other.is_integer():
            if one.is_signed_integer() == other.is_signed_integer():
                return pl.Int64() if one.is_signed_integer() else pl.UInt64()
            if pl.UInt64 not in (one, other):
                return pl.Int64()
        return pl.Float64()
    days = (pl.Date, pl.Datetime)
    zones = {getattr(each, "time_zone", None) for each in (one, other)}
    if isinstance(one, days) and isinstance(other, days) and len(zones) == 1:
        return pl.Datetime("us", zones.pop())
    return None


def _named(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_LISTED])) + (
        f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    )
    return f"the column{'s' if len(names) > 1 else ''} {shown}"


def _listed(files: list[str]) -> str:
    rest = len(files) - 1
    return files[0] if not rest else f"{files[0]} and {rest} more file{'s' if rest > 1 else ''}"
