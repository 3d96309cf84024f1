"""What the cache folder holds, how large it is, and its removal. All of it can be made again, so nothing here is missed."""

import dataclasses
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from fallline.core.budget import parse_size
from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, write_atomically
from fallline.core.runtime import cache_folder

USUAL = 2 * 10**9  # bytes that programs may take together
SPARE = 0.9  # share of the limit that is left after a removal, so that the next program needs none
_LIMIT = "limit"  # the file that holds a limit other than the usual one


class CacheKind(NamedTuple):
    """One kind of entry: its folder in the cache folder, what it is called, and what its entries' names look like."""

    folder: str
    title: str
    names: str
    is_program: bool = False


KINDS = (
    CacheKind("programs", "compiled programs", r".+-(cache|atime)", is_program=True),
    CacheKind("executables", "programs ready to load", r"[0-9a-f]{64}\.(program|key)", is_program=True),
    CacheKind("streams", "encoded streams", r"[0-9a-f]{32,64}"),
    CacheKind("agreed", "models that were checked", r"[0-9a-f]{64}"),
)


@dataclasses.dataclass(frozen=True)
class Held:
    """The entries of one kind.

    Arguments:
        title: what they are called.
        folder: where they are.
        entries: how many there are.
        bytes: how much of the disk they take.
    """

    title: str
    folder: Path
    entries: int
    bytes: int


def held() -> list[Held]:
    """What the cache folder holds, by kind."""
    found = []
    for kind in KINDS:
        entries = list(_entries(kind))
        count = sum(not each.name.endswith(("-atime", ".key")) for each in entries)
        found.append(Held(kind.title, cache_folder() / kind.folder, count, sum(map(_size, entries))))
    return found


def clear() -> int:
    """Remove every entry; returns how many bytes that frees. Other files in the folder stay."""
    return sum(_removed(each) for kind in KINDS for each in _entries(kind))


def limit() -> int:
    """Most bytes that programs may take together: what `set_limit` wrote, or the usual limit."""
    try:
        return parse_size((cache_folder() / _LIMIT).read_text(), _LIMIT)
    except (OSError, ValueError, FalllineError):
        return USUAL


def set_limit(size: int) -> int:
    """Limit programs to a number of bytes from now on; returns how many bytes were removed.

    Raises: FalllineError where the cache folder cannot be written to.
    """
    make_folder(cache_folder())
    write_atomically(cache_folder() / _LIMIT, f"{size}\n".encode())
    return trim()


def trim() -> int:
    """Remove the programs that were not used for longest, if programs exceed the limit; returns how many bytes that frees."""
    most, found = limit(), []
    for each in (entry for kind in KINDS if kind.is_program for entry in _entries(kind)):
        with suppress(OSError):
            facts = each.stat()
            found.append((max(facts.st_mtime, facts.st_atime), facts.st_size, each))
    left, freed = sum(size for _, size, _ in found), 0
    if left <= most:
        return 0
    for _, size, each in sorted(found, key=lambda entry: entry[0]):
        if left <= SPARE * most:
            break
        freed += _removed(each)
        left -= size
    return freed


def _entries(kind: CacheKind) -> Iterator[Path]:
    folder = cache_folder() / kind.folder
    with suppress(OSError):
        for each in sorted(folder.iterdir()):
            if re.fullmatch(kind.names, each.name) and not each.is_symlink():
                yield each


def _size(entry: Path) -> int:
    total = 0
    for here, _, files in os.walk(entry):
        total += sum(_size_of_file(Path(here, name)) for name in files)
    return total + (0 if entry.is_dir() else _size_of_file(entry))


def _size_of_file(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # another process has just removed it
        return 0


def _removed(entry: Path) -> int:
    size = _size(entry)
    with suppress(OSError):
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink()
    return 0 if entry.exists() else size
