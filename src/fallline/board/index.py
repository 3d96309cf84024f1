"""The runs in a folder, followed: only what has changed is read again, a little at every question."""

import dataclasses
import hashlib
import os
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fallline.board.entries import RUNNING, BoardRun, is_running, read_run
from fallline.board.files import Stamp, folders_in, stamp_of
from fallline.core.errors import FalllineError

READING = 0.05  # seconds in which one question reads what has changed
PAUSE = 0.5  # seconds between two looks at the folder
REMEMBERED = 10_000  # removed runs of which a page can still be told


@dataclasses.dataclass
class _Known:
    folder: Path
    stamp: Stamp
    run: BoardRun | None = None  # None until it has been read


class Index:
    """The runs in a folder, or the run that it is.

    A question costs a look at the folder, and the reading of at most 0.05 s of what has changed; the rest is read at the
    next question. Nothing happens while nobody asks.

    Arguments:
        folder: the folder; it may be deleted and come back.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.revision = 0
        self.removed: OrderedDict[str, int] = OrderedDict()
        self._forgotten = 0  # the last revision whose removals are no longer remembered
        self._known: dict[str, _Known] = {}
        self._changed: dict[str, None] = {}
        self._looked = float("-inf")

    @property
    def pending(self) -> int:
        """The number of runs that have changed and have not been read yet."""
        return len(self._changed)

    @property
    def runs(self) -> list[BoardRun]:
        """The runs that have been read, in no particular order."""
        return [each.run for each in self._known.values() if each.run is not None]

    def get(self, key: str) -> BoardRun | None:
        """A run by its key; None if it is gone."""
        known = self._known.get(key)
        return None if known is None else known.run

    def stamp(self, key: str) -> Stamp:
        """The files of a run at the last look; empty if it is gone."""
        known = self._known.get(key)
        return {} if known is None else known.stamp

    def refresh(self, seconds: float | None = None) -> None:
        """Look at the folder, and read some of what has changed, for a number of seconds or a little while."""
        seconds = READING if seconds is None else seconds
        if time.monotonic() - self._looked >= PAUSE:
            self._look()
            self._looked = time.monotonic()
        end = time.monotonic() + seconds  # a slow look does not keep runs from being read
        while self._changed and (time.monotonic() < end or seconds == float("inf")):
            key = next(iter(self._changed))
            del self._changed[key]
            self._read(key)

    def since(self, revision: int) -> dict[str, Any]:
        """What has changed since a revision: all runs if that is too long ago, or of another board."""
        whole = revision < self._forgotten or revision > self.revision or revision <= 0
        runs = [each.to_plain() for each in self.runs if whole or each.revision > revision]
        gone = [] if whole else [key for key, when in self.removed.items() if when > revision]
        return {"revision": self.revision, "whole": whole, "runs": runs, "removed": gone, "pending": self.pending}

    def _look(self) -> None:
        seen = {key_of(folder.name): (folder, stamp) for folder, stamp in self._folders()}
        for key in self._known.keys() - seen.keys():
            del self._known[key]
            self._changed.pop(key, None)
            self._remember_removed(key)
        for key, (folder, stamp) in seen.items():
            known = self._known.get(key)
            if known is None:
                self.removed.pop(key, None)
                self._known[key] = _Known(folder, stamp)
                self._changed[key] = None
            elif known.stamp != stamp or _has_ended(known, stamp):
                known.stamp = stamp
                self._changed[key] = None

    def _folders(self) -> Iterator[tuple[Path, Stamp]]:
        own = stamp_of(self.folder)
        if own is not None:
            yield self.folder, own
            return
        for home in folders_in(self.folder):
            stamp = stamp_of(home)
            if stamp is not None:
                yield home, stamp

    def _read(self, key: str) -> None:
        known = self._known[key]
        try:
            run = read_run(known.folder, key, self.revision + 1, known.stamp)
        except (FalllineError, OSError):  # it was deleted while it was being read; the next look will tell
            return
        self.revision += 1
        known.run = run

    def _remember_removed(self, key: str) -> None:
        self.revision += 1
        self.removed[key] = self.revision
        while len(self.removed) > REMEMBERED:
            _, self._forgotten = self.removed.popitem(last=False)


def _has_ended(known: _Known, stamp: Stamp) -> bool:
    """Whether the process of a run has been killed: that changes no file."""
    return known.run is not None and known.run.status == RUNNING and not is_running(known.folder, stamp)


def key_of(name: str) -> str:
    """A key for a folder's name, whatever bytes it has.

    >>> key_of("iris-1") == key_of("iris-1"), len(key_of("iris-1"))
    (True, 12)
    """
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:12]
