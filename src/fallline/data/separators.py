"""Finds the separator of a text table: the one that splits all the first lines into columns."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

BLANKS = " "  # runs of blanks and tabs
SINGLE = "\x1f"  # given to readers that need a separator if a line is a single cell
CANDIDATES = ("\t", ";", "|", ",")  # in the order in which a tie is decided
NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", BLANKS: "blanks"}
_GOOD = 0.6  # a separator with this score leaves no reason to look for blanks
_QUOTED = re.compile(
    r"""(?<![^,;\t|\ \n])"(?:[^"]++|"")*+"(?![^,;\t|\ \r\n])"""  # a quote within quotes is doubled
    r"""|(?<![^,;\t|\ \n])"(?:[^"\\]++|\\.|"")*+"(?![^,;\t|\ \r\n])""",  # or has a backslash before it
    re.DOTALL,
)
_NUMBER = re.compile(r"[-+\u2212]?(\d[\d.,'\u2019_ ]*|[.,]\d+)([eE][-+]?\d+)?\s?%?")
_GROUPED = re.compile(r"[-+]?\d{1,3}( \d{3})+")
_YEAR = re.compile(r"[12]\d{3}")
_CLOSE = re.compile(r"[,;|](?!\s)|\t")  # a separator without a space after it, unlike in a sentence


@dataclass(frozen=True)
class CellLayout:
    """How the lines split.

    Attributes:
        separator: one of `CANDIDATES`, `BLANKS`, or "" if a line is a single cell.
        width: number of cells per line of data.
        header: number of cells in the first line.
        titles: number of title lines above the first line.
        score: quality of the split, between 0 and 1.
    """

    separator: str
    width: int
    header: int
    titles: int = 0
    score: float = 0.0


def masked(text: str) -> str:
    """Replaces each quoted cell by a plain one, so that nothing is quoted.

    >>> masked('"a, b";c\\n"1\\n2";3')
    'Q;c\\nQ;3'
    """
    return _QUOTED.sub("Q", text) if '"' in text else text


def split(line: str, separator: str) -> list[str]:
    """The stripped cells of a line that has no quotes.

    >>> split(" a  b ", BLANKS), split("a; b", ";"), split("a b", "")
    (['a', 'b'], ['a', 'b'], ['a b'])
    """
    if separator == BLANKS:
        return line.split()
    return [cell.strip() for cell in line.split(separator)] if separator else [line.strip()]


def tabbed(data: bytes) -> bytes:
    """Replaces the runs of blanks between cells by single tabs.

    >>> tabbed(b' 1  2\\n 3  "x  y"\\n')
    b'1\\t2\\n3\\t"x  y"\\n'
    """
    data = re.sub(rb"(?m)^[ \t]+|[ \t]+(?=\r?$)", b"", data)
    if b'"' not in data:
        return re.sub(rb"[ \t]+", b"\t", data)
    return re.sub(rb'((?<![^ \t\n])"(?:[^"]++|"")*+")|[ \t]+', lambda match: match[1] or b"\t", data)


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number, however it is written.

    >>> is_number("-1,5e3"), is_number("12 %"), is_number("v1")
    (True, True, False)
    """
    return _NUMBER.fullmatch(cell) is not None


def layout(lines: list[str], suffix: str, has_header: bool = True) -> tuple[CellLayout, CellLayout | None]:
    """The layout that fits best, and another that fits nearly as well, or None.

    Args:
        lines: the first lines from the header on, `masked`, without blank lines.
        suffix: suffix of the file name; it decides how readily blanks are taken as separators.
        has_header: whether the first line is a header.
    """
    tried = sorted((_try(lines, each, has_header) for each in CANDIDATES), key=lambda each: -each.score)
    best, second = tried[0], tried[1]
    if best.score < _GOOD:
        blank = _try(lines, BLANKS, has_header)
        if blank.score > best.score and _plausible_blanks(lines, blank, suffix):
            return blank, best if best.score > 0.8 * blank.score else None
    if best.score > 0:
        return best, second if second.score > 0.8 * best.score else None
    return _without_columns(lines), None


def declared_layout(lines: list[str], separator: str) -> CellLayout:
    """The layout under a separator that the file itself declares."""
    tried = _try(lines, separator, has_header=True)
    return tried if tried.width > 1 else CellLayout(separator, 1, 1)


def _try(lines: list[str], separator: str, has_header: bool) -> CellLayout:
    rows = [split(line, separator) for line in lines]
    titles = _titles(rows) if has_header and separator != BLANKS else 0
    rows = rows[titles:]
    header, widths = len(rows[0]), [len(row) for row in rows[1:]] or [len(rows[0])]
    counts = Counter(widths)
    width = max(counts, key=lambda each: (counts[each], each == header, -each))
    fit = counts[width] / len(widths)
    if width < 2 or (header == 1 and not _labelled(rows, separator)):
        return CellLayout(separator, 1, header)
    near = header in (width, width - 1) or rows[0][width:] == [""] * (header - width)
    regular = [row for row in rows[1:] if len(row) == width]
    clean = (_cleanness([rows[0]], separator) + _cleanness(regular or [rows[0]], separator)) / 2
    score = fit * clean * (1 if near else 0.3)
    return CellLayout(separator, width, header, titles, score)


def _is_long_title(rows: list[list[str]]) -> bool:
    """Whether the first line is a title that holds separators, above a header without numbers and numeric columns."""
    if len(rows) < 3 or len(rows[1]) < 3 or len(rows[0]) >= len(rows[1]) or len({len(row) for row in rows[1:]}) > 1:
        return False
    numbers = [all(map(is_number, column)) for column in zip(*rows[2:], strict=True)]
    return any(numbers) and not any(map(is_number, rows[1])) and all(rows[1])


def _cleanness(rows: list[list[str]], separator: str) -> float:
    """The share of cells that hold nothing like another separator."""
    return sum(_clean(cell, separator) for row in rows for cell in row) / sum(len(row) for row in rows)


def _labelled(rows: list[list[str]], separator: str) -> bool:
    """Whether lines of two cells under a header of one begin with a quoted row name, as R's write.table writes them."""
    return separator not in ("", BLANKS) and all(len(row) == 2 and row[0] == "Q" for row in rows[1:]) and len(rows) > 1


def _titles(rows: list[list[str]]) -> int:
    """The number of title lines: lines of at most one cell above lines that all have the same three or more cells."""
    if _is_long_title(rows):
        return 1
    filled = [sum(cell != "" for cell in row) for row in rows]
    count = next((position for position, cells in enumerate(filled) if cells > 1), 0)
    below = rows[count:]
    if not 0 < count <= 10 or len(below) < 2 or len(below[0]) < 3 or len({len(row) for row in below}) > 1:
        return 0
    return count if not any(is_number(cell) and not _YEAR.fullmatch(cell) for cell in below[0]) else 0


def _clean(cell: str, separator: str) -> bool:
    """Whether it is a single cell, with nothing in it like another separator."""
    if any(each in cell for each in CANDIDATES[:3] if each != separator):
        return False
    if separator != BLANKS and "  " in cell:
        return False
    return separator == "," or "," not in cell or is_number(cell) or _CLOSE.search(cell) is None


def _plausible_blanks(lines: list[str], blank: CellLayout, suffix: str) -> bool:
    """Whether blanks separate cells, and are not part of them: the lines are regular and a column holds numbers."""
    rows = [split(line, BLANKS) for line in lines]
    body = rows[1:] or rows
    if any(len(row) != blank.width for row in body) or len(rows[0]) not in (blank.width, blank.width - 1):
        return False
    numbers = sum(all(is_number(row[position]) for row in body) for position in range(blank.width))
    if all(_GROUPED.fullmatch(" ".join(row)) for row in body):
        return False  # thousands: 12 000
    quoted = all("Q" in row for row in body) and "Q" in rows[0]
    if suffix in (".csv", ".tsv") and blank.width < 3 and not quoted:
        return numbers == blank.width
    return numbers > 0 or quoted


def _without_columns(lines: list[str]) -> CellLayout:
    """The layout of lines that no separator splits alike: a single column, or as many cells as the first line has."""
    if all(is_number(line.strip()) or _CLOSE.search(line.strip()) is None for line in lines[1:] or lines):
        widths = [len(split(lines[0], each)) for each in CANDIDATES]
        if max(widths) == 1 or all(is_number(line.strip()) for line in lines):
            return CellLayout("", 1, 1)
    for separator in CANDIDATES:
        if any(separator in line for line in (lines[0], *lines)):
            width = len(split(lines[0], separator))
            return CellLayout(separator, width, width)
    return CellLayout("", 1, 1)
