"""Two models on the same rows: the difference of their errors, row by row."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.report.finished import Finished
from fallline.training.model_file import load_predictor
from fallline.training.predictor import Predictor

ERRORS = {
    "classification": "share of wrong classes",
    "regression": "mean absolute error",
    "multilabel": "share of wrong labels",
}
NOISE = 2.0  # standard errors up to which a difference may be chance


@dataclasses.dataclass(frozen=True)
class Paired:
    """A model beside the first one, on the rows that neither was trained on.

    Attributes:
        first, other: names of the two runs.
        measure: what the error of a row is.
        split: the rows: test, or validation if there are no test rows.
        rows: number of rows.
        errors: mean error of each of the two.
        difference: mean over the rows of the other's error minus the first's, d.
        error: standard error of that mean, s(d) / sqrt(n).
        wins: numbers of rows on which the first, and on which the other errs less.
    """

    first: str
    other: str
    measure: str
    split: str
    rows: int
    errors: tuple[float, float]
    difference: float
    error: float
    wins: tuple[int, int]

    @property
    def sentence(self) -> str:
        """Which of the two errs less, and whether that may be chance."""
        if abs(self.difference) <= NOISE * self.error or self.difference == 0:
            return f"{self.first} and {self.other} do not differ by more than chance explains"
        better, worse = (self.first, self.other) if self.difference > 0 else (self.other, self.first)
        return f"{better} is better than {worse}"

    def to_plain(self) -> dict[str, Any]:
        """The comparison as plain data."""
        return {**dataclasses.asdict(self), "sentence": self.sentence}


def paired(runs: Sequence[Finished], names: Sequence[str]) -> tuple[list[Paired], str]:
    """Every run beside the first, and the reason if that cannot be done."""
    first = runs[0].plan
    try:
        table = load(**first.data)
        models = [load_predictor(each.folder) for each in runs]
    except (FalllineError, TypeError) as error:
        return (
            [],
            f"their answers cannot be compared row by row: {error}" if first.data else "their data came from memory",
        )
    split = "test" if len(table.dataset.test) else "validation"
    rows = table.dataset.test if split == "test" else table.dataset.valid
    if len(rows) < 2:
        return [], "no rows were set aside on which they could be compared"
    if any(each.schema.to_dict() != table.schema.to_dict() for each in models):
        return [], "they were trained on data of other columns, or that are encoded otherwise"
    errors = [_errors(each, table, rows) for each in models]
    weight = _weights(table, rows)
    found = [
        _beside(names[0], name, ERRORS[table.task], split, errors[0], own, weight)
        for name, own in zip(names[1:], errors[1:], strict=True)
    ]
    return found, ""


def _errors(model: Predictor, table: Table, rows: np.ndarray) -> np.ndarray:
    """The error of each row, (rows,)."""
    data = table.dataset
    answer, _ = model.answer(data.x, data.y, rows)
    target = data.given[rows]
    if table.task == "classification":
        return np.asarray(np.argmax(answer, axis=1) != target, np.float64)
    if table.task == "multilabel":
        return np.asarray(((answer > 0.5) != (target > 0.5)).mean(axis=1))
    return np.asarray(np.abs(answer.astype(np.float64) - target.reshape(answer.shape)).mean(axis=1))


def _weights(table: Table, rows: np.ndarray) -> np.ndarray:
    weight = np.ones(len(rows)) if table.dataset.weight is None else table.dataset.weight[rows].astype(np.float64)
    return weight if weight.any() else np.ones(len(rows))


def _beside(
    first: str, other: str, measure: str, split: str, a: np.ndarray, b: np.ndarray, weight: np.ndarray
) -> Paired:
    share, d = weight / weight.sum(), b - a
    mean = float(share @ d)
    error = float(np.sqrt((share**2) @ (d - mean) ** 2 * len(d) / (len(d) - 1)))
    wins = int((a < b).sum()), int((b < a).sum())
    return Paired(first, other, measure, split, len(d), (float(share @ a), float(share @ b)), mean, error, wins)
