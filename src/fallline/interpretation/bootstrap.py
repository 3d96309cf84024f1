"""How far a score may be off by the choice of its rows: every score of many resamples, which are only weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.interpretation.answers import Answered

ROWS = 2_000  # rows that are resampled; of more, an even selection, whose deviations are made as small as theirs
WORK = 2_000_000  # resamples x rows x classes
LEVEL = 0.95

Weights = Float[np.ndarray, "resamples rows"]
Scores = dict[str, Float[np.ndarray, " resamples"]]


class ConfidenceInterval(NamedTuple):
    """The ends of an interval; NaN where the rows cannot tell."""

    low: float
    high: float


def resamples(weight: Float[np.ndarray, " rows"], count: int, seed: int = 0) -> Weights:
    """How often each row is drawn in each resample, times its weight."""
    rows = len(weight)
    draws = np.random.default_rng(seed).integers(0, rows, (count, rows))
    draws += np.arange(count)[:, None] * rows
    return np.asarray(np.bincount(draws.ravel(), minlength=count * rows).reshape(count, rows) * weight)


def intervals(answered: Answered, seed: int = 0) -> dict[str, ConfidenceInterval]:
    """The 95 % interval of every score of some answers, by the percentiles of the bootstrap.

        [s + sqrt(m / n) (q_2.5 - s_m), s + sqrt(m / n) (q_97.5 - s_m)],  m rows resampled of n

    If every row is right, all resamples agree; then the accuracy's lower end is exact, 0.025^(1 / n), and the ends of other
    scores are unknown.

    Source: Efron and Tibshirani, "An introduction to the bootstrap", 1993; Bickel, Götze and van Zwet, "Resampling fewer
    than n observations", 1997, for m below n.
    """
    some = answered.some(ROWS)
    if len(some) < 2:
        return {}
    score = scorer(some)
    width = some.answer.shape[1]
    count = int(np.clip(WORK / (len(some) * width), 200, 1000))
    drawn, own, whole = (
        score(resamples(some.weight, count, seed)),
        score(some.weight[None]),
        score_of(answered),
    )
    shrink = np.sqrt(len(some) / len(answered))
    return {
        name: _interval(name, drawn[name], float(own[name][0]), whole[name], shrink, len(answered)) for name in drawn
    }


def _interval(name: str, drawn: np.ndarray, own: float, whole: float, shrink: float, rows: int) -> ConfidenceInterval:
    if not np.isfinite(drawn).all() or not np.isfinite(whole):
        return ConfidenceInterval(float("nan"), float("nan"))
    if np.ptp(drawn) <= 1e-12 * max(abs(own), 1e-300):
        edge = 0.025 ** (1.0 / rows)
        if name == "accuracy" and whole in (0.0, 1.0):
            return ConfidenceInterval(edge, 1.0) if whole == 1.0 else ConfidenceInterval(0.0, 1.0 - edge)
        return ConfidenceInterval(float("nan"), float("nan"))
    tail = 50 * (1 - LEVEL)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return ConfidenceInterval(float(whole + shrink * (low - own)), float(whole + shrink * (high - own)))


def score_of(answered: Answered) -> dict[str, float]:
    """Every score of some answers, with the rows' own weights."""
    return {name: float(values[0]) for name, values in scorer(answered)(answered.weight[None]).items()}


def scorer(answered: Answered, metric: str = "auc") -> Callable[[Weights], Scores]:
    """A function from resamples to the scores of each: the loss and the metrics of the task, as `fallline.metrics` has them.

    The area under the ROC curve costs more than all others, and is left out if another `metric` is named.
    """
    if answered.truth.ndim == 2 and not answered.is_labels:
        return _numbers(answered)
    return _classes(answered, metric == "auc")


def _numbers(answered: Answered) -> Callable[[Weights], Scores]:
    truth, error = answered.truth, answered.answer - answered.truth
    unit = max(float(np.abs(error).max(initial=0.0)), 1e-300)
    size = np.abs(truth - truth[:1]).max(axis=0)
    size = np.where(size > 0, size, np.maximum(np.abs(error).max(axis=0), 1e-300))
    centred = (truth - truth[:1]) / size
    square, part = ((error / unit) ** 2).mean(axis=1), (error / size) ** 2

    def scores(W: Weights) -> Scores:
        total = W.sum(axis=1)
        middle = W @ centred / total[:, None]
        spread = W @ centred**2 - total[:, None] * middle**2
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = (1.0 - (W @ part) / np.where(spread > 1e-12 * total[:, None], spread, np.nan)).mean(axis=1)
        return {
            "loss": W @ answered.losses / total,
            "rmse": unit * np.sqrt(W @ square / total),
            "mae": unit * (W @ np.abs(error / unit).mean(axis=1)) / total,
            "r2": r2,
        }

    return scores


def _classes(answered: Answered, with_area: bool) -> Callable[[Weights], Scores]:
    true, taken = two_sided(answered)
    hits = 1.0 - answered.errors
    is_binary = answered.truth.ndim == 1 and answered.answer.shape[1] == 2
    columns = [1] if is_binary else range(answered.answer.shape[1])
    orders = [np.argsort(answered.answer[:, c], kind="stable") for c in columns]

    def scores(W: Weights) -> Scores:
        total = W.sum(axis=1)
        size, both, either = W @ true, W @ (true * taken), W @ (true + taken)
        f1 = 2.0 * both / np.maximum(either, 1e-30)
        found = {
            "loss": W @ answered.losses / total,
            "accuracy": W @ hits / total,
            "balanced_accuracy": _mean_of_present(both / np.maximum(size, 1e-30), size),
            "f1": f1[:, 1] if is_binary else _mean_of_present(f1, either),
        }
        if with_area:
            pairs = [
                _area(answered.answer[:, c], true[:, c], W, order) for c, order in zip(columns, orders, strict=True)
            ]
            areas, counts = (np.stack(each, axis=1) for each in zip(*pairs, strict=True))
            found["auc"] = _mean_of_present(areas, counts)
        return found

    return scores


def two_sided(answered: Answered) -> tuple[Float[np.ndarray, "rows classes"], Float[np.ndarray, "rows classes"]]:
    """(true, predicted) as 0/1 columns, one for every class or label."""
    if answered.is_labels:
        return (answered.truth > 0.5).astype(np.float64), (answered.answer > 0.5).astype(np.float64)
    places = np.arange(answered.answer.shape[1])
    true, taken = answered.truth, answered.answer.argmax(axis=1)
    return (true[:, None] == places).astype(np.float64), (taken[:, None] == places).astype(np.float64)


def _mean_of_present(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    there = present > 0
    return np.asarray((values * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1))


def _area(score: np.ndarray, positive: np.ndarray, W: Weights, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(area under the ROC curve, pairs) of every resample; ties count half."""
    s = score[order]
    up, down = W[:, order] * positive[order], W[:, order] * (1.0 - positive[order])
    below = np.concatenate([np.zeros((len(W), 1)), np.cumsum(down, axis=1)], axis=1)
    first, last = np.searchsorted(s, s, "left"), np.searchsorted(s, s, "right")
    wins = (up * 0.5 * (below[:, first] + below[:, last])).sum(axis=1)
    pairs = up.sum(axis=1) * down.sum(axis=1)
    return wins / np.maximum(pairs, 1e-30), pairs
