"""Predictions as a table: a column with the answer and, if asked, one per class with its probability."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.files import write_atomically
from fallline.training.predictor import Predictor

if TYPE_CHECKING:
    import polars as pl

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def predictions_frame(
    model: Predictor, x: np.ndarray, probabilities: bool, coverage: float | None = None
) -> "pl.DataFrame":
    """One row per row of `x`; the columns are named after the target.

    With `coverage`, each target's interval of that probability stands beside it, for a regression by classes.
    """
    import polars as pl

    target = model.schema.target
    answer, _ = model.judge(x)
    decided = model.decide(answer)
    columns: dict[str, object] = {}
    if decided.ndim == 1:
        columns[_free(target.names[0])] = decided if decided.dtype != object else list(decided)
    else:
        columns = {_free(name): decided[:, i] for i, name in enumerate(target.names)}
    if probabilities:
        model.check_probabilities()
        labels = target.classes if target.classes is not None else target.names
        for i, label in enumerate(labels):
            columns[f"probability {label}"] = answer[:, i]
    if coverage is not None:
        bounds = model.interval(x, coverage)
        for i, name in enumerate(target.names):
            columns |= {_free(f"{name} {end}"): bound[:, i] for end, bound in zip(("low", "high"), bounds, strict=True)}
    return pl.DataFrame(columns, strict=False)


def save_predictions(frame: "pl.DataFrame", path: Path) -> None:
    """Write CSV or Parquet, by the path's ending."""
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        frame.write_parquet(buffer)
    else:
        frame.write_csv(buffer)
    write_atomically(path, buffer.getvalue())


def _free(name: str) -> str:
    """A heading that no spreadsheet takes for a formula."""
    return f"'{name}" if name.startswith(_FORMULA) else name
