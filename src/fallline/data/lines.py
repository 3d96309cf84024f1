"""Reads a text table line by line, so that every defect can be reported with its line number."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    import polars as pl

_ROWS = 50_000  # rows collected as Python strings before they are added to a frame
_LIMIT = threading.Lock()  # Python has one field size limit for all readers


def read_lines(
    path: Path, text: str, separator: str, skipped: int, width: int, comment: str
) -> tuple[pl.DataFrame, list[str]]:
    """Reads rows of text with Python's reader: slower than Polars, but it accepts odd quotes and knows line numbers.

    Blank lines are skipped if there are several columns; in a file with one column they are missing cells.

    Args:
        path: the file, for messages.
        text: the whole content of the file.
        separator: one character.
        skipped: number of lines before the first row.
        width: number of cells per line.
        comment: the prefix of comment lines, or "".

    Returns:
        A frame with the columns "0", "1", ..., and sentences about skipped lines.

    Raises:
        FalllineError: a line has too many or too few cells, or a quote is never closed.

    >>> read_lines(Path("t.csv"), 'a,b\\n1,5" pipe\\n', ",", 1, 2, "")[0].rows()
    [('1', '5" pipe')]
    """
    try:
        return _frame(path, text, separator, skipped, width, comment)
    except FalllineError as problem:
        plain = _with_doubled_quotes(text, separator) if '\\"' in text else text
        if plain == text:
            raise
        try:
            return _frame(path, plain, separator, skipped, width, comment)
        except FalllineError:
            raise problem from None


def ragged(path: Path, line: int, fields: int, width: int, last: int | None = None) -> FalllineError:
    """The error for a line with too many or too few cells; `last` is the line at which its row ends."""
    advice = "check its separators and quotes"
    if last is not None and last > line:
        advice = f"a quote opened there runs on to line {last}; close it"
    return FalllineError(f"{path}, line {line} has {fields} fields where {width} were expected: {advice}")


def _frame(
    path: Path, text: str, separator: str, skipped: int, width: int, comment: str
) -> tuple[pl.DataFrame, list[str]]:
    import polars as pl

    schema = {str(position): pl.String for position in range(width)}
    parts: list[pl.DataFrame] = []
    rows: list[list[str]] = []
    left_out: list[int] = []
    for row in _rows(path, text, separator, skipped, width, comment, left_out):
        rows.append(row)
        if len(rows) == _ROWS:
            parts.append(pl.DataFrame(rows, schema=schema, orient="row"))
            rows = []
    frame = pl.concat([*parts, pl.DataFrame(rows, schema=schema, orient="row")])
    if not left_out:
        return frame, []
    lines = f"line {left_out[0]}" if len(left_out) == 1 else f"{len(left_out)} lines, the first line {left_out[0]}"
    return frame, [f"comments among the rows of {path} were skipped ({lines})"]


def _rows(
    path: Path, text: str, separator: str, skipped: int, width: int, comment: str, left_out: list[int]
) -> Iterator[list[str]]:
    source = io.StringIO(text, newline="")
    for _ in range(skipped):
        source.readline()
    line = skipped + 1
    with _long_cells(len(text)):
        reader = csv.reader(source, delimiter=separator, skipinitialspace=True, strict=True)
        try:
            for cells in reader:
                empty = len(cells) < 2 and not "".join(cells).strip()
                if len(cells) == width or (empty and width == 1):
                    yield cells or [""]
                elif cells and _is_comment(cells, comment):
                    left_out.append(line)
                elif not empty:
                    raise ragged(path, line, len(cells), width, skipped + reader.line_num)
                line = skipped + reader.line_num + 1
        except csv.Error as problem:
            raise FalllineError(
                f"{path}, line {line} cannot be read ({problem}): check that its quotes are closed"
            ) from None


def _is_comment(cells: list[str], comment: str) -> bool:
    """Whether a line of another width is a comment: like those at the top, or a single cell that starts with `#`."""
    return (comment != "" and cells[0].startswith(comment)) or (len(cells) == 1 and cells[0].startswith("#"))


@contextmanager
def _long_cells(length: int) -> Iterator[None]:
    """Lifts the field size limit of Python's reader, so that cells of any length can be read."""
    with _LIMIT:
        before = csv.field_size_limit(max(length, csv.field_size_limit()))
        try:
            yield
        finally:
            csv.field_size_limit(before)


def _with_doubled_quotes(text: str, separator: str) -> str:
    """Replaces quotes escaped by a backslash within quoted cells by doubled quotes."""
    between = re.escape(separator)
    quoted = re.compile(rf'(?:(?<=[{between}\n])|^)( *)"((?:[^"\\]++|\\.)*+)"(?= *(?:[{between}\r\n]|$))', re.DOTALL)
    return quoted.sub(lambda cell: f'{cell[1]}"{_doubled(cell[2])}"', text)


def _doubled(inner: str) -> str:
    return re.sub(r'\\(["\\])', lambda match: '""' if match[1] == '"' else "\\", inner)
