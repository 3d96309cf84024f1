"""What a model answers for the rows of one split, beside the truth: the start of every table about predictions."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from fallline.data.dataset import Dataset
from fallline.training.predictor import Predictor

MOST = 20_000  # rows that are answered; of more, every so-manieth


@dataclasses.dataclass(frozen=True)
class Answered:
    """Answers for some rows.

    Arguments:
        split: test, valid or train.
        rows: places of the rows in the data set.
        x: encoded rows.
        y: targets as a run sees them.
        truth: class indices, or targets in their own unit (rows, targets).
        answer: probabilities of the classes or labels, scores, or targets in their own unit.
        losses: the loss of each row.
        weight: weight of each row; mean 1.
        is_sure: whether the answers are probabilities.
        is_labels: whether every output is a label of its own.
    """

    split: str
    rows: Int[np.ndarray, " rows"]
    x: Float[np.ndarray, "rows features"]
    y: np.ndarray
    truth: np.ndarray
    answer: Float[np.ndarray, "rows outputs"]
    losses: Float[np.ndarray, " rows"]
    weight: Float[np.ndarray, " rows"]
    is_sure: bool = True
    is_labels: bool = False

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def some(self, most: int) -> Answered:
        """At most so many of the rows, evenly chosen."""
        if len(self) <= most:
            return self
        chosen = np.linspace(0, len(self) - 1, most).astype(int)
        arrays = {each.name: getattr(self, each.name)[chosen] for each in dataclasses.fields(self)
                  if each.name not in ("split", "is_sure", "is_labels")}  # fmt: skip
        return dataclasses.replace(self, **arrays)

    @property
    def errors(self) -> Float[np.ndarray, " rows"]:
        """The error of each row: 1 for a wrong class or set of labels; for numbers the absolute error in the target's unit.

        Of several targets it is the mean of their errors, each divided by the standard deviation of its target.
        """
        if self.truth.ndim == 1:
            return np.asarray(self.answer.argmax(axis=1) != self.truth, np.float64)
        if self.is_labels:
            return np.asarray(((self.answer > 0.5) != (self.truth > 0.5)).any(axis=1), np.float64)
        away = np.abs(self.answer - self.truth)
        spread = self.truth.std(axis=0) if self.truth.shape[1] > 1 else np.ones(1)
        return np.asarray((away / np.where(spread > 0, spread, 1.0)).mean(axis=1))


def answered(model: Predictor, data: Dataset, split: str, most: int = MOST) -> Answered:
    """What a model answers for the rows of a split that have a weight."""
    rows = getattr(data, split)
    if data.weight is not None:
        rows = rows[data.weight[rows] > 0]
    if len(rows) > most:
        rows = rows[np.linspace(0, len(rows) - 1, most).astype(int)]
    answer, losses = model.answer(data.x, model.schema.target.condition(data.given), rows)
    weight = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    loss: Any = model.recipe.loss
    return Answered(
        split,
        rows,
        data.x[rows],
        model.schema.target.condition(data.given[rows]),
        data.given[rows] if model.task == "classification" else data.given[rows].astype(np.float64),
        answer.astype(np.float64),
        losses.astype(np.float64),
        weight / max(weight.mean(), 1e-300) if len(rows) else weight,
        is_sure=model.task != "regression" and (loss is None or bool(loss.probabilistic)),
        is_labels=model.task == "multilabel",
    )


def held_out(model: Predictor, data: Dataset, is_bag: bool = False) -> tuple[str, ...]:
    """The splits whose rows did not train the model, the one to look at first: test rows, then validation rows.

    The validation rows of a bag of folds trained its members, which the rows that a saved model remembers show as well.
    """
    known = model.seen
    if len(data.valid) and known is not None and not is_bag:
        overlap = known.among(data.x[data.valid], data.y[data.valid])
        is_bag = overlap.trained > overlap.by_chance
    found = []
    for split in ("test",) if is_bag else ("test", "valid"):
        rows = getattr(data, split)
        if len(rows) and (data.weight is None or data.weight[rows].any()):
            found.append(split)
    return tuple(found)
