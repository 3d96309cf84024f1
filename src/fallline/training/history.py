"""The history of a run on the host: one array per column, one entry per epoch."""

import dataclasses
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.data.columnar import read_columnar
from fallline.training.state import Epoch

Shown = TypeVar("Shown")  # `Epoch`, or what else a compiled call shows


@dataclasses.dataclass(frozen=True)
class History:
    """Columns by name: `epoch`, `train_loss`, `valid_accuracy`, `dense_1.gradient_norm`, ...

    >>> History({"epoch": np.array([1, 2]), "train_loss": np.array([0.9, 0.4])})["train_loss"].tolist()
    [0.9, 0.4]
    """

    columns: dict[str, np.ndarray]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["epoch"])

    def row(self, index: int) -> dict[str, float]:
        """One epoch's values."""
        return {name: column[index].item() for name, column in self.columns.items()}

    def save(self, path: Path) -> None:
        """Write a Parquet file."""
        import io

        import polars as pl

        buffer = io.BytesIO()
        pl.DataFrame(self.columns).write_parquet(buffer)
        write_atomically(path, buffer.getvalue())


def load_history(path: Path) -> History:
    """Read what `save` has written.

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


def name_columns(
    seen: Epoch, metric: str, monitor: str, layers: list[str], activations: list[str], begun: int = 0
) -> History:
    """A history with names, from the arrays of an `Epoch` with a leading epoch axis; `begun` epochs went before it."""
    count = len(np.asarray(seen.train_loss))
    columns = {
        "epoch": np.arange(begun + 1, begun + count + 1, dtype=np.int32),
        "train_loss": seen.train_loss,
        "train_objective": seen.train_objective,
        f"train_{metric}": seen.train_metric,
        "valid_loss": seen.valid_loss,
        f"valid_{metric}": seen.valid_metric,
    }
    if monitor not in ("loss", "train_loss", "train_objective", "none", metric):
        columns[f"valid_{monitor}"] = seen.monitor
    columns["learning_rate"] = seen.learning_rate
    columns["evaluations"] = seen.evaluations
    for i, name in enumerate(layers):
        columns[f"{name}.gradient_norm"] = seen.gradient_norm[:, i]
        columns[f"{name}.update_ratio"] = seen.update_ratio[:, i]
    for i, name in enumerate(activations):
        columns[f"{name}.dead"] = seen.dead[:, i]
        columns[f"{name}.saturated"] = seen.saturated[:, i]
    return History({name: np.asarray(column) for name, column in columns.items()})


def join(chunks: list[Shown]) -> Shown:
    """The epochs of several compiled calls, one after another: a tree of arrays whose first axis is epochs."""
    return jax.tree.map(lambda *parts: np.concatenate([np.asarray(each) for each in parts]), *chunks)
