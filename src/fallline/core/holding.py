"""One writer per folder: a lock file that names its process and is released when that process ends."""

import os
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from fallline.core.errors import FalllineError
from fallline.core.files import is_alive

LOCK = ".lock"

try:
    import fcntl
except ImportError:  # Windows: the process number alone decides
    fcntl = None  # type: ignore[assignment]

# The folders that this process holds, by device and inode of their lock file: the holding thread and its entry count.
_HELD: dict[tuple[int, int], list[int]] = {}


class Hold:
    """A re-entrant lock on a folder: while it is held, no other process or thread writes into the folder.

    The system releases the lock when its process ends, so a stale lock never blocks anyone.

    Arguments:
        folder: an existing folder.

    Raises: FalllineError, on entering, if another process or thread holds the folder or it cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, Hold(Path(folder)) as hold:
    ...     hold.check()
    ...     os.listdir(folder)
    ['.lock']
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / LOCK
        self._file: IO[bytes] | None = None
        self._key = (0, 0)

    def __enter__(self) -> "Hold":
        again = self._key_there()
        if again in _HELD and _HELD[again][0] == threading.get_ident():
            self._key = again
            _HELD[again][1] += 1
            return self
        try:
            self._file = self._locked()
        except OSError as error:
            raise FalllineError(
                f"folder {str(self.folder)!r} cannot be written to: {error.strerror}; choose another with --out"
            ) from None
        _HELD[self._key] = [threading.get_ident(), 1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _HELD[self._key][1] -= 1
        if self._file is None:
            return
        del _HELD[self._key]
        with suppress(OSError):
            if self._key_there() == self._key:
                os.unlink(self.path)
        self._file.close()

    def check(self) -> None:
        """Raises: FalllineError if the folder has been deleted or replaced since it was entered."""
        if self._key_there() != self._key:
            raise FalllineError(f"folder {str(self.folder)!r} was deleted or replaced while it was in use")

    def _key_there(self) -> tuple[int, int]:
        try:
            found = os.stat(self.path)
        except OSError:
            return (0, 0)
        return found.st_dev, found.st_ino

    def _locked(self) -> IO[bytes]:
        while True:
            file = open(self.path, "a+b", buffering=0)  # noqa: SIM115 - held until the end
            try:
                self._take(file)
                held = os.fstat(file.fileno())
                self._key = held.st_dev, held.st_ino
                if self._key_there() == self._key:  # otherwise the previous holder has just removed it
                    file.truncate(0)
                    file.write(f"{socket.gethostname()} {os.getpid()}\n".encode())
                    return file
            except BaseException:
                file.close()
                raise
            file.close()

    def _take(self, file: IO[bytes]) -> None:
        if fcntl is None:
            if (owner := self._owner()) is not None:
                self._refuse(owner)
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._refuse(self._owner())
        except OSError:  # a file system without locks
            if (owner := self._owner()) is not None:
                self._refuse(owner)

    def _owner(self) -> int | None:
        """The process that the lock file names, if it is alive on this machine."""
        found = _named(self.path)
        return None if found is None or found[0] != socket.gethostname() or not is_alive(found[1]) else found[1]

    def _refuse(self, owner: object) -> None:
        who = "another process" if owner in (None, os.getpid()) else f"process {owner}"
        raise FalllineError(
            f"folder {str(self.folder)!r} is in use by {who}: wait for its end, or choose another folder with --out"
        )


def holder_of(folder: Path) -> int | None:
    """The number of the process that holds a folder, without touching its lock; None if nobody holds it.

    A lock of another machine counts as held: whether its process is alive cannot be seen from here.
    """
    found = _named(folder / LOCK)
    if found is None or (found[0] == socket.gethostname() and not is_alive(found[1])):
        return None
    return found[1]


def _named(lock: Path) -> tuple[str, int] | None:
    """The machine and the process that a lock file names."""
    try:
        host, _, process = lock.read_text().strip().rpartition(" ")
        return host, int(process)
    except (OSError, ValueError):
        return None
