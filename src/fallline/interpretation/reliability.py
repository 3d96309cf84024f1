"""Whether probabilities mean what they say: the share of hits among answers of about the same probability."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

Z = 1.959964  # two-sided 95 %


def reliability(
    probability: Float[np.ndarray, " rows"],
    hit: Float[np.ndarray, " rows"],
    weight: Float[np.ndarray, " rows"] | None = None,
    bins: int = 10,
) -> tuple[dict[str, np.ndarray], float]:
    """The bins that hold rows, as columns, and the expected calibration error.

        ECE = sum_b n_b / n |mean probability in b - share of hits in b|

    Arguments:
        probability: from 0 to 1.
        hit: 1 where the answer came true.
        weight: weight of each row.
        bins: number of bins of equal width.

    Source: Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015.

    >>> float(reliability(np.array([0.75, 0.75]), np.array([1.0, 0.0]))[1])
    0.25
    """
    w = np.ones(len(probability)) if weight is None else weight
    place = np.clip(np.ceil(probability * bins - 1e-12).astype(int) - 1, 0, bins - 1)
    count, rows = (np.bincount(place, each, minlength=bins) for each in (w, np.ones(len(w))))
    kept = count > 0
    n = count[kept]
    mean = np.bincount(place, w * probability, minlength=bins)[kept] / n
    share = np.bincount(place, w * hit, minlength=bins)[kept] / n
    low, high = wilson(share, rows[kept])
    ece = float((n * np.abs(mean - share)).sum() / max(n.sum(), 1e-300))
    edges = np.arange(bins + 1) / bins
    columns = {
        "low": edges[:-1][kept], "high": edges[1:][kept], "probability": mean, "share": share,
        "share_low": low, "share_high": high, "rows": n,
    }  # fmt: skip
    return columns, ece


def chance_error(
    probability: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"], bins: int = 10, seed: int = 0
) -> float:
    """The calibration error that perfect probabilities show by chance on these rows: 95 % of 200 simulations stay below it.

    Source: Bröcker and Smith, "Increasing the reliability of reliability diagrams", 2007.

    >>> chance_error(np.zeros(5), np.ones(5)), chance_error(np.full(4, 0.5), np.ones(4)) > 0.2
    (0.0, True)
    """
    draw = np.random.default_rng(seed)
    found = [reliability(probability, draw.random(len(weight)) < probability, weight, bins)[1] for _ in range(200)]
    return float(np.quantile(found, 0.95))


def wilson(share: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % interval of a share.

    Source: Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    >>> [round(float(each), 3) for each in wilson(np.array(1.0), np.array(15.0))]
    [0.796, 1.0]
    """
    middle = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * np.sqrt(share * (1 - share) / rows + Z**2 / (4 * rows**2))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)
