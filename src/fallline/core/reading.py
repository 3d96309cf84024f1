"""Reading files back as bytes, text, JSON or TOML: regular files only, up to a size limit."""

import contextlib
import json
import os
import re
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from fallline.core.addresses import refuse_address
from fallline.core.budget import bytes_of
from fallline.core.errors import FalllineError
from fallline.core.shape import Plain, Shape, check

MOST = 2**28  # most bytes of a description; a study of 100,000 trials takes a tenth
# A dotted key makes one table per part, and tomllib's time grows with the square of their number.
_LONG_KEY = re.compile(r"""(?:^|[\[{,])\s*(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')\s*\.\s*){64}""", re.MULTILINE)
_KINDS = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


def check_regular(path: Path | str, what: str, expected: str = "a file") -> int:
    """The size of a regular file. The file is not opened, so a pipe without a writer does not block.

    Raises: FalllineError for a path that is missing, is not a regular file, or cannot be inspected.

    >>> check_regular("/dev/null", "recipe '/dev/null'", "a TOML file")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: recipe '/dev/null' is a device: expected a TOML file
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        refuse_address(path, "the path")
        raise FalllineError(f"{what} is not there: expected {expected}") from None
    except (OSError, ValueError) as error:  # a zero byte in the path is a ValueError
        reason = error.strerror if isinstance(error, OSError) else error
        raise FalllineError(f"{what} cannot be read ({reason}): expected {expected}") from None
    _refuse_others(found.st_mode, what, expected)
    return found.st_size


@contextlib.contextmanager
def open_regular(path: Path | str, what: str, expected: str = "a file", buffering: int = -1) -> Iterator[BinaryIO]:
    """A regular file, opened without blocking and checked again once open; `buffering` as for `open`.

    Raises: FalllineError as `check_regular`.
    """
    check_regular(path, what, expected)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except OSError as error:
        raise FalllineError(f"{what} cannot be read ({error.strerror}): expected {expected}") from None
    with os.fdopen(handle, "rb", buffering) as file:
        _refuse_others(os.fstat(file.fileno()).st_mode, what, expected)
        yield file


def read_bytes(path: Path | str, what: str, expected: str = "a file", most: int = MOST) -> bytes:
    """A regular file's content.

    Raises: FalllineError as `check_regular`, and for a file of more than `most` bytes.
    """
    with open_regular(path, what, expected) as file:
        try:
            content = file.read(most + 1)
        except OSError as error:
            raise FalllineError(f"{what} cannot be read ({error.strerror}): expected {expected}") from None
    if len(content) > most:
        raise FalllineError(f"{what} is longer than {bytes_of(most)}: expected {expected}")
    return content


def read_if_there(path: Path, what: str, expected: str = "a file") -> bytes | None:
    """A regular file's content, whatever its length; None if there is no file.

    Raises: FalllineError as `open_regular`.
    """
    if not os.path.lexists(path):
        return None
    with open_regular(path, what, expected) as file:
        try:
            return file.read()
        except OSError as error:
            raise FalllineError(f"{what} cannot be read ({error.strerror}): expected {expected}") from None


def read_text(path: Path | str, what: str, expected: str = "a file", most: int = MOST) -> str:
    """A regular file's content as UTF-8 text.

    Raises: FalllineError as `read_bytes`, and for content that is not UTF-8.
    """
    try:
        return read_bytes(path, what, expected, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise FalllineError(f"{what} is no text in UTF-8 ({error.reason}): expected {expected}") from None


def read_json(path: Path | str, shape: Shape, what: str, remedy: str) -> Any:
    """The content of a JSON file, checked against a shape.

    Raises: FalllineError as `read_text`, and for content that is not JSON or does not fit the shape.
    """
    return parse_json(read_text(path, what, "a JSON file that fallline has written"), shape, what, remedy)


def parse_json(text: str, shape: Shape, what: str, remedy: str) -> Any:
    """Parse text as JSON and check it against a shape.

    Raises: FalllineError for text that is not JSON, is nested too deeply, or does not fit the shape.

    >>> parse_json("[" * 99_999, Plain(), "study 's'", "search again")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: study 's' is damaged: it is nested beyond all depth; search again
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise FalllineError(f"{what} is damaged: it is nested beyond all depth; {remedy}") from None
    except ValueError as error:  # also raised for numbers of 5,000 digits
        raise FalllineError(f"{what} is damaged: it cannot be read as JSON ({_short(error)}); {remedy}") from None
    check(Plain(), value, what, remedy)
    check(shape, value, what, remedy)
    return value


def read_toml(path: Path | str, what: str, expected: str) -> tuple[dict[str, Any], str]:
    """The plain values of a TOML file, and its text.

    Raises: FalllineError as `read_text`, and for text that is not TOML or is nested too deeply.
    """
    text = read_text(path, what, expected, most=2**22)
    try:
        if _LONG_KEY.search(text):
            raise RecursionError
        plain = tomllib.loads(text)
    except RecursionError:
        raise FalllineError(
            f"{what} cannot be read as TOML: it is nested beyond all depth; expected {expected}"
        ) from None
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise FalllineError(f"{what} cannot be read as TOML: {_short(error)}; expected {expected}") from None
    check(Plain(), plain, what, f"expected {expected}")
    return plain, text


def _refuse_others(mode: int, what: str, expected: str) -> None:
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in _KINDS if test(mode)), "no regular file")
        raise FalllineError(f"{what} is {kind}: expected {expected}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
