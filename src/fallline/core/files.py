"""Atomic writes, and checks that a folder is writable before it is needed."""

import errno
import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError

Written = TypeVar("Written")

_LEFT_OVER = re.compile(r"\.fallline-([0-9a-f]{8})-(\d+)-.*\.part")
_NO_FSYNC = (errno.EINVAL, errno.EACCES, errno.EPERM, errno.ENOTSUP, errno.EBADF)  # no fsync of folders
_TRIED = 1 << 16  # bytes of the trial file


def write_atomically(path: Path, content: bytes, mode: int = 0o666) -> None:
    """Write a temporary file, flush it to disk and rename it: readers see the old file or the new one.

    Temporary files of writers that were killed are removed first. `mode` is the mode of a new file, less the umask.

    Raises: FalllineError if the write fails; the old file is then unchanged.
    """
    clear_left_over(path.parent)
    try:
        handle, beside = tempfile.mkstemp(dir=path.parent, prefix=_own_prefix(), suffix=".part")
    except OSError as error:
        raise FalllineError(f"cannot write {path}: {error.strerror}; choose a folder that can be written to") from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(beside, mode & ~umask)
        os.replace(beside, path)
    except OSError as error:
        _discard(beside)
        raise FalllineError(
            f"cannot write {path}: {error.strerror}; free some space or choose another folder"
        ) from None
    except BaseException:
        _discard(beside)
        raise
    try:
        _flush_folder(path.parent)
    except OSError as error:
        raise FalllineError(
            f"cannot write {path}: {error.strerror}; the file may be lost if the machine stops now"
        ) from None


def try_folder(folder: Path, needed: int = 0) -> None:
    """Check that a folder can be written to, with a trial file that is flushed and removed, and has enough free space.

    Arguments:
        folder: an existing folder.
        needed: number of bytes that will be written.

    Raises: FalllineError if one of these checks fails.
    """
    clear_left_over(folder)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=_own_prefix(), suffix=".part", buffering=0) as file:
            file.write(bytes(_TRIED))
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise FalllineError(
            f"folder {str(folder)!r} cannot be written to: {error.strerror}; free some space or choose another folder"
        ) from None
    if free < needed:
        raise FalllineError(
            f"folder {str(folder)!r} has {free / 1e6:.1f} MB of free space, and about {needed / 1e6:.1f} MB are needed: "
            "free some, or choose another folder"
        )


def make_folder(folder: Path) -> None:
    """Make a folder and its missing parents.

    Raises: FalllineError if the system refuses.
    """
    refuse_address(folder, "the folder", "give a folder of this machine")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FalllineError(
            f"cannot make folder {str(folder)!r}: {error.strerror}; choose another with --out"
        ) from None


def unfinished(path: Path) -> Path:
    """A file beside another one, to be renamed to it; `clear_left_over` knows it if this process is killed before that."""
    return path.with_name(f"{_own_prefix()}{path.name}.part")


def clear_left_over(folder: Path) -> None:
    """Remove unfinished files of processes on this machine that are no longer alive."""
    with suppress(OSError):
        for name in os.listdir(folder):
            found = _LEFT_OVER.fullmatch(name)
            if found and found[1] == _host() and not is_alive(int(found[2])):
                _discard(folder / name)


def is_alive(process: int) -> bool:
    """Whether a process with this number is running on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def write_elsewhere(name: str, write: Callable[[Path], Written]) -> tuple[Path, Written]:
    """Call `write` with a new folder in the first place that works: a temporary folder, shared memory, the home folder.

    Arguments:
        name: prefix of the folder's name.
        write: writes into the folder it is given, and raises FalllineError if it cannot.

    Raises: FalllineError if no place works.
    """
    reasons = []
    for home in _places():
        try:
            folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=home))
        except OSError as error:
            reasons.append(f"{home}: {error.strerror}")
            continue
        try:
            return folder, write(folder)
        except FalllineError as error:
            reasons.append(str(error))
            shutil.rmtree(folder, ignore_errors=True)
    raise FalllineError(f"no other place takes it either ({'; '.join(reasons)}): free some space")


def write_or_elsewhere(
    folder: Path,
    write: Callable[[Path], Written],
    *,
    check: Callable[[], None],
    elsewhere: Callable[[Path], Written],
    name: str,
    what: str,
) -> tuple[Path, Written, str]:
    """Write finished work into its own folder; if that fails, into a new folder elsewhere, so that it is not lost.

    Returns the folder, what was written, and why the work's own folder was not used (empty if it was).

    Arguments:
        folder: the work's own folder.
        write: writes into it.
        check: raises FalllineError if the folder no longer belongs to the work.
        elsewhere: writes into a new folder.
        name: prefix of the new folder's name.
        what: the work, as an error names it.

    Raises: FalllineError if no place works.
    """
    try:
        check()
        written = write(folder)
        check()  # a folder that was replaced meanwhile has only the later ones of its files
        return folder, written, ""
    except FalllineError as error:
        refused = str(error)
    try:
        return *write_elsewhere(name, elsewhere), refused
    except FalllineError as error:
        raise FalllineError(f"{what} cannot be saved: {refused}; {error}") from None


def _places() -> Iterator[Path]:
    with suppress(OSError):  # no temporary folder can be written to
        yield Path(tempfile.gettempdir())
    for each in ("/var/tmp", "/dev/shm"):
        if os.path.isdir(each):
            yield Path(each)
    with suppress(RuntimeError):  # the user has no home folder
        yield Path.home()


def _own_prefix() -> str:
    return f".fallline-{_host()}-{os.getpid()}-"


def _host() -> str:
    """This machine's name, hashed to eight characters: process numbers are meaningless on other machines."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:8]


def _discard(path: Path | str) -> None:
    with suppress(OSError):
        os.unlink(path)


def _flush_folder(folder: Path) -> None:
    """Flush a rename to disk, if the file system supports that."""
    try:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno not in _NO_FSYNC:
            raise
