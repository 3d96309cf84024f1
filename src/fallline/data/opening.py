"""Turns the bytes of a text file into lines of UTF-8: unpacked, decoded, and ending in `\\n`."""

from __future__ import annotations

import gzip
import mmap
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from fallline.core.budget import allowed, check_stream
from fallline.core.errors import FalllineError
from fallline.data.contents import foreign

_START = 1 << 14  # bytes examined to find out what a file is
_MARKS = (  # byte order marks, the longer ones first
    (b"\xff\xfe\0\0", "utf-32-le", "UTF-32"),
    (b"\0\0\xfe\xff", "utf-32-be", "UTF-32"),
    (b"\xff\xfe", "utf-16-le", "UTF-16"),
    (b"\xfe\xff", "utf-16-be", "UTF-16"),
)
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_UTF8 = b"\xef\xbb\xbf"


@dataclass(frozen=True, eq=False)
class OpenedText:
    """The lines of a text file.

    Attributes:
        path: the file.
        data: UTF-8 (not yet validated), without a byte order mark or blank lines at the end.
        as_stored: whether these are exactly the bytes of the file.
        notes: sentences about what was done.
    """

    path: Path
    data: bytes | mmap.mmap
    as_stored: bool
    notes: tuple[str, ...] = ()

    def decoded(self) -> str:
        """The whole text.

        Raises:
            FalllineError: a byte is not UTF-8; the message gives its line.
        """
        data = self.data[:]
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as problem:
            line = data.count(b"\n", 0, problem.start) + 1
            byte = data[problem.start]
            raise FalllineError(f"{self.path}, line {line}: byte 0x{byte:02x} is not UTF-8: save it as UTF-8") from None


def open_text(path: Path) -> OpenedText:
    """Opens a text file, which is unpacked if its name ends in `.gz`.

    Raises:
        FalllineError: the file is empty, is not text, or unpacks to more than `fallline.core.budget` allows.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "t.csv"
    ...     _ = path.write_bytes("a;b\\r1;2".encode("utf-16"))
    ...     open_text(path).data
    b'a;b\\n1;2'
    """
    notes: tuple[str, ...] = ()
    data = stored = _unpacked(path) if path.suffix.lower() == ".gz" else _mapped(path)
    kind = foreign(data[:_START])
    if kind is not None:
        raise FalllineError(f"{path} {kind}")
    mark = next((each for each in _MARKS if data[: len(each[0])] == each[0]), None)
    if mark is not None:
        data = _recoded(path, data[len(mark[0]) :], mark)
        notes = (f"{path} is {mark[2]} text and was read as such",)
    while data[:3] == _UTF8:
        data = data[3:]
    zero = data.find(b"\0")
    if zero >= 0:
        raise FalllineError(_not_text(path, data, zero))
    if data.find(b"\r") >= 0 and _LONE_RETURN.search(data):
        data = data[:].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    data = _trimmed(data)
    if not data[:_START].strip() and not data[:].strip():
        raise FalllineError(f"{path} is empty: give a file with a header line and at least one row")
    return OpenedText(path, data, data is stored and isinstance(data, mmap.mmap), notes)


def _mapped(path: Path) -> bytes | mmap.mmap:
    """Maps the file's bytes without a copy: reading 100 MB would cost a quarter of the time of parsing them."""
    with path.open("rb") as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file, or one without a size
            return file.read()


def _unpacked(path: Path) -> bytes:
    held = path.stat().st_size
    try:
        with gzip.open(path) as file:
            data = file.read(allowed(held) + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise FalllineError(f"{path} is damaged or not compressed with gzip: fetch it again") from None
    check_stream(len(data), held, str(path))
    return data


def _recoded(path: Path, data: bytes, mark: tuple[bytes, str, str]) -> bytes:
    try:
        return data.decode(mark[1]).encode("utf-8")
    except UnicodeError:
        raise FalllineError(f"{path} begins as {mark[2]} text but is damaged: save it as UTF-8") from None


def _trimmed(data: bytes | mmap.mmap) -> bytes | mmap.mmap:
    """Removes surplus line ends at the end; most files are returned as they are."""
    end = len(data)
    while end and data[end - 1] in b"\r\n":
        end -= 1
    return data if data[end:] in (b"", b"\n", b"\r\n") else data[:end]


def _not_text(path: Path, data: bytes | mmap.mmap, zero: int) -> str:
    line = data[:zero].count(b"\n") + 1
    pairs = data[: _START // 4 * 2]
    if max(pairs[::2].count(0), pairs[1::2].count(0)) > 0.3 * len(pairs):
        return f"{path} looks like UTF-16 text without a byte order mark: save it as UTF-8"
    return f"{path} is not a text table (line {line} holds a zero byte): give CSV or TSV text"
