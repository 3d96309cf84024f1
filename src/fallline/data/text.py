"""Reads text tables (CSV, TSV) as text cells, and reports every defect with its line number."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError
from fallline.data.dialect import Dialect, find_dialect
from fallline.data.in_parts import Settled, by_parts
from fallline.data.lines import read_lines
from fallline.data.marks import MISSING as MISSING
from fallline.data.marks import Blanks, clean
from fallline.data.names import INDEX, check_names, free_name
from fallline.data.opening import OpenedText, open_text
from fallline.data.quick import Bytes, by_polars
from fallline.data.separators import BLANKS, SINGLE, is_number, tabbed
from fallline.data.sheet import Sheet

if TYPE_CHECKING:
    import polars as pl

_START = 1 << 16  # bytes from which the dialect is found, if they hold enough lines
_FEW = 20  # rows with which the header is compared


def read_text(path: Path, names: list[str] | None = None, kept: Collection[str] | None = None) -> Sheet:
    """Reads a text table; every column holds text, or null where a cell is missing.

    The first line is the header, unless `names` gives the names of a file without one (a first line that repeats
    `names`, in any order, is still taken as a header). Blanks around cells are stripped. The separator is a comma, a
    semicolon, a tab, a bar or blanks, whichever splits the first lines alike. Comment lines and a title above the header
    are skipped.

    Args:
        path: the file, in UTF-8 or UTF-16, with or without a byte order mark; unpacked if its name ends in `.gz`.
        names: column names for a file without a header.
        kept: the columns of a large file that stay text, while plain numbers are kept as numbers; by default, all do.

    Raises:
        FalllineError: the file is empty, has only a header, is not text, or a line has too many or too few fields.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.csv"
    ...     _ = path.write_text("age; income\\n39,5; <=50K\\n?; >50K\\n")
    ...     sheet = read_text(path)
    >>> sheet.frame.rows(), sheet.separator
    ([('39,5', '<=50K'), (None, '>50K')], ';')
    """
    text = open_text(path)
    dialect = find_dialect(path, _beginning(text), names)
    settled = None if kept is None else _settled(text, dialect, names, kept)
    notes: list[str] = []
    if settled is not None:
        frame, top = settled.frame, settled.top
    else:
        frame, notes = _parse(text, dialect, names)
        top = frame.head(_FEW)
    if frame.height == 0:
        raise FalllineError(f"{path} holds a header and no rows: give a file with at least one row of data")
    labels = _labels(path, frame, top, dialect, names, notes)
    named = [position for position, label in enumerate(labels) if label]
    held = frame.columns
    frame = frame.select([held[position] for position in named])
    frame.columns = [labels[position] for position in named]
    point = settled is not None and settled.point
    return Sheet(frame, dialect.separator, (*text.notes, *dialect.notes, *notes), point)


def _beginning(text: OpenedText) -> str:
    """The first complete lines, at least three if the file has that many."""
    data, end = text.data, _START
    for _ in range(3):
        if data[:end].count(b"\n") >= 3 or end >= len(data):
            break
        end = data.find(b"\n", end) + 1 or len(data)
    start = data[:end]
    if end < len(data):
        start = start[: start.rfind(b"\n") + 1]
    try:
        return start.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        text.decoded()  # raises an error that names the line
        raise


def _parse(text: OpenedText, dialect: Dialect, names: list[str] | None) -> tuple[pl.DataFrame, list[str]]:
    """All rows as text, read by Polars or, if that fails, line by line, which works or reports the faulty line."""
    width = dialect.width
    if names is None and dialect.header is not None and not _fits(dialect.header, width):
        width = len(dialect.header)  # the lines below the header are wrong, and the first one is reported
    separator = {"": SINGLE, BLANKS: "\t"}.get(dialect.separator, dialect.separator)
    if dialect.separator == BLANKS:
        text = OpenedText(text.path, tabbed(text.data[:]), False)
    notes: list[str] = []
    blanks: Blanks | None = None
    quick = by_polars(text, separator, dialect.skipped, width)
    if quick is not None:
        frame, seen = quick
        blanks = _blanks(text, seen, frame.height)
    else:
        frame, notes = read_lines(text.path, text.decoded(), separator, dialect.skipped, width, dialect.comment)
    return clean(_without_empty_end(text.path, frame, notes), blanks), notes


def _settled(text: OpenedText, dialect: Dialect, names: list[str] | None, kept: Collection[str]) -> Settled | None:
    """The rows of a large file with plain numbers as numbers; None for all others."""
    labels = names if dialect.header is None else dialect.header
    if labels is None or dialect.separator in ("", BLANKS) or len(labels) not in (dialect.width, dialect.width - 1):
        return None
    first = dialect.width - len(labels)  # 1 where the first column holds row labels
    positions = [first + position for position, label in enumerate(labels) if label in kept]
    return by_parts(text, dialect.separator, dialect.skipped, dialect.width, positions, _blanks)


def _blanks(text: OpenedText, seen: Bytes, rows: int) -> Blanks | None:
    """The blanks that may begin or end a cell; None if any blank may."""
    if not seen.ascii:
        return None
    others = "".join(each for each in "\t\v\f" if text.data.find(each.encode()) >= 0)
    others += "\n" * (seen.quoted and seen.lines > rows)
    return Blanks(seen.leads or bool(others), " " * seen.trails + others)


def _fits(header: list[str], width: int) -> bool:
    """Whether the header fits the lines: as many cells, one fewer (row labels), or more if the surplus is empty."""
    return len(header) in (width, width - 1) or not any(header[width:])


def _without_empty_end(path: Path, frame: pl.DataFrame, notes: list[str]) -> pl.DataFrame:
    """Removes rows at the end in which every cell is empty, as spreadsheets leave them."""
    import polars as pl

    if frame.width == 1 or frame.height == 0 or any((cell or "").strip() for cell in frame.row(-1)):
        return frame
    filled = frame.select(pl.any_horizontal(pl.all().str.strip_chars().fill_null("") != "")).to_series().arg_true()
    kept = int(filled[-1]) + 1 if filled.len() else 0
    notes.append(f"{frame.height - kept} rows without any cell at the end of {path} were left out")
    return frame.head(kept)


def _labels(
    path: Path, frame: pl.DataFrame, top: pl.DataFrame, dialect: Dialect, names: list[str] | None, notes: list[str]
) -> list[str]:
    """One name per column of the frame, "" for columns that are left out."""
    if dialect.header is None:
        labels = _given(path, frame, names or [])
    else:
        labels = dialect.header[: frame.width]
        if names is None:
            notes += _row_as_header(path, top, labels)
    empty = [column.null_count() == frame.height for column in frame]
    if len(labels) < frame.width:
        labels = [*labels, ""] if empty[-1] and not labels.count("") else ["", *labels]
    unnamed = [position for position, label in enumerate(labels) if not label]
    dropped = [position for position in unnamed if empty[position]]
    if dropped:
        listed = ", ".join(str(position + 1) for position in dropped[:3]) + (" and more" if len(dropped) > 3 else "")
        if len(dropped) == 1:
            notes.append(
                f"column {listed} of {path} has no name and no cells, as trailing separators leave it: left out"
            )
        else:
            notes.append(
                f"columns {listed} of {path} have no names and no cells, as trailing separators leave them: left out"
            )
    if 0 in unnamed and 0 not in dropped:
        labels[0] = free_name(INDEX, labels)
        notes.append(f"the first column of {path} has no name, as a column of row labels: it is called {labels[0]!r}")
    placeholders = {position: f"\0{position}" for position in dropped}
    check_names([placeholders.get(i, label) for i, label in enumerate(labels)], str(path), hint=names is None)
    return labels


def _given(path: Path, frame: pl.DataFrame, names: list[str]) -> list[str]:
    """The names given for a file without a header, and "" for the empty columns that trailing separators leave."""
    surplus = frame.columns[len(names) :]
    if len(names) > frame.width or any(frame[name].null_count() < frame.height for name in surplus):
        raise FalllineError(
            f"{path} has {frame.width} columns but {len(names)} names were given: give one name per column"
        )
    return [*names, *("" for _ in surplus)]


def _row_as_header(path: Path, top: pl.DataFrame, labels: list[str]) -> list[str]:
    """A sentence if the header holds numbers wherever the rows below do, unless those numbers count up evenly."""
    columns = [[cell for cell in column if cell is not None] for column in top]
    offset = top.width - len(labels)
    numbers = [
        label
        for label, cells in zip(labels, columns[max(offset, 0) :], strict=False)
        if cells and all(map(is_number, cells))
    ]
    if not numbers or not all(map(is_number, numbers)):
        return []
    if all(each.isdecimal() for each in numbers) and len({int(b) - int(a) for a, b in pairwise(numbers)}) < 2:
        return []
    return [
        f"the first line of {path} holds numbers ({', '.join(numbers[:3])}) as the lines below do, and was taken as the "
        "header: if it is a row, give the column names with --names"
    ]
