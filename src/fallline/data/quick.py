"""Reads text tables fast, with Polars, and keeps the result only if the bytes confirm that it is right.

Polars silently pads short lines with missing cells and drops stray quotes. The separators of the file are therefore
counted if its last column has missing cells, and every quote must be at the beginning or the end of a cell.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fallline.data.opening import OpenedText

if TYPE_CHECKING:
    import polars as pl

_BLOCK = 1 << 18  # bytes examined at a time, so that they stay in the processor's cache
_PART = 1 << 24  # bytes for each thread
_QUOTE, _LINE, _RETURN, _SPACE = b'"\n\r '


@dataclass(frozen=True)
class Bytes:
    """Facts about the bytes of a text file.

    Attributes:
        lines: number of line ends; counted only if there are quotes.
        ascii: whether every byte is ASCII.
        quoted: whether there is a quote.
        odd_quotes: whether a quote occurs inside other text.
        padded: whether a space is next to a separator, a quote or a line end.
    """

    lines: int
    ascii: bool
    quoted: bool
    odd_quotes: bool
    padded: bool


def by_polars(text: OpenedText, separator: str, skipped: int, width: int) -> tuple[pl.DataFrame, Bytes] | None:
    """The rows as text columns "0", "1", ..., or None if the file has to be read line by line.

    Args:
        text: the file.
        separator: one character.
        skipped: number of lines before the first row.
        width: number of cells per line.
    """
    import polars as pl

    raw, seen = looked(text, separator, skipped)
    if seen.odd_quotes or (raw.size and raw[-1] == ord(separator)):  # Polars overlooks a separator at the very end
        return None
    try:
        frame = pl.read_csv(
            text.path if text.as_stored else text.data[:],
            separator=separator,
            has_header=False,
            schema={str(position): pl.String for position in range(width)},
            skip_lines=skipped,
            glob=False,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError, OSError, UnicodeError):
        return None
    complete = frame if width == 1 else _complete(raw, frame, ord(separator), seen.quoted)
    return None if complete is None else (complete, seen)


def first_row(text: OpenedText, skipped: int) -> int:
    """The byte at which the first row begins."""
    start = 0
    for _ in range(skipped):
        start = text.data.find(b"\n", start) + 1 or len(text.data)
    return start


def looked(text: OpenedText, separator: str, skipped: int) -> tuple[np.ndarray, Bytes]:
    """The bytes from the first row on, and the facts about them."""
    raw = np.frombuffer(text.data, np.uint8)[first_row(text, skipped) :]
    return raw, _look(text, raw, ord(separator))


def _look(text: OpenedText, raw: np.ndarray, separator: int) -> Bytes:
    """Examines the bytes from the first row on, using all cores."""
    quoted = text.data.find(b'"') >= 0
    starts = range(0, raw.size, _PART)
    with ThreadPoolExecutor(max(1, min(len(starts), os.cpu_count() or 1))) as threads:
        parts = list(threads.map(lambda start: _look_at(raw, start, separator, quoted), starts))
    return Bytes(
        sum(part.lines for part in parts),
        all(part.ascii for part in parts),
        quoted,
        any(part.odd_quotes for part in parts),
        any(part.padded for part in parts),
    )


def _look_at(raw: np.ndarray, start: int, separator: int, quotes: bool) -> Bytes:
    ends = np.zeros(256, bool)
    ends[[separator, _QUOTE, _LINE, _RETURN]] = True
    lines, ascii, odd, padded = 0, True, False, False
    for begin in range(start, min(start + _PART, raw.size), _BLOCK):
        near = raw[max(begin - 1, 0) : begin + _BLOCK + 1]  # with its neighbours; the file is padded with line ends
        near = np.concatenate(([_LINE], near)).astype(np.uint8) if begin == 0 else near
        near = np.append(near, np.uint8(_LINE)) if begin + _BLOCK >= raw.size else near
        block = near[1:-1]
        ascii &= int(block.max()) < 128
        if quotes:
            lines += int(np.count_nonzero(block == _LINE))
            at = np.flatnonzero(block == _QUOTE)
            odd |= at.size > 0 and not (ends[near[at]] | ends[near[at + 2]]).all()
        if not padded:
            at = np.flatnonzero(block == _SPACE)
            padded = at.size > 0 and bool((ends[near[at]] | ends[near[at + 2]]).any())
    return Bytes(lines, ascii, quotes, odd, padded)


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
