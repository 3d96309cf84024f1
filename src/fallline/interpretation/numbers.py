"""Predicted numbers against true ones: bias, errors by decile of the prediction, and how often intervals hold."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Vector = Float[np.ndarray, " rows"]


def deciles(true: Vector, predicted: Vector, parts: int = 10) -> dict[str, np.ndarray]:
    """The rows in parts of about equal size by their prediction, as columns: mean prediction, mean truth and errors.

    >>> found = deciles(np.array([0.0, 2.0, 5.0, 5.0]), np.array([1.0, 1.0, 4.0, 4.0]), 2)
    >>> found["bias"].tolist(), found["mae"].tolist()
    ([0.0, -1.0], [1.0, 1.0])
    """
    # Rows with the same prediction stay together, so that the order of the rows is without effect.
    edges = np.unique(np.quantile(predicted, np.arange(1, parts) / parts, method="inverted_cdf"))
    place = np.searchsorted(edges, predicted, side="left")
    place = np.unique(place, return_inverse=True)[1]
    rows = np.bincount(place)

    def mean(values: Vector) -> np.ndarray:
        return np.asarray(np.bincount(place, values) / rows)

    ends = [(predicted[place == k].min(), predicted[place == k].max()) for k in range(len(rows))]
    error = predicted - true
    return {
        "decile": np.arange(1, len(rows) + 1),
        "rows": rows,
        "low": np.array([each[0] for each in ends]),
        "high": np.array([each[1] for each in ends]),
        "predicted": mean(predicted),
        "true": mean(true),
        "bias": mean(error),
        "mae": mean(np.abs(error)),
    }


def bias_of(true: Vector, predicted: Vector, weight: Vector) -> tuple[float, float, float]:
    """The mean of predicted minus true with its 95 % interval."""
    error, w = predicted - true, weight / weight.sum()
    bias, unit = float(error @ w), max(float(np.abs(error).max()), 1e-300)  # in which squares do not overflow
    spread = unit * float(np.sqrt((w**2) @ ((error - bias) / unit) ** 2)) if len(error) > 1 else float("nan")
    return bias, bias - 1.96 * spread, bias + 1.96 * spread


def rmse_of(true: Vector, predicted: Vector, weight: Vector) -> float:
    """The root of the mean squared error, also of numbers whose squares float64 cannot hold.

    >>> rmse_of(np.array([3e200, 0.0]), np.array([0.0, 3e200]), np.ones(2))
    3e+200
    """
    error = np.abs(predicted - true)
    unit = max(float(error.max()), 1e-300)
    return float(unit * np.sqrt(weight @ (error / unit) ** 2 / weight.sum()))


def coverage_of(true: Vector, low: Vector, high: Vector, weight: Vector) -> float:
    """The share of rows whose truth is within its interval.

    >>> coverage_of(np.array([1.0, 5.0]), np.zeros(2), np.full(2, 2.0), np.ones(2))
    0.5
    """
    inside = (true >= low) & (true <= high)
    return float(weight @ inside / weight.sum())
