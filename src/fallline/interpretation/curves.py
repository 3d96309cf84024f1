"""A score against a truth of two kinds at every threshold: the ROC curve, precision and recall, and their areas."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

POINTS = 60  # most points of a curve that is drawn


class Ranked(NamedTuple):
    """The rows taken as positive at every threshold, from the highest score down.

    Arguments:
        threshold: distinct scores, falling; a row is taken as positive at or above it.
        hits: weight of the positive rows that are taken as positive.
        alarms: weight of the negative rows that are taken as positive.
    """

    threshold: Float[np.ndarray, " thresholds"]
    hits: Float[np.ndarray, " thresholds"]
    alarms: Float[np.ndarray, " thresholds"]


def ranked(
    score: Float[np.ndarray, " rows"],
    positive: Bool[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"] | None = None,
) -> Ranked:
    """The counts behind both curves.

    >>> ranked(np.array([0.9, 0.4, 0.4]), np.array([True, False, True])).hits.tolist()
    [1.0, 2.0]
    """
    w = np.ones(len(score)) if weight is None else weight
    order = np.argsort(-score, kind="stable")
    s, up, down = score[order], (w * positive)[order], (w * ~positive)[order]
    last = np.append(np.flatnonzero(np.diff(s)), len(s) - 1) if len(s) else np.zeros(0, int)
    return Ranked(s[last], np.cumsum(up)[last], np.cumsum(down)[last])


def roc(counts: Ranked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(false positive rate, true positive rate, threshold), from no row to all rows; NaN where one kind is absent.

    Source: Fawcett, "An introduction to ROC analysis", 2006.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.append(0.0, counts.alarms) / counts.alarms[-1:]
        y = np.append(0.0, counts.hits) / counts.hits[-1:]
    return x, y, np.append(np.inf, counts.threshold)


def precision_recall(counts: Ranked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(recall, precision, threshold), from the highest threshold to the lowest."""
    with np.errstate(divide="ignore", invalid="ignore"):
        recall = counts.hits / counts.hits[-1:]
    return recall, counts.hits / (counts.hits + counts.alarms), counts.threshold


def areas(counts: Ranked) -> tuple[float, float]:
    """(area under the ROC curve, average precision); NaN where one kind of rows is absent.

        AUC = sum_i (x_i - x_(i-1)) (y_i + y_(i-1)) / 2,   AP = sum_i (R_i - R_(i-1)) P_i

    >>> areas(ranked(np.array([0.9, 0.8, 0.1]), np.array([True, False, True])))
    (0.5, 0.8333333333333333)
    """
    if not len(counts.hits) or counts.hits[-1] == 0 or counts.alarms[-1] == 0:
        return float("nan"), float("nan")
    x, y, _ = roc(counts)
    recall, precision, _ = precision_recall(counts)
    area = float((np.diff(x) * 0.5 * (y[1:] + y[:-1])).sum())
    return area, float((np.diff(np.append(0.0, recall)) * precision).sum())


def thinned(x: np.ndarray, y: np.ndarray, most: int = POINTS) -> np.ndarray:
    """Places of at most so many points of a curve, evenly along its way, with both ends."""
    if len(x) <= most:
        return np.arange(len(x))
    way = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    return np.unique(np.clip(np.searchsorted(way, np.linspace(0, way[-1], most)), 0, len(x) - 1))
