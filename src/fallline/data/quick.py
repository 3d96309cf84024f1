"""Reads text tables fast, with Polars, and keeps the result only if the bytes confirm that it is right.

Polars silently pads short lines with missing cells and drops stray quotes. The separators of the file are therefore
counted if its last column has missing cells, and every quote must be at the beginning or the end of a cell.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fallline.data.opening import OpenedText

if TYPE_CHECKING:
    import polars as pl

_BLOCK = 1 << 18  # bytes examined at a time, so that they stay in the processor's cache
_QUOTE, _LINE, _RETURN, _SPACE = b'"\n\r '


@dataclass(frozen=True)
class Bytes:
    """Facts about the bytes of a text file.

    Attributes:
        lines: number of line ends; counted only if there are quotes.
        ascii: whether every byte is ASCII.
        quoted: whether there is a quote.
        odd_quotes: whether a quote occurs inside other text.
        leads: whether a space follows a separator, a line end, or a quote that opens a cell.
        trails: whether a space stands before a separator, a line end, or a quote that closes a cell.
    """

    lines: int
    ascii: bool
    quoted: bool
    odd_quotes: bool
    leads: bool
    trails: bool


def by_polars(text: OpenedText, separator: str, skipped: int, width: int) -> tuple[pl.DataFrame, Bytes] | None:
    """The rows as text columns "0", "1", ..., or None if the file has to be read line by line.

    Args:
        text: the file.
        separator: one character.
        skipped: number of lines before the first row.
        width: number of cells per line.
    """
    if len(text.data) < _BLOCK:  # a thread would cost more than it saves
        frame = _read(text, separator, skipped, width)
        raw, seen = looked(text, separator, skipped)
    else:
        with ThreadPoolExecutor(1) as thread:  # Polars reads while the bytes are examined
            reading = thread.submit(_read, text, separator, skipped, width)
            raw, seen = looked(text, separator, skipped)
            frame = reading.result()
    if frame is None or seen.odd_quotes or (raw.size and raw[-1] == ord(separator)):
        return None  # Polars overlooks a separator at the very end
    complete = frame if width == 1 else _complete(raw, frame, ord(separator), seen.quoted)
    return None if complete is None else (complete, seen)


def part_by_polars(text: OpenedText, separator: str, width: int) -> pl.DataFrame | None:
    """The same for a part of a file without quotes whose bytes were examined; without a header."""
    frame = _read(text, separator, 0, width)
    return None if frame is None else _complete(np.frombuffer(text.data, np.uint8), frame, ord(separator), False)


def _read(text: OpenedText, separator: str, skipped: int, width: int) -> pl.DataFrame | None:
    """The rows as Polars reads them, or None if it refuses them."""
    import polars as pl

    try:
        return pl.read_csv(
            text.path if text.as_stored else text.data[:],
            separator=separator,
            has_header=False,
            schema={str(position): pl.String for position in range(width)},
            skip_lines=skipped,
            glob=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OSError, UnicodeError):
        return None


def first_row(text: OpenedText, skipped: int) -> int:
    """The byte at which the first row begins."""
    start = 0
    for _ in range(skipped):
        start = text.data.find(b"\n", start) + 1 or len(text.data)
    return start


def looked(text: OpenedText, separator: str, skipped: int) -> tuple[np.ndarray, Bytes]:
    """The bytes from the first row on, and the facts about them."""
    raw = np.frombuffer(text.data, np.uint8)[first_row(text, skipped) :]
    quoted = text.data.find(b'"') >= 0
    lines, ascii, odd, leads, trails = 0, True, False, False, False
    for begin in range(0, raw.size, _BLOCK):
        near = _with_neighbours(raw, begin)
        block = near[2:-2]
        ascii = ascii and int(block.max()) < 128
        if not quoted and leads and trails:
            continue
        line_ends = near == _LINE
        ends = (near == ord(separator)) | line_ends | (near == _RETURN)
        spaces = block == _SPACE
        leads = leads or bool((spaces & ends[1:-3]).any())
        trails = trails or bool((spaces & ends[3:-1]).any())
        if quoted:
            quotes = near == _QUOTE
            either = ends | quotes
            lines += int(np.count_nonzero(line_ends[2:-2]))
            odd = odd or bool((quotes[2:-2] > (either[1:-3] | either[3:-1])).any())
            leads = leads or bool((spaces & quotes[1:-3] & ends[:-4]).any())
            trails = trails or bool((spaces & quotes[3:-1] & ends[4:]).any())
    return raw, Bytes(lines, ascii, quoted, odd, leads, trails)


def _with_neighbours(raw: np.ndarray, begin: int) -> np.ndarray:
    """A block of bytes with the two before it and the two after it; line ends where the file has none."""
    near = raw[max(begin - 2, 0) : begin + _BLOCK + 2]
    before, after = max(2 - begin, 0), min(max(begin + _BLOCK + 2 - raw.size, 0), 2)
    return np.pad(near, (before, after), constant_values=_LINE) if before or after else near


def _complete(raw: np.ndarray, frame: pl.DataFrame, separator: int, quoted: bool) -> pl.DataFrame | None:
    """The frame without rows of blank lines; None if a line may be too short.

    A file with as many separators as its rows need has no short line, because Polars refuses long lines.
    """
    import polars as pl

    if frame.height == 0 or frame.to_series(-1).null_count() == 0:
        return frame
    needed = _separators(raw, separator, quoted) / (frame.width - 1)
    if needed == frame.height:
        return frame
    blank = frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
    return frame.filter(~blank) if needed == frame.height - blank.sum() else None


def _separators(raw: np.ndarray, separator: int, quoted: bool) -> int:
    """The number of separators outside quotes."""
    count, inside = 0, False
    for begin in range(0, raw.size, _BLOCK):
        block = raw[begin : begin + _BLOCK]
        if not quoted:
            count += int(np.count_nonzero(block == separator))
            continue
        indices = np.flatnonzero(block == separator)
        quotes = np.flatnonzero(block == _QUOTE)
        passed = np.concatenate(([0], np.searchsorted(indices, quotes), [indices.size]))  # separators before each quote
        count += int(np.diff(passed)[int(inside) :: 2].sum())
        inside ^= quotes.size % 2 == 1
    return count
