"""The columns that a run has recorded: from the history of a finished run, or from the checkpoint of one that trains."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.board.files import Stamp
from fallline.board.live import Curve, columns_in, curves_in
from fallline.core.errors import FalllineError
from fallline.core.reading import open_regular
from fallline.report.runs import POLICY, RunEntry

if TYPE_CHECKING:
    import polars as pl

HISTORY, NEWEST, PREVIOUS = "history.parquet", "checkpoint.safetensors", "checkpoint.previous.safetensors"
MOST_ROWS = 50_000_000  # of a history that the board reads
LOSS = "valid_loss"
_X = ("epoch", "steps", "iteration")


@dataclasses.dataclass(frozen=True)
class Source:
    """A file with the history of a run, or of one seed of a policy.

    Attributes:
        path: the file.
        label: the seed's folder; empty for the run's own.
        stamp: inode, size and time of the file.
    """

    path: Path
    label: str
    stamp: tuple[int, int, int]


def sources_of(folder: Path, stamp: Stamp) -> list[Source]:
    """The files with a run's history; of its history and its checkpoint the newer one. A policy has one for every seed."""
    own = _newest(folder, "", stamp)
    if own is not None:
        return [own]
    homes = sorted({name.partition("/")[0] for name in stamp if "/" in name}, key=lambda name: (len(name), name))
    return [found for home in homes if (found := _newest(folder / home, home, stamp)) is not None]


def _newest(folder: Path, label: str, stamp: Stamp) -> Source | None:
    found = []
    for name in (HISTORY, NEWEST, PREVIOUS):
        seen = stamp.get(f"{label}/{name}" if label else name)
        if seen is not None:
            found.append(Source(folder / name, label, seen))
    # At a tie the history of a finished run comes first.
    return max(found, key=lambda each: each.stamp[2], default=None)


def columns_of(source: Source) -> list[str]:
    """The names of the columns in a file; none for one that cannot be read now."""
    try:
        if source.path.name == HISTORY:
            with _parquet(source.path) as (_, names):
                return [name for name in names if name != "epoch"]
        return columns_in(source.path)
    except FalllineError:
        return []


def read_column(source: Source, column: str) -> list[Curve]:
    """The curves of a column: one, or one for every lane of a population that trains; none if it cannot be read now."""
    found = _read(source.path, column)
    if not found and source.path.name == NEWEST and not source.path.exists():
        found = _read(source.path.with_name(PREVIOUS), column)  # the newest one is being replaced at this moment
    return [(" ".join(filter(None, (source.label, lane))), x, y) for lane, x, y in found]


def _read(path: Path, column: str) -> list[Curve]:
    try:
        return _from_history(path, column) if path.name == HISTORY else curves_in(path, column)
    except FalllineError:
        return []


def live_facts(folder: Path, entry: RunEntry, stamp: Stamp) -> tuple[RunEntry, float | None, float | None]:
    """A run that trains, with its latest score, its epochs so far (of a policy: its steps), and its validation loss."""
    source = next(iter(sources_of(folder, stamp)), None)
    if source is None:
        return entry, None, None
    if entry.kind == POLICY:
        names = ["evaluation.mean_return", "mean_return"]
    else:
        # As in the list of finished runs, a metric says more than the loss.
        names = [each for each in columns_of(source) if each.startswith("valid_") and each != LOSS][:1]
        names += [LOSS, "train_loss"]
    found = {name: last for name in names if (last := _latest(source, name)) is not None}
    if not found:
        return entry, None, None
    name, (epochs, score) = next(iter(found.items()))
    split, _, metric = ("", "", "return") if entry.kind == POLICY else name.partition("_")
    said = ", ".join(filter(None, (split, "so far")))
    loss = found[LOSS][1] if LOSS in found else None
    return dataclasses.replace(entry, metric=metric, score=score, split=said), epochs, loss


def _latest(source: Source, column: str) -> tuple[float, float] | None:
    """The last place and value of a column, of several lanes their mean; None if no lane has a value."""
    curves = [each for each in read_column(source, column) if len(each[1])]
    last = [float(y[-1]) for _, _, y in curves if np.isfinite(y[-1])]
    return (float(curves[0][1][-1]), float(np.mean(last))) if last else None


@contextmanager
def _parquet(path: Path) -> "Iterator[tuple[pl.LazyFrame, list[str]]]":
    """A Parquet file that is not read yet, and the names of its columns of numbers.

    The file is opened here: Polars takes no path that is not UTF-8.
    """
    import polars as pl

    what = f"history {str(path)!r}"
    try:
        with open_regular(path, what, buffering=0) as file:
            frame = pl.scan_parquet(file)
            yield frame, [name for name, dtype in frame.collect_schema().items() if dtype.is_numeric()]
    except (pl.exceptions.PolarsError, OSError, ValueError, OverflowError, pl.exceptions.PanicException) as error:
        raise FalllineError(f"{what} cannot be read: {error}; train the run again") from None


def _from_history(path: Path, column: str) -> list[Curve]:
    """One column of a Parquet file, read without the others."""
    import polars as pl

    with _parquet(path) as (frame, names):
        if column not in names or frame.select(pl.len()).collect().item() > MOST_ROWS:
            return []
        over = next((name for name in _X if name in names), None)
        table = frame.select(list(dict.fromkeys(filter(None, (over, column))))).collect()
        y = table[column].to_numpy()
        x = np.arange(1, len(y) + 1) if over is None else table[over].to_numpy()
    there = np.isfinite(x)
    return [("", x, y)] if there.all() else [("", x[there], y[there])]
