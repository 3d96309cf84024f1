"""What tells whether a run folder has changed: the names, sizes and times of its files, read without opening any."""

import os
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = dict[str, tuple[int, int, int]]
"""Inode, size and time of change in nanoseconds of every file that the board reads, by name."""

READ = frozenset(
    {
        "recipe.toml", "metrics.json", "tags.json", "diagnosis.json", "seeds.json", "study.json", "history.parquet",
        "checkpoint.safetensors", "checkpoint.previous.safetensors", "study.db", "study.db-wal", ".lock",
    }
)  # fmt: skip


def stamp_of(folder: Path) -> Stamp | None:
    """The files of a folder that the board reads; None for a folder that is gone or is no run."""
    found: Stamp = {}
    try:
        with os.scandir(folder) as entries:
            for each in entries:
                if each.name in READ and each.is_file():
                    seen = each.stat()
                    found[each.name] = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
    except OSError:  # no folder, not allowed to read it, or deleted while it was being read
        return None
    return found if "recipe.toml" in found or "study.db" in found else None


def file_stamp(path: Path) -> tuple[int, int, int] | None:
    """Inode, size and time of a file; None if it is gone."""
    try:
        seen = os.stat(path)
    except OSError:
        return None
    return seen.st_ino, seen.st_size, seen.st_mtime_ns
