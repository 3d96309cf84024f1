"""The measures of a comparison, after DeepOBS (Schneider et al. 2019) and Schmidt et al. (2021)."""

import numpy as np
from jaxtyping import Float, Int


def rotated(scores: Float[np.ndarray, "contenders rates seeds"]) -> Int[np.ndarray, "contenders seeds"]:
    """For every seed, the place of the rate that has the lowest mean score with the other seeds.

    >>> rotated(np.array([[[1.0, 5.0, 1.0], [2.0, 2.0, 2.0]]])).tolist()
    [[1, 0, 1]]
    """
    seeds = scores.shape[2]
    others = [[s for s in range(seeds) if s != own] for own in range(seeds)]
    return np.stack([np.argmin(scores[:, :, each].mean(axis=2), axis=1) for each in others], axis=1)


def good_range(
    rates: Float[np.ndarray, " rates"], means: Float[np.ndarray, " rates"], within: float
) -> tuple[float | None, float | None, float]:
    """The rates around the best one whose loss is at most `within` above the best, as a share of its size; their decades.

    Between two rates of the grid, the loss is interpolated linearly over the rate's logarithm.

    >>> [round(float(each), 3) for each in good_range(np.array([0.1, 1.0, 10.0]), np.array([3.0, 1.0, 2.0]), 0.5)]
    [0.562, 3.162, 0.75]
    """
    best = int(np.argmin(means))
    if not np.isfinite(means[best]):
        return None, None, 0.0
    level = means[best] + within * abs(means[best])
    ends = [_crossing(np.log10(rates), means, best, step, level) for step in (-1, 1)]
    return float(10 ** ends[0]), float(10 ** ends[1]), float(ends[1] - ends[0])


def _crossing(
    x: Float[np.ndarray, " rates"], means: Float[np.ndarray, " rates"], at: int, step: int, level: float
) -> float:
    while 0 <= at + step < len(x):
        here, there = means[at], means[at + step]
        if not there <= level:
            share = (level - here) / (there - here) if np.isfinite(there) else 0.0
            return float(x[at] + share * (x[at + step] - x[at]))
        at += step
    return float(x[at])


def first_below(
    curves: Float[np.ndarray, "contenders seeds epochs"], target: float
) -> Float[np.ndarray, " contenders"]:
    """The median over the seeds of the first epoch whose loss is at most the target; infinite if most seeds never get there.

    >>> first_below(np.array([[[3.0, 2.0, 1.0], [3.0, 1.0, 1.0], [3.0, 3.0, 3.0]]]), 2.0).tolist()
    [2.0]
    """
    with np.errstate(invalid="ignore"):
        below = curves <= target
    first = np.where(below.any(axis=2), below.argmax(axis=2) + 1.0, np.inf)
    return np.asarray([_middle(each) for each in first])


def _middle(values: Float[np.ndarray, " seeds"]) -> float:
    """The upper median, which is one of the values."""
    return float(np.sort(values)[len(values) // 2])


def expected_best(scores: Float[np.ndarray, "contenders rates"], trials: int) -> Float[np.ndarray, " contenders"]:
    """Expected lowest of `trials` scores that are drawn at random, with replacement.

        E min = sum_k s_(k) [((R - k + 1) / R)^n - ((R - k) / R)^n]

    >>> expected_best(np.array([[1.0, 2.0]]), 1).tolist(), expected_best(np.array([[1.0, 2.0]]), 2).tolist()
    ([1.5], [1.25])
    """
    count = scores.shape[1]
    left = (np.arange(count, -1, -1) / count) ** trials
    found: Float[np.ndarray, " contenders"] = np.sort(scores, axis=1) @ (left[:-1] - left[1:])
    return found


def ceiling_of(curves: Float[np.ndarray, "contenders rates seeds epochs"]) -> float:
    """The largest mean loss that a contender has after one epoch at its lowest rate."""
    first = curves[:, 0, :, 0].mean(axis=1)
    known = first[np.isfinite(first)]
    finite = curves[np.isfinite(curves)]
    return float(known.max()) if len(known) else float(finite.max()) if len(finite) else 1.0
