"""Reads a file of a stream in pieces of a given number of rows, by Polars' lazy scans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.errors import FalllineError
from fallline.data.contents import foreign
from fallline.data.dialect import Dialect, find_dialect
from fallline.data.marks import clean
from fallline.data.names import check_names
from fallline.data.separators import BLANKS, SINGLE
from fallline.streams.files import SourceFile

if TYPE_CHECKING:
    import polars as pl

_START = 1 << 18  # bytes of a text file from which its layout is found
_CELLS = 1 << 22  # cells of a piece, so that a piece of any table takes a few dozen megabytes
_MOST, _LEAST = 1 << 17, 1 << 10  # rows of a piece


def piece_rows(columns: int) -> int:
    """The rows of a piece of a table with this number of columns.

    >>> piece_rows(22), piece_rows(784)
    (131072, 5349)
    """
    return max(_LEAST, min(_MOST, _CELLS // max(columns, 1)))


@dataclass(frozen=True, eq=False)
class Opened:
    """A file, ready to be read piece by piece.

    Attributes:
        file: the file.
        lazy: all its rows; the columns of a text file are text.
        columns: its columns with their types, and the columns that its folders give.
        separator: separator of a text file's cells; "" for other files.
        notes: sentences about how a text file was read.
    """

    file: SourceFile
    lazy: pl.LazyFrame
    columns: dict[str, pl.DataType]
    separator: str = ""
    notes: tuple[str, ...] = ()

    def pieces(self, rows: int) -> Iterator[pl.DataFrame]:
        """All rows in pieces of `rows` rows, of which the last may be smaller. A text file is parsed once.

        Raises:
            FalllineError: the file has changed or vanished, or cannot be read.
        """
        self.file.check()
        if self.file.kind == "text":
            yield from _cut(self._batches(rows), rows)
            return
        start = 0
        while True:
            frame = self.piece(start, rows)
            if frame.height:
                yield frame
            if frame.height < rows:
                return
            start += rows

    def piece(self, start: int, rows: int) -> pl.DataFrame:
        """Some rows from a given one on; a text file is parsed from its beginning.

        Raises:
            FalllineError: as for `pieces`.
        """
        self.file.check()
        try:
            frame = self.lazy.slice(start, rows).collect()
        except Exception as error:  # Polars' own, those of its threads, and those of the system
            raise damaged(self.file, error) from None
        return self._completed(frame)

    def _batches(self, rows: int) -> Iterator[pl.DataFrame]:
        try:
            for batch in self.lazy.collect_batches(chunk_size=rows, maintain_order=True):
                yield self._completed(batch)
        except FalllineError:
            raise
        except Exception as error:
            raise damaged(self.file, error) from None

    def _completed(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows with the columns that the folders give, and with null for missing cells."""
        import polars as pl

        keys = [(name, value) for name, value in self.file.keys if name not in frame.columns]
        return clean(frame).with_columns(pl.lit(value, pl.String).alias(name) for name, value in keys)


def open_file(file: SourceFile, names: list[str] | None = None) -> Opened:
    """Opens a file: finds its columns, and for a text file its layout.

    Raises:
        FalllineError: the file cannot be read.
    """
    import polars as pl

    file.check()
    try:
        if file.kind == "text":
            opened = _open_text(file, names)
        else:
            scan: Any = pl.scan_parquet if file.kind == "Parquet" else pl.scan_ipc
            arguments = {"glob": False} if file.kind == "Parquet" else {}
            lazy = scan(file.path, hive_partitioning=False, **arguments)
            opened = Opened(file, lazy, dict(lazy.collect_schema()))
    except FalllineError:
        raise
    except Exception as error:
        raise damaged(file, error) from None
    check_names(list(opened.columns), str(file.path), hint=file.kind == "text")
    keys = {name: pl.String() for name, _ in file.keys if name not in opened.columns}
    return Opened(file, opened.lazy, {**opened.columns, **keys}, opened.separator, opened.notes)


def damaged(file: SourceFile, error: BaseException) -> FalllineError:
    """What is said of a file that cannot be read."""
    file.check()
    said = " ".join(str(error).split())[:100]
    what = "a text table" if file.kind == "text" else f"a {file.kind} file"
    return FalllineError(
        f"{file.path} is damaged or not {what} ({said}): write it again, or leave it out of the source"
    )


def _open_text(file: SourceFile, names: list[str] | None) -> Opened:
    import polars as pl

    start = _start(file)
    dialect = find_dialect(file.path, start, names)
    if dialect.separator == BLANKS or dialect.comment:
        what = "blanks between its cells" if dialect.separator == BLANKS else "lines of comments"
        raise FalllineError(f"{file.path} has {what}, which a stream cannot read: write it with commas, or as Parquet")
    labels = _labels(file.path, dialect, names)
    lazy = pl.scan_csv(
        file.path,
        separator=dialect.separator or SINGLE,
        has_header=False,
        schema={name: pl.String() for name in labels},
        skip_lines=dialect.skipped,
        glob=False,
    )
    return Opened(file, lazy, dict.fromkeys(labels, pl.String()), dialect.separator, dialect.notes)


def _labels(path: Path, dialect: Dialect, names: list[str] | None) -> list[str]:
    """One name per column."""
    if dialect.header is None:
        if names is None or len(names) != dialect.width:
            raise FalllineError(
                f"{path} has {dialect.width} columns but {len(names or ())} names were given: give one name per column"
            )
        return names
    if len(dialect.header) != dialect.width:
        raise FalllineError(
            f"{path} has a header of {len(dialect.header)} cells over lines of {dialect.width}: give every column a name"
        )
    return dialect.header


def _start(file: SourceFile) -> str:
    """The first complete lines of a text file.

    Raises:
        FalllineError: it is not UTF-8 text.
    """
    with file.path.open("rb") as held:
        start = held.read(_START)
    kind = foreign(start)
    if kind is not None:
        raise FalllineError(f"{file.path} {kind}")
    if start[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in start:
        raise FalllineError(f"{file.path} is not UTF-8 text: save it as UTF-8, or as Parquet")
    if len(start) == _START:
        start = start[: start.rfind(b"\n") + 1]
    try:
        return start.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as problem:
        line = start.count(b"\n", 0, problem.start) + 1
        raise FalllineError(f"{file.path}, line {line}, is not UTF-8: save the file as UTF-8") from None


def _cut(batches: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in pieces of exactly `rows` rows, of which the last may be smaller."""
    import polars as pl

    held: list[pl.DataFrame] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.height
        while count >= rows:
            frame = pl.concat(held)
            yield frame.head(rows)
            held, count = [frame.slice(rows)], count - rows
    if count:
        yield pl.concat(held)
