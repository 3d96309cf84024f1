"""Quantiles of a mixture of histograms."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

Histograms = tuple[Float[np.ndarray, "rows targets bins"], Float[np.ndarray, "targets edges"]]


def mixture_quantile(
    parts: Sequence[Histograms], weights: Sequence[float], level: float
) -> Float[np.ndarray, "rows targets"]:
    """The value below which each target lies with probability `level`, under a weighted mean of histograms.

        F(x) = sum_i w_i F_i(x),  F_i linear within a bin

    Arguments:
        parts: probabilities and edges of each histogram; the histograms may have different edges.
        weights: their weights, which sum to 1.
        level: the probability.

    >>> halves = np.array([[[0.5, 0.5]]]), np.array([[0.0, 1.0, 2.0]])
    >>> later = np.array([[[0.5, 0.5]]]), np.array([[2.0, 3.0, 4.0]])
    >>> mixture_quantile([halves, later], (0.5, 0.5), 0.25).tolist()
    [[1.0]]
    """
    rows, targets = parts[0][0].shape[:2]
    found = np.zeros((rows, targets))
    for target in range(targets):
        points = np.unique(np.concatenate([edges[target] for _, edges in parts]).astype(np.float64))
        # Two values of F at every point, before and after a jump: a bin of no width holds rows of one value.
        before, after = np.zeros((rows, len(points))), np.zeros((rows, len(points)))
        for (p, edges), w in zip(parts, weights, strict=True):
            below, above = _distribution(p[:, target].astype(np.float64), edges[target].astype(np.float64), points)
            before, after = before + w * below, after + w * above
        found[:, target] = _crossing(points, before, after, level)
    return found


def _distribution(p: np.ndarray, edges: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F just before and at each point, for every row."""
    total = np.concatenate([np.zeros((len(p), 1)), np.cumsum(p, axis=1)], axis=1)
    total /= np.maximum(total[:, -1:], 1e-30)
    left, right = np.searchsorted(edges, points, "left"), np.searchsorted(edges, points, "right")
    last = len(edges) - 1
    here = left < right  # the point is an edge of this histogram
    low = np.clip(left - 1, 0, last)
    high = np.clip(left, 0, last)
    share = (points - edges[low]) / np.where(edges[high] > edges[low], edges[high] - edges[low], 1.0)
    between = total[:, low] + np.clip(share, 0.0, 1.0) * (total[:, high] - total[:, low])
    between = np.where(points < edges[0], 0.0, np.where(points > edges[-1], 1.0, between))
    return np.where(here, total[:, high], between), np.where(here, total[:, np.clip(right - 1, 0, last)], between)


def _crossing(points: np.ndarray, before: np.ndarray, after: np.ndarray, level: float) -> np.ndarray:
    """The smallest value at which F reaches the level, for every row."""
    at = np.minimum((after < level).sum(axis=1), len(points) - 1)
    row = np.arange(len(at))
    start = np.maximum(at - 1, 0)
    low, high = after[row, start], before[row, at]
    share = np.clip((level - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
    inside = (at > 0) & (high > level)
    found: np.ndarray = np.where(inside, points[start] + share * (points[at] - points[start]), points[at])
    return found
