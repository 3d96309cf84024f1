"""Finds the files of a stream: a file, a folder, a pattern or a list; and notices when one of them changes."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError
from fallline.core.reading import check_regular
from fallline.data.image_folder import has_images
from fallline.data.mnist import has_idx
from fallline.data.sources import ARROW, PARQUET, TEXT, is_run, refuse_run

KINDS = {**dict.fromkeys(PARQUET, "Parquet"), **dict.fromkeys(ARROW, "Arrow"), **dict.fromkeys(TEXT, "text")}
LONG = 10**9  # bytes of a file whose rows are read piece by piece for predictions
_EMPTY = "__HIVE_DEFAULT_PARTITION__"  # what writers of partitioned folders call a missing value


@dataclass(frozen=True)
class SourceFile:
    """A file of a stream, as it was found.

    Attributes:
        path: where it is.
        name: its path below the folder that all files share; it names the file in messages and identifies its rows.
        kind: "Parquet", "Arrow" or "text".
        size: its size in bytes.
        modified: when it was last changed, in nanoseconds.
        keys: the values that the folders `column=value` above it give to all its rows.
    """

    path: Path
    name: str
    kind: str
    size: int
    modified: int
    keys: tuple[tuple[str, str | None], ...] = ()

    @property
    def identity(self) -> str:
        """A digest of its name, its size and the time of its last change."""
        return hashlib.sha256(f"{self.name}\0{self.size}\0{self.modified}".encode()).hexdigest()[:32]

    def check(self) -> None:
        """Raises: FalllineError if the file has vanished or changed since it was found."""
        try:
            now = os.stat(self.path)
        except OSError as problem:
            raise FalllineError(
                f"the file {self.path} has vanished or cannot be reached any more ({problem.strerror}): put it back, or "
                "begin anew without it"
            ) from None
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified):
            grown = f"from {self.size:,} to {now.st_size:,} bytes" if now.st_size != self.size else "in place"
            raise FalllineError(
                f"the file {self.path} has changed since it was scanned ({grown}): scan the source again, which begins "
                "a new run"
            )


def is_stream(source: object) -> bool:
    """Whether a source can only be read as a stream: a pattern, a list of paths, or a folder with tables.

    >>> is_stream("folder/*.parquet"), is_stream("rows.csv"), is_stream(["a.parquet", "b.parquet"])
    (True, False, True)
    """
    if isinstance(source, (list, tuple)):
        return bool(source) and all(isinstance(each, (str, Path)) for each in source)
    if not isinstance(source, (str, Path)):
        return False
    path = Path(source)
    try:
        if path.is_dir():
            if has_idx(path) or is_run(path) or has_images(path):
                return False
            return next(_inside(path), None) is not None
        return _is_pattern(str(source)) and not path.exists()
    except (OSError, ValueError):
        return False


def is_long(source: object) -> bool:
    """Whether the rows of a source are read piece by piece for predictions: it is a stream, or a file of a gigabyte."""
    if is_stream(source):
        return True
    try:
        path = Path(str(source))
        return path.suffix.lower() in KINDS and path.is_file() and path.stat().st_size >= LONG
    except (OSError, ValueError):
        return False


def find_files(source: str | Path | Iterable[str | Path]) -> list[SourceFile]:
    """The files of a source, in the order of their names.

    Args:
        source: a file; a folder, whose tables are taken from all its subfolders, and whose folders `column=value` give
            the column's value; a pattern such as `folder/*.parquet`, in which `**` stands for any folders; or a list of
            files.

    Raises:
        FalllineError: there is no such file, a file is of an unknown kind, or the files are of several kinds.
    """
    where, root, paths = _paths(source)
    if not paths:
        raise FalllineError(f"{where} names no file of a table: expected files ending in {', '.join(KINDS)}")
    found = [_found(path, root) for path in paths]
    kinds = sorted({each.kind for each in found})
    if len(kinds) > 1:
        first, other = (next(each.name for each in found if each.kind == kind) for kind in kinds[:2])
        raise FalllineError(
            f"{where} holds {kinds[0]} and {kinds[1]} files, such as {first} and {other}: stream one kind, as in "
            "folder/*.parquet"
        )
    return found


def _paths(source: str | Path | Iterable[str | Path]) -> tuple[str, Path, list[Path]]:
    """The source's name in messages, the folder that all files share, and the files."""
    if not isinstance(source, (str, Path)):
        listed = [Path(each) for each in source]
        if not listed:
            raise FalllineError("the list of files is empty: give at least one")
        twice = next((each for each in listed if listed.count(each) > 1), None) if len(listed) < 10_000 else None
        if twice is not None:
            raise FalllineError(f"the file {twice} is listed twice: list it once")
        return "the list of files", Path(os.path.commonpath([each.absolute().parent for each in listed])), listed
    text = str(source)
    refuse_address(text, "the source")
    path = Path(text)
    if path.is_dir():
        refuse_run(path)
        return f"the folder {text}", path, sorted(_inside(path))
    if path.exists() or not _is_pattern(text):
        return text, path.parent, [path]
    fixed = path.parent
    while _is_pattern(str(fixed)):
        fixed = fixed.parent
    matched = [Path(each) for each in sorted(glob.glob(text, recursive=True))]
    return f"the pattern {text!r}", fixed, [each for each in matched if each.is_file()]


def _inside(folder: Path) -> Iterator[Path]:
    """The tables in a folder and below it; names that begin with a point or a low line are left out, as writers mean it."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "_")))
        for name in files:
            if not name.startswith((".", "_")) and Path(name).suffix.lower() in KINDS:
                yield Path(here, name)


def _found(path: Path, root: Path) -> SourceFile:
    if not path.exists():
        raise FalllineError(f"there is no file {path}: check the path")
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        packed = " (unpack it: a stream begins to read anywhere)" if path.suffix.lower() == ".gz" else ""
        raise FalllineError(
            f"{path} has the suffix {path.suffix!r}{packed}, and a stream reads files ending in {', '.join(KINDS)}"
        )
    if check_regular(path, str(path), "a file of rows") == 0:
        raise FalllineError(f"{path} is empty: give a file with at least one row, or leave it out")
    held = os.stat(path)
    name = Path(os.path.relpath(path.absolute(), root.absolute())).as_posix()
    return SourceFile(path, name, kind, held.st_size, held.st_mtime_ns, _keys(name))


def _keys(name: str) -> tuple[tuple[str, str | None], ...]:
    """The values that folders named `column=value` give.

    >>> _keys("year=2024/month=01/part-0.parquet")
    (('year', '2024'), ('month', '01'))
    """
    pairs = [each.split("=", 1) for each in name.split("/")[:-1] if "=" in each]
    return tuple((unquote(key), None if value == _EMPTY else unquote(value)) for key, value in pairs if key)


def _is_pattern(text: str) -> bool:
    return any(each in text for each in "*?[")
