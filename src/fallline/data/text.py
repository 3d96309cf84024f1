"""How is a text table (CSV, TSV) read? As text cells, with every defect named by its line."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.sheet import Sheet

if TYPE_CHECKING:
    import polars as pl

MISSING = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
_BLOCK = 1 << 23  # bytes looked at together when fields are counted
_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


def read_text(path: Path, names: list[str] | None = None) -> Sheet:
    """Reads a text table; every column holds text, or null where a cell is missing.

    The first line is the header, unless `names` gives the names of a file without one (a first line that repeats
    `names`, in any order, is still taken as a header). Blanks around cells are stripped. A first line without a comma
    may be separated by semicolons or tabs.

    Args:
        path: the file, in UTF-8, with or without a byte order mark.
        names: column names for a file without a header.

    Raises:
        FalllineError: the file is empty, has a header only, is not UTF-8 text, or a line has too many or few fields.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.csv"
    ...     _ = path.write_text("age, income\\n39, <=50K\\n?, >50K\\n")
    ...     read_text(path).frame.rows()
    [('39', '<=50K'), (None, '>50K')]
    """
    data = _text_bytes(path)
    separator = _separator(path, data)
    header, frame = _parse(path, data, separator)
    if names is None:
        labels = header
    else:
        if len(names) != len(header):
            raise FalllineError(
                f"{path} has {len(header)} columns but {len(names)} names were given: give one name per column"
            )
        labels = list(names)
    check_names(labels, str(path), hint=names is None)
    if names is None or sorted(header) == sorted(names):
        labels = header
        frame = frame.slice(1)
        if frame.height == 0:
            raise FalllineError(f"{path} holds a header and no rows: give a file with at least one row of data")
    frame.columns = labels
    return Sheet(_clean(frame), separator)


def check_names(names: list[object] | list[str], where: str, hint: bool = False) -> None:
    """Column names are text, none empty, none twice.

    Raises:
        FalllineError: naming the first name that is not.

    >>> check_names(["a", "b"], "t.csv")
    """
    headless = "; if the file has no header line, give the column names with --names" if hint else ""
    seen: set[object] = set()
    for position, name in enumerate(names, 1):
        if not isinstance(name, str):
            kind = type(name).__name__
            raise FalllineError(f"column {position} of {where} is named {name!r}, a {kind}: column names must be text")
        if not name.strip():
            raise FalllineError(f"column {position} of {where} has no name: give every column a name{headless}")
        if name in seen:
            raise FalllineError(f"the column name {name!r} stands twice in {where}: rename one of them{headless}")
        seen.add(name)


def _text_bytes(path: Path) -> bytes:
    data = path.read_bytes()
    if data[:2] in _BYTE_ORDER_MARKS:
        raise FalllineError(f"{path} is {_BYTE_ORDER_MARKS[data[:2]]} text, where UTF-8 was expected: save it as UTF-8")
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise FalllineError(f"{path} is empty: give a file with a header line and at least one row")
    zero = data.find(b"\0")
    if zero >= 0:
        line = data.count(b"\n", 0, zero) + 1
        raise FalllineError(f"{path} is not a text table (line {line} holds a zero byte): give CSV or TSV text")
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as problem:
            line = data.count(b"\n", 0, problem.start) + 1
            byte = data[problem.start]
            raise FalllineError(f"{path}, line {line}: byte 0x{byte:02x} is not UTF-8: save it as UTF-8") from None
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data.rstrip(b"\r\n")


def _separator(path: Path, data: bytes) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    first = data.split(b"\n", 1)[0]
    return next((each for each in ",;\t" if each.encode() in first), ",")


def _parse(path: Path, data: bytes, separator: str) -> tuple[list[str], pl.DataFrame]:
    """The first line's cells and all lines, the first included, as a frame of text."""
    import polars as pl

    frame = None
    if _uniform(data, ord(separator)) and (separator + ' "').encode() not in data:
        try:
            frame = pl.read_csv(data, separator=separator, has_header=False, infer_schema=False, glob=False)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            frame = None  # quotes that Polars does not take; the slower reader below does, or names the line
    if frame is None:
        rows = _rows(path, data, separator)
        names = [str(position) for position in range(len(rows[0]))]
        frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return [(cell or "").strip() for cell in frame.row(0)], frame


def _uniform(data: bytes, separator: int) -> bool:
    """Has every line as many separators outside quotes as the first? (The parity of quotes tells what is outside.)"""
    raw = np.frombuffer(data, np.uint8)
    quotes = seen = 0  # so far: quotes; separators since the last line break
    width = None
    for start in range(0, raw.size, _BLOCK):
        block = raw[start : start + _BLOCK]
        breaks, separators = block == 10, block == separator
        quote = block == 34
        if quote.any() or quotes % 2:
            inside = (np.cumsum(quote, dtype=np.int32) + quotes) % 2 == 1
            breaks &= ~inside
            separators &= ~inside
            quotes += int(quote.sum())
        ends = np.flatnonzero(breaks)
        total = np.cumsum(separators, dtype=np.int32)
        counts = np.diff(total[ends], prepend=0)
        if counts.size:
            counts[0] += seen
            width = int(counts[0]) if width is None else width
            if (counts != width).any():
                return False
            seen = int(total[-1] - total[ends[-1]])
        else:
            seen += int(total[-1])
    if width == 0 and b"\n\n" in data.replace(b"\r", b""):
        return True  # one column: an empty line is a missing cell
    return quotes % 2 == 0 and width in (None, seen)


def _rows(path: Path, data: bytes, separator: str) -> list[list[str]]:
    """The lines' cells by Python's reader, which forgives odd quotes and knows line numbers."""
    reader = csv.reader(
        io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator, skipinitialspace=True, strict=True
    )
    rows: list[list[str]] = []
    line = 1
    try:
        for cells in reader:
            empty = not cells or (len(cells) == 1 and not cells[0].strip())
            width = len(rows[0]) if rows else len(cells)
            if not (empty and (not rows or width > 1)):
                if len(cells) != width:
                    raise FalllineError(_ragged(path, line, len(cells), width, reader.line_num))
                rows.append(cells or [""])
            line = reader.line_num + 1
    except csv.Error as problem:
        raise FalllineError(
            f"{path}, line {line} cannot be read ({problem}): check that its quotes are closed"
        ) from None
    return rows


def _ragged(path: Path, line: int, fields: int, width: int, last: int) -> str:
    advice = "check its separators and quotes"
    if last > line:
        advice = f"a quote opened there runs on to line {last}; close it"
    return f"{path}, line {line} has {fields} fields where {width} were expected: {advice}"


def _clean(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    cell = pl.all().str.strip_chars()
    return frame.with_columns(pl.when(cell.is_in(MISSING)).then(None).otherwise(cell).name.keep())
