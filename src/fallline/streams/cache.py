"""The cache of encoded blocks on a local disk: bounded, and never needed, since a block can be made again from its file."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from fallline.core.budget import bytes_of
from fallline.core.files import clear_left_over
from fallline.core.runtime import cache_folder
from fallline.streams.blocks import StreamBlock, read_part, write_block
from fallline.streams.encoding import EncodedRows, joined

SHARE = 0.5  # of the free space of the disk, which the cache takes at most unless it is told a size
_SPARE = 2**28  # bytes that stay free


class Cache:
    """The blocks of one stream in one encoding.

    Args:
        key: digest of what the blocks depend on: the files, the encoding, the split.
        most: bytes that the blocks of all streams may take together; None for half of the free space; 0 for no cache.
        home: folder of the cache; by default a folder in the user's cache folder.
    """

    def __init__(self, key: str, most: int | None = None, home: Path | None = None) -> None:
        self.key, self.most = key, most
        self.home = cache_folder() / "streams" if home is None else home
        self.folder = self.home / key
        self.refused = ""  # why a block could not be written
        self._room: int | None = None

    @property
    def used(self) -> bool:
        """Whether there is a cache."""
        return self.most != 0

    def path(self, block: int) -> Path:
        """The file of a block."""
        return self.folder / f"{block:07}.block"

    def read(self, block: int, part: int) -> tuple[EncodedRows, tuple[int, int, int]] | None:
        """One part of a block, and how many rows each part has; None if it must be made again."""
        return read_part(self.path(block), f"{self.key} {block}", part) if self.used else None

    def whole(self, block: int) -> StreamBlock | None:
        """All parts of a block; None if it must be made again."""
        found = [self.read(block, part) for part in range(3)]
        kept = [each for each in found if each is not None]
        return None if len(kept) < 3 else StreamBlock(joined([rows for rows, _ in kept]), kept[0][1])

    def write(self, block: int, content: StreamBlock) -> bool:
        """Keeps a block; returns False if there is no room for it, which `refused` then explains."""
        if not self.used or self.refused:
            return False
        size = sum(each.nbytes for each in (content.rows.numbers, content.rows.codes, content.rows.y))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not self._has_room(size):
                return False
            written = write_block(self.path(block), content, f"{self.key} {block}")
        except OSError as problem:
            full = problem.errno in (errno.ENOSPC, errno.EDQUOT)
            self.refused = f"the cache {self.home} refuses blocks ({'the disk is full' if full else problem.strerror})"
            return False
        assert self._room is not None
        self._room -= written
        return True

    def touch(self) -> None:
        """Notes that the blocks are in use, so that those of other streams are removed first."""
        with suppress(OSError):
            os.utime(self.folder)

    def _has_room(self, size: int) -> bool:
        """Whether a block of this size fits; older streams' blocks are removed to make room."""
        if self._room is None:
            clear_left_over(self.folder)
            self._room = self._left()
        while size > self._room:
            oldest = min(self._others(), key=lambda each: each.stat().st_mtime, default=None)
            if oldest is None:
                self.refused = f"the cache {self.home} holds no more than {bytes_of(self._limit())}"
                return False
            shutil.rmtree(oldest, ignore_errors=True)
            self._room = self._left()
        return True

    def _left(self) -> int:
        return min(self._limit() - _size(self.home), shutil.disk_usage(self.home).free - _SPARE)

    def _limit(self) -> int:
        if self.most is None:
            self.most = int(SHARE * (shutil.disk_usage(self.home).free + _size(self.home)))
        return self.most

    def _others(self) -> Iterator[Path]:
        for each in self.home.iterdir():
            if each.is_dir() and each != self.folder:
                yield each


def _size(folder: Path) -> int:
    total = 0
    for here, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.stat(os.path.join(here, name)).st_size
    return total
