"""What the simplest models answer: the mean or the shares of the classes, and a linear or logistic model."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from fallline.data.dataset import Dataset
from fallline.diagnosis.facts import LINEAR, filled, linear_answer, targets_of
from fallline.interpretation.answers import Answered
from fallline.interpretation.bootstrap import ROWS, ConfidenceInterval, resamples, scorer

Answers = Callable[[np.ndarray], np.ndarray]
FEWEST = 10  # rows below which two models are not compared
STEPS = 300  # most steps of the logistic model
WORK = 30_000  # columns x classes beyond which it would take too long
NAMES = {
    "regression": {"constant": "the mean", "linear": "a linear model"},
    "classification": {"constant": "the largest class", "linear": "a logistic model"},
    "multilabel": {"constant": "each label's commoner value", "linear": "a logistic model"},
}


def baselines(data: Dataset) -> dict[str, Answers]:
    """`constant` and, unless there are too many columns, `linear`: functions from rows to answers.

    They learn from the training rows: at most 5,000, evenly chosen, for the linear model.
    """
    if not len(data.train):
        return {}
    mean = np.average(targets_of(data, data.train), axis=0, weights=_weight(data, data.train))
    found: dict[str, Answers] = {"constant": lambda rows: np.broadcast_to(mean, (len(rows), len(mean)))}
    linear = linear_answer(data) if data.task == "regression" else logistic_answer(data)
    return found if linear is None else found | {"linear": linear}


def _weight(data: Dataset, rows: np.ndarray) -> np.ndarray:
    own = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    return own if own.any() else np.ones(len(rows))


def logistic_answer(data: Dataset) -> Answers | None:
    """The probabilities of a logistic model with a penalty of half the squared coefficients; None for very many columns."""
    if data.x.shape[1] > LINEAR[1] or data.x.shape[1] * data.n_classes > WORK:
        return None
    rows = data.train[:: max(1, -(-len(data.train) // LINEAR[0]))]
    together = data.task == "classification"
    fit = logistic(filled(data, rows), targets_of(data, rows), _weight(data, rows), together)
    return lambda rows: shares(np.column_stack([filled(data, rows), np.ones(len(rows))]) @ fit, together)


def logistic(
    x: Float[np.ndarray, "rows features"],
    y: Float[np.ndarray, "rows classes"],
    weight: Float[np.ndarray, " rows"],
    together: bool = True,
) -> Float[np.ndarray, "features_and_1 classes"]:
    """Coefficients and, in the last row, intercepts that minimise the log loss + |coefficients|^2 / 2.

    Each step minimises a quadratic function that lies above the loss, so that the loss never rises; steps are extrapolated
    as Nesterov's.

        H = X' W X / 2 + I,  B <- B + H^-1 (X' W (Y - P) - B)

    Arguments:
        x: standardised rows.
        y: 0/1 columns.
        weight: weight of each row.
        together: whether the columns are classes of which one is true (softmax), or labels (sigmoid).

    Source: Böhning, "Multinomial logistic regression algorithm", 1992.
    """
    X = np.column_stack([x, np.ones(len(x))])
    ridge = np.append(np.ones(x.shape[1]), 1e-6)
    bound = np.linalg.cholesky(X.T @ (X * weight[:, None]) * (0.5 if together else 0.25) + np.diag(ridge))
    inverse = np.linalg.inv(bound)
    inverse = inverse.T @ inverse
    B = ahead = np.zeros((X.shape[1], y.shape[1]))
    pace = 1.0
    for _ in range(STEPS):
        slope = X.T @ (weight[:, None] * (y - shares(X @ ahead, together))) - ridge[:, None] * ahead
        new = ahead + inverse @ slope
        quicker = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * pace**2))
        if (slope * (new - B)).sum() < 0:  # the extrapolation has gone too far: begin it anew
            quicker = 1.0
        ahead = new + (pace - 1.0) / quicker * (new - B) if quicker > 1.0 else new
        moved = np.abs(new - B).max()
        B, pace = new, quicker
        if moved < 1e-5 * max(1.0, np.abs(B).max()):
            break
    return B


def shares(z: Float[np.ndarray, "rows classes"], together: bool) -> Float[np.ndarray, "rows classes"]:
    """Probabilities from outputs: of one class among all, or of every label by itself."""
    if not together:
        return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)))
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def against(model: Answered, other: Answered, metric: str, larger_is_better: bool) -> tuple[float, ConfidenceInterval]:
    """How much better a model is than another on the same rows, with the 95 % interval of paired resamples.

    Both are scored on the same resamples, so that rows that are hard for both do not count.
    """
    sign = 1.0 if larger_is_better else -1.0
    mine, theirs = model.some(ROWS), other.some(ROWS)
    W = resamples(mine.weight, 400)
    own, rival = scorer(mine, metric), scorer(theirs, metric)
    gains = sign * (own(W)[metric] - rival(W)[metric])
    here = sign * float(own(mine.weight[None])[metric][0] - rival(mine.weight[None])[metric][0])
    whole = sign * float(
        scorer(model, metric)(model.weight[None])[metric][0] - scorer(other, metric)(other.weight[None])[metric][0]
    )
    if len(mine) < FEWEST:
        return whole, ConfidenceInterval(float("nan"), float("nan"))
    low, high = np.percentile(gains, [2.5, 97.5])
    shrink = np.sqrt(len(mine) / len(model))
    return whole, ConfidenceInterval(float(whole + shrink * (low - here)), float(whole + shrink * (high - here)))


def answered_by(other: Answers, model: Answered) -> Answered:
    """What another model answers for the same rows; its losses are left out."""
    return dataclasses.replace(model, answer=np.asarray(other(model.rows), np.float64), losses=np.zeros(len(model)))
