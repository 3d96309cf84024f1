"""Finds the layout of a text file: the lines above its header, the separator of its cells, and its columns."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.data.separators import (
    BLANKS,
    CANDIDATES,
    NAMES,
    SINGLE,
    CellLayout,
    declared_layout,
    is_number,
    layout,
    masked,
    split,
    tabbed,
)

WIDEST = 100_000  # columns
_LINES = 100  # lines that are examined
_COMMENTS = ("#", "%", "//")
_UNKNOWN = ("::", "^", "~", "\x01", "\xa6")
_RULE = re.compile(r":?-{3,}:?|:-+:?|-+:|={3,}")
_DECLARED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """The layout of a text file.

    Attributes:
        separator: separator of the cells; `BLANKS` for runs of blanks, "" for a single column.
        skipped: number of lines before the first row of data.
        header: the cells of the header, or None if the file has none.
        width: number of cells per line of data.
        comment: the prefix of comment lines, or "".
        notes: sentences about anything unusual.
    """

    separator: str
    skipped: int
    header: list[str] | None
    width: int
    comment: str = ""
    notes: tuple[str, ...] = ()


def find_dialect(path: Path, start: str, names: list[str] | None = None) -> Dialect:
    """Finds the dialect of a file from its first lines.

    Args:
        path: the file, for its suffix and for messages.
        start: its first complete lines.
        names: column names for a file without a header; a first line that repeats them is still taken as a header.

    Raises:
        FalllineError: the file has more than `WIDEST` columns, or an unknown separator.

    >>> find_dialect(Path("t.csv"), "# of 2024\\na;b\\n1,5;2\\n3,5;4\\n").header
    ['a', 'b']
    """
    notes: list[str] = []
    lines = start.split("\n")
    declared, skipped = _declared(lines)
    skipped, comment, comments = _preamble(lines, skipped, names is not None)
    body = "\n".join(lines[skipped:])
    first = [line for line in masked(body).split("\n")[: 2 * _LINES] if line.strip()][:_LINES]
    most = max(first[0].count(each) for each in CANDIDATES) + 1
    _check_width(path, most if most > 1 else len(first[0].split()))
    suffix = Path(path.name.removesuffix(path.suffix)).suffix if path.suffix.lower() == ".gz" else path.suffix
    if declared:
        found, rival = declared_layout(first, declared), None
    else:
        found, rival = layout(first, suffix.lower(), names is None)
    _check_width(path, found.width)
    if not found.separator:
        _refuse_unknown_separators(path, first)
    if found.titles:
        shown = first[0].strip(" ,;|\t\r")[:40]
        count = "1 line" if found.titles == 1 else f"{found.titles} lines"
        notes.append(f"the title above the header of {path} ({count}: {shown!r}) was skipped")
        skipped += _physical(lines, skipped, found.titles)
    first = first[found.titles :]
    if comments and _is_commented_header(comments[-1], comment, first, found, names):
        header: list[str] | None = _cells(comments[-1].removeprefix(comment).strip(), found.separator)[0]
        comments = comments[:-1]
    else:
        header, taken = _cells("\n".join(lines[skipped:]), found.separator)
        if names is None or sorted(header) == sorted(names):
            skipped += taken
            if (ruled := _ruled(lines, skipped, found.separator)) > skipped:
                notes.append(f"the rule under the header of {path} was skipped")
                skipped = ruled
        else:
            header = None
    if comments:
        notes.append(f"comments at the top of {path} ({len(comments)} with {comment!r}) were skipped")
    notes += _doubts(path, found, rival, suffix.lower(), declared)
    return Dialect(found.separator, skipped, header, found.width, comment, tuple(notes))


def _declared(lines: list[str]) -> tuple[str, int]:
    """The separator declared by a first line such as `sep=;` (a convention of Excel), and the lines it takes."""
    match = _DECLARED.fullmatch(lines[0])
    return (match[1], 1) if match else ("", 0)


def _preamble(lines: list[str], skipped: int, named: bool) -> tuple[int, str, list[str]]:
    """Blank lines and comment lines at the top: their number, the comment prefix, and the comments.

    A file in which every line starts with the prefix has no comments: the prefix belongs to its cells.
    """
    while skipped < len(lines) and not lines[skipped].strip():
        skipped += 1
    top = skipped
    mark = next((each for each in _COMMENTS if lines[top].lstrip().startswith(each)), "") if top < len(lines) else ""
    comments: list[str] = []
    end = top
    while mark and end < len(lines) and (not lines[end].strip() or lines[end].lstrip().startswith(mark)):
        if lines[end].strip():
            comments.append(lines[end].strip())
        end += 1
    rest = [line for line in lines[end:] if line.strip()]
    if not comments or not rest or _are_rows(comments, mark, rest, named):
        return top, "", []
    return end, mark, comments


def _are_rows(comments: list[str], mark: str, rest: list[str], named: bool) -> bool:
    """Whether lines with a comment prefix are data: a header such as `#id,name`, or rows if names are given."""
    after = comments[0].removeprefix(mark)
    if mark == "//" or (len(comments) > 1 and not named) or (after[:1].isspace() and after[0] != "\t"):
        return False
    separators = [each for each in CANDIDATES if each in rest[0]]
    if not after or named:
        return not separators or any(each in after for each in separators)
    widths = [(len(split(masked(line), each)) for line in (comments[0], rest[0])) for each in separators]
    return any(first == second for first, second in widths)


def _is_commented_header(comment: str, mark: str, first: list[str], found: CellLayout, names: list[str] | None) -> bool:
    """Whether the last comment is the header, as `numpy.savetxt` writes it."""
    cells = split(masked(comment.removeprefix(mark).strip()), found.separator)
    return (
        names is None
        and found.separator != ""
        and len(cells) == found.width == len(split(first[0], found.separator))
        and not any(is_number(cell) or not cell for cell in cells)
        and any(is_number(cell) for cell in split(first[0], found.separator))
    )


def _cells(text: str, separator: str) -> tuple[list[str], int]:
    """The cells of the first line of a text, and how many lines it takes, including blank lines before it."""
    if separator == BLANKS:
        text, separator = tabbed(text.encode()).decode(), "\t"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator or SINGLE, skipinitialspace=True)
    try:
        cells = next(row for row in reader if len(row) > 1 or "".join(row).strip())
    except (csv.Error, StopIteration):  # a quote that is never closed; reading the rows will report it
        line = next(line for line in text.split("\n") if line.strip())
        return split(line, separator), text[: text.index(line)].count("\n") + 1
    return [_tidy(cell) for cell in cells], reader.line_num


def _ruled(lines: list[str], start: int, separator: str) -> int:
    """The line at which the rows start, after a rule below the header such as Markdown's `|---|:--:|`, if any."""
    line = lines[start] if start < len(lines) else ""
    filled = [cell for cell in _cells(line, separator)[0] if cell] if line.strip() else []
    return start + 1 if filled and all(map(_RULE.fullmatch, filled)) else start


def _tidy(cell: str) -> str:
    return cell.strip().removeprefix("\ufeff").strip()


def _check_width(path: Path, width: int) -> None:
    if width > WIDEST:
        raise FalllineError(
            f"{path} has {width:,} columns, where at most {WIDEST:,} are read: keep those that matter, "
            "or give the numbers as an array (.npz)"
        )


def _refuse_unknown_separators(path: Path, lines: list[str]) -> None:
    """Raises: FalllineError if every line holds equally many of a separator that is not supported."""
    for mark in _UNKNOWN:
        counts = {line.count(mark) for line in lines}
        if len(lines) > 1 and len(counts) == 1 and counts != {0}:
            raise FalllineError(
                f"the cells of {path} seem to be separated by {mark!r}, which is not known: write commas instead"
            )


def _physical(lines: list[str], start: int, count: int) -> int:
    """How many lines, blank ones included, hold `count` lines that are not blank."""
    position = start
    while count:
        count -= bool(lines[position].strip())
        position += 1
    return position - start


def _doubts(path: Path, found: CellLayout, rival: CellLayout | None, suffix: str, declared: str) -> list[str]:
    if declared or not found.separator:
        return []
    name = NAMES[found.separator]
    if rival is not None:
        other = NAMES[rival.separator]
        return [f"the cells of {path} were taken to be separated by {name}; {other} would split its lines alike, too"]
    if suffix == ".tsv" and found.separator != "\t" and found.width > 1:
        return [f"the cells of {path} are separated by {name}, in spite of its name, and were read as such"]
    if found.separator == BLANKS:
        return [f"the cells of {path} were taken to be separated by {name}: {found.width} columns"]
    return []
