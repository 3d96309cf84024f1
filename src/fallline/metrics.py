"""Metrics: human-readable scores, `(answer, target, weight) -> number`, weighted over examples.

`answer` is the output of a loss's `mean`: probabilities of the classes or labels, or targets in their own unit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError, nearest
from fallline.core.scores import larger_is_better

Answer = Float[Array, "rows targets"]
Weight = Float[Array, " rows"]


class Metric(NamedTuple):
    """A metric: its name, its tasks, what computes it, and whether it has the target's unit."""

    name: str
    tasks: tuple[str, ...]
    compute: Callable[[Answer, Array, Weight], Float[Array, ""]]
    in_unit: bool = False

    @property
    def larger_is_better(self) -> bool:
        """Whether a larger score is better."""
        return larger_is_better(self.name)


def _library(array: Array) -> Any:
    """The array's library: jax.numpy inside a run, NumPy for float64 on the host."""
    return np if isinstance(array, np.ndarray | np.generic) else jnp


def _positive(value: Array) -> Array:
    return _library(value).maximum(value, 1e-30)


def _mean(values: Float[Array, " rows"], weight: Weight) -> Float[Array, ""]:
    return values @ weight / _positive(weight.sum())


def _hits(answer: Answer, target: Array) -> Float[Array, " rows"]:
    if target.ndim == 2:
        return ((answer > 0.5) == (target > 0.5)).all(axis=-1).astype(answer.dtype)
    return (answer.argmax(axis=-1) == target).astype(answer.dtype)


def accuracy(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Share of examples whose most probable class is right (for multilabel targets, whose labels are all right).

    >>> float(accuracy(jnp.array([[0.9, 0.1], [0.2, 0.8]]), jnp.array([0, 0]), jnp.ones(2)))
    0.5
    """
    return _mean(_hits(answer, target), weight)


def _classes(answer: Answer, target: Array) -> tuple[Array, Array]:
    """(true, predicted) as 0/1 columns, one per class or label."""
    if target.ndim == 2:
        return (target > 0.5).astype(answer.dtype), (answer > 0.5).astype(answer.dtype)
    labels = np.arange(answer.shape[-1])
    predicted = answer.argmax(axis=-1)
    return (target[:, None] == labels).astype(answer.dtype), (predicted[:, None] == labels).astype(answer.dtype)


def _mean_of_present(values: Float[Array, " classes"], present: Float[Array, " classes"]) -> Float[Array, ""]:
    return (values * (present > 0)).sum() / _library(values).maximum((present > 0).sum(), 1)


def balanced_accuracy(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Mean over classes of the share of correctly predicted examples; classes without examples are excluded."""
    true, predicted = _classes(answer, target)
    size = weight @ true
    return _mean_of_present(weight @ (true * predicted) / _positive(size), size)


def f1(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Mean over classes of 2 hits / (true + predicted); with two classes, only that of the second class.

    Source: van Rijsbergen, "Information retrieval", 1979.
    """
    true, predicted = _classes(answer, target)
    score = 2.0 * (weight @ (true * predicted)) / _positive(weight @ (true + predicted))
    if target.ndim == 1 and answer.shape[-1] == 2:
        return score[1]
    return _mean_of_present(score, weight @ (true + predicted))


def auc(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Area under the ROC curve: P(a positive ranks above a negative), with ties counting half; mean over classes.

    Source: Hanley and McNeil, "The meaning and use of the area under a ROC curve", 1982.

    >>> round(float(auc(jnp.array([[0.6, 0.4], [0.3, 0.7], [0.8, 0.2]]), jnp.array([1, 1, 0]), jnp.ones(3))), 3)
    1.0
    """
    true, _ = _classes(answer, target)

    xp = _library(answer)

    def of_class(score: Array, positive: Array) -> tuple[Array, Array]:
        order = xp.argsort(score)
        s, up, down = score[order], (weight * positive)[order], (weight * (1 - positive))[order]
        below = xp.concatenate([xp.zeros(1), xp.cumsum(down)])
        first, last = xp.searchsorted(s, s, side="left"), xp.searchsorted(s, s, side="right")
        wins = up @ (0.5 * (below[first] + below[last]))
        pairs = up.sum() * down.sum()
        return wins / _positive(pairs), pairs

    columns = [1] if target.ndim == 1 and answer.shape[-1] == 2 else range(answer.shape[-1])
    areas, pairs = zip(*(of_class(answer[:, c], true[:, c]) for c in columns), strict=True)
    return _mean_of_present(xp.stack(areas), xp.stack(pairs))


def rmse(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Root of the mean squared error, in the target's unit."""
    return _library(answer).sqrt(_mean(((answer - target) ** 2).mean(axis=-1), weight))


def mae(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Mean absolute error, in the target's unit."""
    return _mean(abs(answer - target).mean(axis=-1), weight)


def r2(answer: Answer, target: Array, weight: Weight) -> Float[Array, ""]:
    """Explained share of the target's variance: 1 - sum (y - f)^2 / sum (y - mean y)^2, mean over targets."""
    w = weight[:, None] / _positive(weight.sum())
    centre = (w * target).sum(axis=0)
    total = (w * (target - centre) ** 2).sum(axis=0)
    return (1.0 - (w * (target - answer) ** 2).sum(axis=0) / _positive(total)).mean()


_CLASSES = ("classification", "multilabel")
METRICS = {
    each.name: each
    for each in (
        Metric("accuracy", _CLASSES, accuracy),
        Metric("balanced_accuracy", _CLASSES, balanced_accuracy),
        Metric("f1", _CLASSES, f1),
        Metric("auc", _CLASSES, auc),
        Metric("rmse", ("regression",), rmse, True),
        Metric("mae", ("regression",), mae, True),
        Metric("r2", ("regression",), r2),
    )
}


def exactly(metric: Metric, answer: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    """A metric in float64 on the host, rescaled so that squares of very small or large targets do not under- or overflow.

    >>> y, w = np.array([[1.0], [2.0], [4.0]]), np.ones(3)
    >>> float(f"{exactly(METRICS['rmse'], 1e-200 * y, 3e-200 * y, w) / exactly(METRICS['rmse'], y, 3 * y, w):.6g}")
    1e-200
    """
    weight = weight / weight.max()
    if metric.tasks != ("regression",):
        return float(metric.compute(answer, target, weight))
    error = answer - target
    if metric.in_unit:
        unit = _power_of_two(np.abs(error).max())
        return float(metric.compute(error / unit, np.zeros_like(error), weight) * unit)
    away = target - target[:1]
    units = _power_of_two(np.abs(away).max(axis=0))
    return float(metric.compute((away + error) / units, away / units, weight))


def _power_of_two(size: Array) -> Array:
    """The nearest power of two; 1 for 0 and for non-finite numbers."""
    usable = np.isfinite(size) & (size > 0)
    return np.where(usable, np.exp2(np.round(np.log2(np.where(usable, size, 1.0)))), 1.0)


def metrics_of(task: str) -> list[Metric]:
    """The metrics of a task; the first one is always in the history."""
    return [each for each in METRICS.values() if task in each.tasks]


def metric(name: str, task: str) -> Metric:
    """A metric by its name.

    Raises: FalllineError, with the nearest names, if the task has no such metric.
    """
    known = [each.name for each in metrics_of(task)]
    if name not in known:
        raise FalllineError(f"metric {name!r} is not one of {task}: {nearest(name, known)}")
    return METRICS[name]
