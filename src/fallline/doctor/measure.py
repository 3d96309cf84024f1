"""What remedies are measured by: one number per trained lane, from its answers for the validation rows."""

import dataclasses
from typing import Any

import numpy as np

from fallline.diagnosis import Diagnosis
from fallline.doctor.case import Case
from fallline.metrics import METRICS, exactly, metrics_of
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe

WORST = 3.0  # a loss is counted as at most so many times that of a constant answer
ABSOLUTE = ("target_outliers", "heavy_tail", "count_target")
BALANCED = ("imbalance", "never_predicted")


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure of a model's answers for labelled rows.

    Arguments:
        case: the case.
        name: a metric, or `log loss`: the mean of -log p(right class).
        constant: the value of the best constant answer, which a run without a model has.
    """

    case: Case
    name: str
    constant: float

    @property
    def sign(self) -> float:
        """1 if larger is better."""
        return 1.0 if self.name in METRICS and METRICS[self.name].larger_is_better else -1.0

    @property
    def metric_sign(self) -> float:
        """1 if larger is better for the task's first metric."""
        return 1.0 if metrics_of(self.case.data.task)[0].larger_is_better else -1.0

    def of(self, recipe: Recipe, arrays: dict[str, Any] | None, rows: np.ndarray) -> tuple[float, float]:
        """(the measure, the task's first metric) of a model given by its arrays; those of a constant answer for None."""
        data, first = self.case.data.dataset, metrics_of(self.case.data.task)[0]
        target = data.given[rows]
        answer = None if arrays is None else self._answer(recipe, arrays, rows)
        if answer is None or not np.isfinite(answer).all():
            answer = np.broadcast_to(_constant(data), (len(rows), _constant(data).shape[-1]))
        weight = np.ones(len(rows))
        truth = target if data.task == "classification" else target.astype(np.float64)
        metric = exactly(first, answer, truth, weight)
        if self.name in METRICS:
            return exactly(METRICS[self.name], answer, truth, weight), metric
        return min(_log_loss(answer, truth), WORST * self.constant), metric

    def _answer(self, recipe: Recipe, arrays: dict[str, Any], rows: np.ndarray) -> np.ndarray:
        data = self.case.data.dataset
        outputs = data.n_classes if data.task == "classification" else data.y.shape[1]
        model = Predictor(recipe, self.case.data.schema, outputs, arrays)
        return model.answer(data.x, None, rows)[0].astype(np.float64)


def measure_for(case: Case, diagnosis: Diagnosis) -> Measure:
    """The measure that the findings call for: mean accuracy over classes for a rare class, absolute errors for outliers."""
    names = {each.name for each in diagnosis.findings}
    task, loss = case.data.task, case.recipe.loss
    if task == "regression":
        name = "mae" if names & set(ABSOLUTE) else "rmse"
    elif task == "classification" and names & set(BALANCED):
        name = "balanced_accuracy"
    elif task == "classification" and loss is not None and loss.probabilistic:
        name = "log loss"
    else:
        name = metrics_of(task)[0].name
    bare = Measure(case, name, np.inf)
    rows = case.data.dataset.train
    return dataclasses.replace(bare, constant=bare.of(case.recipe, None, rows)[0])


def _constant(data: Any) -> np.ndarray:
    """The best constant answer: the shares of the classes, or the mean."""
    if data.task == "classification":
        return np.bincount(data.y[data.train], minlength=data.n_classes)[None] / len(data.train)
    found: np.ndarray = data.given[data.train].astype(np.float64).mean(axis=0)[None]
    return found


def _log_loss(answer: np.ndarray, target: np.ndarray) -> float:
    p = answer[np.arange(len(target)), target]
    return float(-np.log(np.clip(p, 1e-12, 1.0)).mean())
