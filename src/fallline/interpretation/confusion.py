"""Which classes are taken for which: the confusion matrix, and what it says of every class."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def confusion_matrix(
    true: Int[np.ndarray, " rows"],
    predicted: Int[np.ndarray, " rows"],
    classes: int,
    weight: Float[np.ndarray, " rows"] | None = None,
) -> Float[np.ndarray, "classes classes"]:
    """Rows of every true class (down) by predicted class (across).

    >>> confusion_matrix(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    found = np.bincount(true * classes + predicted, weight, minlength=classes * classes)
    return found.reshape(classes, classes).astype(np.float64)


def class_scores(matrix: Float[np.ndarray, "classes classes"]) -> dict[str, Float[np.ndarray, " classes"]]:
    """Support, precision, recall and F1 of every class; NaN where nothing was predicted, or nothing is there.

        precision = hits / predicted,  recall = hits / true,  F1 = 2 hits / (predicted + true)

    >>> class_scores(np.array([[1.0, 1.0], [0.0, 1.0]]))["precision"].tolist()
    [1.0, 0.5]
    """
    hits, true, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "support": true,
            "precision": hits / predicted,
            "recall": hits / true,
            "f1": 2.0 * hits / (true + predicted),
        }
