"""Predictions as a table: a column with the answer and, on request, one column per class with its probability."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fallline.core.documents import write_parquet
from fallline.core.files import write_atomically
from fallline.data.schema import Schema

if TYPE_CHECKING:
    import polars as pl

_FORMULA = "^[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]"  # the last four are the wide forms of the first four
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


class Answering(Protocol):
    """Interface of a trained model, as implemented by `Predictor`."""

    @property
    def schema(self) -> Schema:
        """The columns and the target."""

    def predicted(self, x: np.ndarray) -> Any:
        """The answers for the rows."""

    def decide(self, answer: np.ndarray) -> Any:
        """The class of each row, or the target itself."""

    def interval(self, x: np.ndarray, coverage: float) -> tuple[Any, Any]:
        """The ends of the interval with this coverage."""

    def check_probabilities(self) -> None:
        """Raises: FalllineError for a model without probabilities."""

    def spread(self, x: np.ndarray) -> np.ndarray:
        """The standard deviation between the members of the model."""


def predictions_frame(
    model: Answering, x: np.ndarray, probabilities: bool, coverage: float | None = None, spread: bool = False
) -> "pl.DataFrame":
    """One row per row of `x`; the columns are named after the target.

    With `coverage`, the ends of each target's interval of that probability are added; this needs a regression by classes.
    With `spread`, the standard deviation between the model's members is added: of each target, or of the probability of
    the predicted class and, with `probabilities`, of every class.
    """
    import polars as pl

    target = model.schema.target
    answer = model.predicted(x)
    decided = model.decide(answer)
    columns: dict[str, object] = {}
    if decided.ndim == 1:
        columns[target.names[0]] = decided if decided.dtype != object else list(decided)
    else:
        columns = {name: decided[:, i] for i, name in enumerate(target.names)}
    if probabilities:
        model.check_probabilities()
        labels = target.classes if target.classes is not None else target.names
        for i, label in enumerate(labels):
            columns[f"probability {label}"] = answer[:, i]
    if coverage is not None:
        bounds = model.interval(x, coverage)
        for i, name in enumerate(target.names):
            columns |= {f"{name} {end}": bound[:, i] for end, bound in zip(("low", "high"), bounds, strict=True)}
    if spread:
        columns |= _spread(target, answer, model.spread(x), probabilities)
    return pl.DataFrame(columns, strict=False)


def _spread(target: Any, answer: np.ndarray, spread: np.ndarray, probabilities: bool) -> dict[str, object]:
    """The columns with the spread between members."""
    if target.task != "classification":
        return {f"{name} spread": spread[:, i] for i, name in enumerate(target.names)}
    columns: dict[str, object] = {f"{target.names[0]} spread": spread[np.arange(len(spread)), answer.argmax(axis=1)]}
    if probabilities:
        columns |= {f"spread {label}": spread[:, i] for i, label in enumerate(target.classes)}
    return columns


def save_predictions(frame: "pl.DataFrame", path: Path) -> None:
    """Write CSV or Parquet, by the path's ending."""
    if path.suffix == ".parquet":
        write_parquet(path, frame)
    else:
        write_atomically(path, csv_text(frame).encode())


def csv_text(frame: "pl.DataFrame") -> str:
    """A table as CSV in which text that a spreadsheet would run as a formula is prefixed with an apostrophe.

    Text that is a number is left unchanged.

    >>> import polars as pl
    >>> csv_text(pl.DataFrame({"y": ["=1+1", "-5", "-x", "yes"]})).split()
    ['y', "'=1+1", '-5', "'-x", 'yes']
    """
    import polars as pl

    text = frame.select(pl.all().map_batches(_as_text))
    names = pl.DataFrame([pl.Series(str(i), [name]) for i, name in enumerate(frame.columns)])
    return names.select(pl.all().map_batches(_as_text)).write_csv(include_header=False) + text.write_csv(
        include_header=False
    )


def _as_text(column: "pl.Series") -> "pl.Series":
    """A text column with an apostrophe before every would-be formula; other columns are returned unchanged."""
    import polars as pl

    if column.dtype == pl.Object:
        column = pl.Series(column.name, list(map(str, column)))
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return column
    column = column.cast(pl.String)
    risky = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
    return pl.select(pl.when(risky).then("'" + column).otherwise(column).alias(column.name)).to_series()
