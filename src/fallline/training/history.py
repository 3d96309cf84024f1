"""The history of a run on the host: one array per column, with one entry per epoch."""

import dataclasses
from collections.abc import ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import jax
import numpy as np

from fallline.core.documents import write_parquet
from fallline.core.errors import FalllineError
from fallline.data.columnar import read_columnar
from fallline.drawing.notebook import shown
from fallline.metrics import METRICS
from fallline.probes import Probe
from fallline.training.state import Epochs, empty_history

if TYPE_CHECKING:
    import polars as pl

Tree = TypeVar("Tree")
ROWS = 10  # most epochs that a notebook shows


@dataclasses.dataclass(frozen=True, repr=False)
class History(Mapping[str, np.ndarray]):
    """A mapping from a column's name to its values: `epoch`, `train_loss`, `valid_accuracy`, `dense_1.gradient_norm`, ...

    As with a data frame, the keys are the columns and the length is the number of epochs.

    >>> history = History({"epoch": np.array([1, 2, 3]), "train_loss": np.array([0.9, 0.4, 0.3])})
    >>> history["train_loss"].tolist(), list(history), "valid_loss" in history, len(history)
    ([0.9, 0.4, 0.3], ['epoch', 'train_loss'], False, 3)
    """

    columns: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns["epoch"])

    # The inherited views would report the number of epochs as their length.
    def keys(self) -> KeysView[str]:
        """Names of the columns."""
        return self.columns.keys()

    def values(self) -> ValuesView[np.ndarray]:
        """The columns."""
        return self.columns.values()

    def items(self) -> ItemsView[str, np.ndarray]:
        """The columns with their names."""
        return self.columns.items()

    def __repr__(self) -> str:
        """The number of epochs, the last one's losses, and the number of columns."""
        losses = [name for name in ("train_loss", "valid_loss") if name in self.columns and len(self)]
        last = "".join(f", {name} {self.columns[name][-1]:.4g}" for name in losses)
        return f"History({len(self)} epochs{last}, {len(self.columns)} columns)"

    def _repr_html_(self) -> str:
        """What a notebook shows: a few epochs from the first to the last, without the layers' columns."""
        names = [name for name in self.columns if "." not in name]
        places = np.unique(np.linspace(0, len(self) - 1, min(len(self), ROWS)).round().astype(int))
        rows = [[f"{self.columns[name][place]:.5g}" for name in names] for place in places]
        return shown(f"{len(self)} epochs", {"columns": len(self.columns)}, names, rows)

    def to_polars(self) -> "pl.DataFrame":
        """A Polars frame, one row per epoch."""
        import polars as pl

        return pl.DataFrame(self.columns)

    def row(self, index: int) -> dict[str, float]:
        """One epoch's values."""
        return {name: column[index].item() for name, column in self.columns.items()}

    def save(self, path: Path) -> None:
        """Write a Parquet file."""
        import polars as pl

        write_parquet(path, pl.DataFrame(self.columns))


def load_history(path: Path) -> History:
    """Read a file written by `save`.

    Raises: FalllineError for a file that is damaged or holds no epochs, one after another, as columns of numbers.
    """
    what, remedy = f"history {str(path)!r}", "train the run again"
    frame = read_columnar(path, what, remedy)
    if not frame.height:
        return History({name: np.zeros(0) for name in ("epoch", *frame.columns)})
    wrong = next(
        (name for name in frame.columns if not frame[name].dtype.is_numeric() or frame[name].null_count()), None
    )
    if wrong is not None or "epoch" not in frame.columns:
        why = "it has no column 'epoch'" if wrong is None else f"column {wrong[:80]!r} is not of numbers"
        raise FalllineError(f"{what} is not that of a run: {why}; {remedy}")
    history = History({name: frame[name].to_numpy() for name in frame.columns})
    epochs = history["epoch"].astype(np.float64)
    if len(epochs) and not (0 <= epochs[0] < 2**31 and (epochs == epochs[0] + np.arange(len(epochs))).all()):
        raise FalllineError(f"{what} is damaged: its epochs do not follow one another; {remedy}")
    return history


def history_of(
    chunks: list[Epochs],
    *,
    recorded: Sequence[Probe],
    metric: str,
    monitor: str,
    names: tuple[list[str], list[str]],
    begun: int,
    scale: float,
) -> History:
    """The history with named columns of the records of some chunks, which may be none; see `name_columns`.

    `names` holds the names of the layers with params and of those with an activation.
    """
    seen = join(chunks) if chunks else empty_history(0, len(names[0]), len(names[1]), recorded=recorded)
    return name_columns(seen, recorded, metric, monitor, *names, begun, scale)


def name_columns(
    seen: Epochs,
    recorded: Sequence[Probe],
    metric: str,
    monitor: str,
    layers: list[str],
    activations: list[str],
    begun: int = 0,
    scale: float = 1.0,
) -> History:
    """The history with named columns of some recorded epochs; `begun` epochs preceded them.

    Arguments:
        seen: scores and probe values, each with a leading epoch axis.
        recorded: the probes among them.
        metric, monitor: the task's first metric and the monitored value.
        layers, activations: names of the layers with params and of the layers with an activation.
        begun: number of epochs before these.
        scale: factor that turns metrics with a unit into the target's own unit.
    """
    count = len(np.asarray(seen["train_loss"]))
    columns = {
        "epoch": np.arange(begun + 1, begun + count + 1, dtype=np.int32),
        "train_loss": seen["train_loss"],
        **_of_run(seen, recorded, metric, training=True),
        "valid_loss": seen["valid_loss"],
        f"valid_{metric}": seen["valid_metric"],
    }
    if _has_own_column(monitor, metric):
        columns[f"valid_{monitor}"] = seen["monitor"]
    columns |= _of_run(seen, recorded, metric, training=False)
    for axis, names in (("layer", layers), ("activation", activations)):
        parts = [each for each in recorded if each.axis == axis]
        for i, name in enumerate(names):
            columns |= {f"{name}.{each.column(metric)}": seen[each.name][:, i] for each in parts}
    metrics = {f"train_{metric}": metric, f"valid_{metric}": metric, f"valid_{monitor}": monitor}
    return History(
        {name: in_own_unit(metrics.get(name, ""), np.asarray(column), scale) for name, column in columns.items()}
    )


def columns_in(
    recorded: Sequence[Probe], metric: str, monitor: str, layers: list[str], activations: list[str], scale: float
) -> dict[str, dict[str, Any]]:
    """The columns in each array of recorded epochs, for those who read a checkpoint: their names and their unit.

    Arguments:
        recorded, metric, monitor, layers, activations, scale: as in `name_columns`.
    """
    named = {"train_loss": ["train_loss"], "valid_loss": ["valid_loss"], "valid_metric": [f"valid_{metric}"]}
    if _has_own_column(monitor, metric):
        named["monitor"] = [f"valid_{monitor}"]
    places = {"run": [""], "layer": [f"{each}." for each in layers], "activation": [f"{each}." for each in activations]}
    named |= {each.name: [f"{place}{each.column(metric)}" for place in places[each.axis]] for each in recorded}
    measured = {f"train_{metric}": metric, f"valid_{metric}": metric, f"valid_{monitor}": monitor}
    units = {name: in_own_unit(measured.get("".join(each), ""), np.ones(()), scale) for name, each in named.items()}
    return {name: {"names": each, "unit": float(units[name])} for name, each in named.items()}


def _has_own_column(monitor: str, metric: str) -> bool:
    return monitor not in ("loss", "train_loss", "train_objective", "none", metric)


def _of_run(seen: Epochs, recorded: Sequence[Probe], metric: str, training: bool) -> Epochs:
    """The columns of probes with the axis `run`: those computed on training rows, or the others."""
    named = {each.column(metric): seen[each.name] for each in recorded if each.axis == "run"}
    return {name: column for name, column in named.items() if name.startswith("train_") == training}


def in_own_unit(metric: str, values: np.ndarray, scale: float) -> np.ndarray:
    """Measured values; for a metric with a unit, converted to the target's own unit in float64."""
    if scale == 1.0 or metric not in METRICS or not METRICS[metric].in_unit:
        return values
    return np.asarray(values, np.float64) * scale


def join(chunks: list[Tree]) -> Tree:
    """Concatenate the epochs of several compiled calls: a tree of arrays whose first axis is epochs."""
    found: Tree = jax.tree.map(lambda *parts: np.concatenate([np.asarray(each) for each in parts]), *chunks)
    return found
