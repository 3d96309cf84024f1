"""Predictions as a table: a column with the answer and, on request, one column per class with its probability."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.schema import Schema

if TYPE_CHECKING:
    import polars as pl

FEW = 1_000  # rows that Polars takes as lists
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
    model: Answering,
    x: np.ndarray,
    probabilities: bool,
    coverage: float | None = None,
    spread: bool = False,
    threshold: float | None = None,
) -> "pl.DataFrame":
    """One row per row of `x`; the columns are named after the target.

    With `threshold`, the second of two classes is predicted from that probability on, and so is every label.
    With `coverage`, the ends of each target's interval of that probability are added; this needs a regression by classes.
    With `spread`, the standard deviation between the model's members is added: of each target, or of the probability of
    the predicted class and, with `probabilities`, of every class.
    """
    import polars as pl

    target = model.schema.target
    answer = model.predicted(x)
    decided = model.decide(answer)
    if threshold is not None:
        check_threshold(model, threshold)
        decided = _decided_at(target, answer, threshold)
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
    return pl.DataFrame({name: _listed(cells) for name, cells in columns.items()}, strict=False)


def _listed(cells: Any) -> Any:
    """The cells of few rows as a list: given an array, Polars imports NumPy's masked arrays, which takes longer."""
    if not isinstance(cells, np.ndarray) or not 0 < len(cells) <= FEW:
        return cells
    same = cells.dtype.kind in "bU" or cells.dtype in (np.int64, np.float64)  # types that a list keeps
    return cells.tolist() if same else cells


def check_threshold(model: Answering, threshold: float) -> None:
    """Raises: FalllineError for a model without two classes or labels that have probabilities, and for no probability."""
    target = model.schema.target
    if not 0.0 < threshold < 1.0:
        raise FalllineError(f"threshold {threshold:g} is not a probability between 0 and 1: expected such as 0.3")
    if target.task == "regression":
        raise FalllineError(
            f"the target {target.names[0]!r} is a number, so no threshold decides: leave --threshold out"
        )
    if target.task == "classification" and target.n_classes != 2:
        raise FalllineError(
            f"a threshold decides between two classes, and the target {target.names[0]!r} has {target.n_classes}: leave "
            "--threshold out, or take --probabilities"
        )
    model.check_probabilities()


def _decided_at(target: Any, answer: np.ndarray, threshold: float) -> Any:
    """The second class, or the label, where its probability is at least the threshold."""
    if target.task == "multilabel":
        return (answer >= threshold).astype(np.int64)
    return target.decode((answer[:, 1] >= threshold).astype(np.int64))


def beside(
    read: "pl.DataFrame | None", where: str, ids: list[str], append: bool, found: "pl.DataFrame"
) -> "pl.DataFrame":
    """The predictions with columns of the rows that were read: first the ids, then all others with `append`.

    A prediction that has the name of such a column is called "predicted NAME".

    Raises: FalllineError if a column does not exist, or the rows have no named columns.

    >>> import polars as pl
    >>> beside(pl.DataFrame({"id": [7], "y": [1.0]}), "t.csv", ["id"], True, pl.DataFrame({"y": [2.0]})).columns
    ['id', 'y', 'predicted y']
    """
    if not ids and not append:
        return found
    if read is None:
        raise FalllineError(
            f"{where} holds arrays without named columns: --id and --append need a table such as a CSV file"
        )
    for name in ids:
        if name not in read.columns:
            raise FalllineError(f"{where} has no column {name!r} to carry along: {nearest(name, read.columns)}")
    kept = read.select([*dict.fromkeys(ids), *(name for name in read.columns if append and name not in ids)])
    names = {}
    for name in found.columns:
        names[name] = name
        while names[name] in kept.columns:
            names[name] = f"predicted {names[name]}"
    return kept.hstack(found.rename(names))


def summary_of(target: Any, found: "pl.DataFrame") -> dict[str, Any]:
    """Per target, the rows of each class or label, or the mean and the extremes of its numbers."""
    summary: dict[str, Any] = {}
    for name in target.names:
        cells = found[name]
        if target.task == "regression":
            summary[name] = {"mean": cells.mean(), "low": cells.min(), "high": cells.max()}
        else:
            words = [str(each) for each in cells.to_list()]
            labels = [str(each) for each in (target.classes if target.classes is not None else (0, 1))]
            summary[name] = {label: words.count(label) for label in labels}
    return summary


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
    from fallline.core.documents import write_parquet
    from fallline.core.files import write_atomically

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

    if column.dtype == pl.Object or column.dtype.is_nested() or column.dtype == pl.Binary:
        column = pl.Series(column.name, [None if each is None else str(each) for each in column.to_list()])
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        return column
    column = column.cast(pl.String)
    risky = column.str.contains(_FORMULA) & ~column.str.contains(_NUMBER)
    return pl.select(pl.when(risky).then("'" + column).otherwise(column).alias(column.name)).to_series()


def json_columns(frame: "pl.DataFrame") -> dict[str, list[Any]]:
    """The columns as JSON's values; dates and whatever else JSON does not have become text.

    >>> import datetime, polars as pl
    >>> json_columns(pl.DataFrame({"day": [datetime.date(2024, 7, 1)], "y": [1]}))
    {'day': ['2024-07-01'], 'y': [1]}
    """
    plain = (str, int, float, bool, type(None))
    return {
        name: [each if isinstance(each, plain) else str(each) for each in cells]
        for name, cells in frame.to_dict(as_series=False).items()
    }
