"""The columns that a run has recorded: from the history of a finished run, or from the checkpoint of one that trains."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from fallline.board.files import Stamp
from fallline.control.curve import EVALUATION, ITERATION
from fallline.core.errors import FalllineError
from fallline.core.reading import check_regular, open_regular
from fallline.report.runs import POLICY, RunEntry

if TYPE_CHECKING:
    import polars as pl
    from safetensors import safe_open

HISTORY, NEWEST, PREVIOUS = "history.parquet", "checkpoint.safetensors", "checkpoint.previous.safetensors"
MOST_ROWS = 50_000_000  # of a history that the board reads
MOST_LANES = 64  # lanes of a population that are shown
_TABLES = {"iterations": ("", ITERATION), "evaluations": ("evaluation.", EVALUATION)}
_X = ("epoch", "steps", "iteration")

Curve = tuple[str, Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


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
        with _opened(source.path) as file:
            return list(dict.fromkeys(name for key in file.keys() for name in _names(key, file)))  # noqa: SIM118
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
        return list(_from_history(path, column) if path.name == HISTORY else _live(path, column))
    except FalllineError:
        return []


def live_facts(folder: Path, entry: RunEntry, stamp: Stamp) -> tuple[RunEntry, float | None]:
    """A run that trains, with its latest score, and its epochs so far (of a policy: its steps)."""
    source = next(iter(sources_of(folder, stamp)), None)
    if source is None:
        return entry, None
    is_policy = entry.kind == POLICY
    names = ("evaluation.mean_return", "mean_return") if is_policy else ("valid_loss", "train_loss")
    for name in names:
        curves = read_column(source, name)
        if curves and len(curves[0][1]):
            last = [float(y[-1]) for _, _, y in curves if np.isfinite(y[-1])]
            if not last:
                continue
            split = "so far" if is_policy else f"{name.partition('_')[0]}, so far"
            score = float(np.mean(last))
            metric = "return" if is_policy else "loss"
            return dataclasses.replace(entry, metric=metric, score=score, split=split), float(curves[0][1][-1])
    return entry, None


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


def _opened(path: Path) -> "safe_open":
    """A checkpoint, of which single arrays can be read."""
    from safetensors import SafetensorError, safe_open

    check_regular(path, f"checkpoint {str(path)!r}")
    try:
        return safe_open(path, framework="numpy")
    except (SafetensorError, OSError, ValueError, TypeError) as error:  # also a path that is not UTF-8
        raise FalllineError(f"checkpoint {str(path)!r} cannot be read: {error}; wait for the next one") from None


def _names(key: str, file: Any) -> Iterator[str]:
    """The columns in an array of a checkpoint."""
    home, _, name = key.partition("/")
    if home == "curve" and name in _TABLES:
        prefix, columns = _TABLES[name]
        yield from (f"{prefix}{each}" for each in columns if each not in ("iteration", "steps"))
    elif home == "history":
        part, _, own = name.rpartition("/")
        if own in ("outcome", "monitor"):
            return
        shape = file.get_slice(key).get_shape()
        layers = shape[1 + bool(part) :]
        yield from (f"layer_{i + 1}.{own}" for i in range(layers[0])) if layers else (own,)


def _live(path: Path, column: str) -> Iterator[Curve]:
    from safetensors import SafetensorError

    with _opened(path) as file:
        try:
            yield from _from_checkpoint(file, column)
        except (SafetensorError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
            raise FalllineError(f"checkpoint {str(path)!r} cannot be read: {error}; wait for the next one") from None


def _from_checkpoint(file: Any, column: str) -> Iterator[Curve]:
    layer, _, own = column.rpartition(".")
    lane = 0
    for key in sorted(file.keys()):
        if column not in _names(key, file):
            continue
        values = np.asarray(file.get_tensor(key), np.float64)
        home, _, name = key.partition("/")
        if home == "curve":
            columns = _TABLES[name][1]
            yield "", values[:, columns.index("steps")], values[:, columns.index(own)]
            continue
        part = name.rpartition("/")[0]
        values = values[..., int(layer.removeprefix("layer_")) - 1] if layer else values
        done = int(file.get_tensor("state/epoch")) if not part and "state/epoch" in file.keys() else len(values)  # noqa: SIM118
        x = np.arange(done - len(values) + 1.0, done + 1)
        if not part:
            yield "", x, values
            continue
        for each in values.T[: MOST_LANES - lane]:
            lane += 1
            yield f"lane {lane}", x, each
