"""Cheap facts about a data set: its targets, and what simple models reach on it."""

import dataclasses
from collections.abc import Callable

import numpy as np

from fallline.data.dataset import Dataset

ROWS = 20_000  # most rows that facts are taken from
LINEAR = (5_000, 300)  # most rows and columns of the linear model


@dataclasses.dataclass(frozen=True)
class Facts:
    """Facts about the training targets.

    Arguments:
        largest: share of the largest class, or of the commonest combination of labels; 0 for a regression.
        counts: rows of every class; empty for other tasks.
        entropy: entropy of the classes, the loss of the best constant answer; None for a regression.
        spread: standard deviation of the target as a run sees it; None for other tasks. The following are of the first target.
        low, high: the smallest and the largest target.
        whole: whether all targets are whole numbers.
        distinct: number of different targets.
        mean, variance: of the target in its own unit.
        kurtosis: excess kurtosis of the target.
        outliers: share of rows more than ten robust deviations from the median.
        outlier_weight: share of the squared deviation from the median that these rows carry.
        edges: share of the rows at the smallest or the largest target.
    """

    largest: float = 0.0
    counts: tuple[int, ...] = ()
    entropy: float | None = None
    spread: float | None = None
    low: float = 0.0
    high: float = 0.0
    whole: bool = False
    distinct: int = 0
    mean: float = 0.0
    variance: float = 0.0
    kurtosis: float = 0.0
    outliers: float = 0.0
    outlier_weight: float = 0.0
    edges: float = 0.0


def facts_of(data: Dataset, bound: float = 10.0) -> Facts:
    """Facts about the training targets of a data set; `bound` is the number of robust deviations of an outlier."""
    rows = data.train[:: max(1, len(data.train) // ROWS)]
    if data.task == "regression":
        return _of_numbers(data.given[rows, 0].astype(np.float64), data.y[rows].astype(np.float64), bound)
    labels = data.y[rows]
    if data.task == "multilabel":
        share = (labels > 0.5).mean(axis=0)
        p = np.clip(np.stack([share, 1 - share]), 1e-12, 1.0)
        most = np.unique(labels, axis=0, return_counts=True)[1].max() / len(labels)
        return Facts(largest=float(most), entropy=float(-(p * np.log(p)).sum()))
    counts = np.bincount(labels, minlength=data.n_classes)
    p = counts[counts > 0] / counts.sum()
    every = np.bincount(data.y[data.train], minlength=data.n_classes)
    return Facts(
        largest=float(p.max()), counts=tuple(int(each) for each in every), entropy=float(-(p * np.log(p)).sum())
    )


def _of_numbers(y: np.ndarray, seen: np.ndarray, bound: float) -> Facts:
    centre = float(np.median(y))
    away = y - centre
    robust = 1.4826 * float(np.median(np.abs(away)))
    if robust == 0.0:  # more than half of the rows have one value: the spread of the others is taken
        others = np.abs(away[away != 0])
        robust = float(np.median(others)) if len(others) else 1.0
    scale = max(float(np.abs(away).max()), 1e-300)
    unit = away / scale
    far = np.abs(away) > bound * robust
    square = unit - unit.mean()
    variance = float((square**2).mean())
    kurtosis = float((square**4).mean() / variance**2 - 3.0) if variance > 0 else 0.0
    return Facts(
        spread=float(np.sqrt(seen.var(axis=0).mean())),
        low=float(y.min()),
        high=float(y.max()),
        whole=bool((y == np.round(y)).all()),
        distinct=len(np.unique(y)),
        mean=float(y.mean()),
        variance=float(variance * scale**2) if variance * scale**2 < np.inf else np.inf,
        kurtosis=kurtosis,
        outliers=float(far.mean()),
        outlier_weight=float((unit[far] ** 2).sum() / max(float((unit**2).sum()), 1e-300)),
        edges=float(((y == y.min()) | (y == y.max())).mean()),
    )


def filled(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """Rows in float64, standardised by the training rows, with missing numbers at the mean."""
    sample = data.train[:: max(1, len(data.train) // LINEAR[0])]
    known = data.x[sample].astype(np.float64)
    there = np.isfinite(known)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, known, 0.0).sum(axis=0) / count
    spread = np.sqrt(np.where(there, (known - mean) ** 2, 0.0).sum(axis=0) / count)
    x = (data.x[rows].astype(np.float64) - mean) / np.where(spread > 0, spread, 1.0)
    return np.clip(np.where(np.isfinite(x), x, 0.0), -10.0, 10.0)


def simple_skills(data: Dataset) -> dict[str, float]:
    """Skill of a constant answer (mean or largest class) and of a linear model on the rows held out of the training."""
    if len(data.train) < 3:
        return {}
    sample = data.train[:: max(1, -(-len(data.train) // LINEAR[0]))]
    known = targets_of(data, sample)
    mean = known.mean(axis=0)
    found = {"constant": held_skill(data, known, lambda rows: np.broadcast_to(mean, (len(rows), len(mean))))}
    linear = linear_answer(data)
    if linear is not None:
        found["linear"] = held_skill(data, known, linear)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def linear_answer(data: Dataset) -> Callable[[np.ndarray], np.ndarray] | None:
    """The answers of a linear model fitted by least squares to some training rows; None for tables of many columns."""
    if data.x.shape[1] > LINEAR[1]:
        return None
    sample = data.train[:: max(1, -(-len(data.train) // LINEAR[0]))]
    known = targets_of(data, sample)
    mean = known.mean(axis=0)
    x = filled(data, sample)
    gram = x.T @ x + np.eye(x.shape[1]) * max(1.0, 1e-3 * len(x))
    weights = np.linalg.solve(gram, x.T @ (known - mean))
    return lambda rows: filled(data, rows) @ weights + mean


def held_skill(data: Dataset, known: np.ndarray, answer: Callable[[np.ndarray], np.ndarray]) -> float:
    """Skill of an answer on the validation and on the test rows, as their mean by rows; NaN without such rows.

    Arguments:
        data: the data set.
        known: the training targets, as `targets_of` gives them.
        answer: answers for some rows, in the same form.
    """
    total, count = 0.0, 0
    for rows in (data.valid, data.test):
        if len(rows):
            some = rows[:: max(1, -(-len(rows) // ROWS))]
            total += len(rows) * skill_of(data, answer(some), targets_of(data, some), known)
            count += len(rows)
    return total / count if count else float("nan")


def targets_of(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """Targets as columns: one of 0 and 1 for every class or label, or the numbers themselves."""
    classes = data.task == "classification"
    found: np.ndarray = data.y[rows][:, None] == np.arange(data.n_classes) if classes else data.given[rows]
    return found.reshape(len(rows), -1).astype(np.float64)


def skill_of(data: Dataset, answer: np.ndarray, truth: np.ndarray, known: np.ndarray) -> float:
    """Share of a constant answer's errors that an answer avoids, for targets as `targets_of` gives them."""
    if data.task == "regression":
        unit = np.maximum(np.abs(truth - truth.mean(axis=0)).max(axis=0), 1e-300)
        total = (((truth - truth.mean(axis=0)) / unit) ** 2).sum(axis=0)
        return float((1.0 - (((truth - answer) / unit) ** 2).sum(axis=0) / np.maximum(total, 1e-300)).mean())
    if data.task == "multilabel":
        most = np.unique(known > 0.5, axis=0, return_counts=True)[1].max() / len(known)
        hits = float(((answer > 0.5) == (truth > 0.5)).all(axis=1).mean())
    else:
        most = known.mean(axis=0).max()
        hits = float((answer.argmax(axis=1) == truth.argmax(axis=1)).mean())
    return float((hits - most) / max(1.0 - most, 1e-9))
