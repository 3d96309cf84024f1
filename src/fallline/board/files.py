"""What tells whether a run folder has changed: the names, sizes and times of its files, read without opening any."""

import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = dict[str, tuple[int, int, int]]
"""Inode, size and time of change in nanoseconds of every file that the board reads, by name."""

MOST_SEEDS = 64  # of a policy
_SEED = re.compile(r"seed-\d{1,10}")
READ = frozenset(
    {
        "recipe.toml", "metrics.json", "tags.json", "diagnosis.json", "seeds.json", "study.json", "history.parquet",
        "checkpoint.safetensors", "checkpoint.previous.safetensors", "study.db", "study.db-wal", ".lock",
    }
)  # fmt: skip


def stamp_of(folder: Path) -> Stamp | None:
    """The files of a folder that the board reads, and of a policy's seeds in it; None for a folder that is no run."""
    found = _files(folder)
    if "recipe.toml" not in found and "study.db" not in found:
        return None
    if "recipe.toml" in found and "history.parquet" not in found:
        for home in _seeds(folder):
            found |= {f"{home}/{name}": each for name, each in _files(folder / home).items()}
    return found


def folders_in(folder: Path) -> list[Path]:
    """The folders in a folder; none if it is gone or may not be read."""
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            with suppress(OSError):  # a link that leads to itself
                if each.is_dir():
                    found.append(Path(each.path))
    return found


def _files(folder: Path) -> Stamp:
    found: Stamp = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for each in entries:
            if each.name in READ:
                with suppress(OSError):
                    seen = each.stat()
                    if stat.S_ISREG(seen.st_mode):
                        found[each.name] = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
    return found


def _seeds(folder: Path) -> list[str]:
    names = (each.name for each in folders_in(folder))
    return sorted(name for name in names if _SEED.fullmatch(name))[:MOST_SEEDS]
