"""Where to draw the line between yes and no: scores at every threshold, and the cheapest one for a ratio of costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.interpretation.curves import Ranked

GRID = tuple(round(0.05 * k, 2) for k in range(1, 20))
RATIOS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # cost of a missed positive, in false alarms


class Cheapest(NamedTuple):
    """The threshold of least cost, that cost per row, and the cost per row at one half."""

    threshold: float
    cost: float
    cost_at_half: float


def at_thresholds(counts: Ranked, thresholds: Float[np.ndarray, " thresholds"]) -> dict[str, np.ndarray]:
    """Precision, recall, F1, and the shares of all rows that are false alarms and missed, at some thresholds.

    >>> from fallline.interpretation.curves import ranked
    >>> at_thresholds(ranked(np.array([0.9, 0.4]), np.array([True, False])), np.array([0.5]))["f1"].tolist()
    [1.0]
    """
    place = np.searchsorted(-counts.threshold, -np.asarray(thresholds), side="right")
    hits, alarms = np.append(0.0, counts.hits)[place], np.append(0.0, counts.alarms)[place]
    positive, total = counts.hits[-1], counts.hits[-1] + counts.alarms[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "threshold": np.asarray(thresholds, np.float64),
            "precision": hits / (hits + alarms),
            "recall": hits / positive,
            "f1": 2.0 * hits / (hits + alarms + positive),
            "false_alarms": alarms / total,
            "missed": (positive - hits) / total,
        }


def best_f1(counts: Ranked) -> float:
    """The threshold of the best F1, halfway to the next lower score, so that it is not on a row."""
    found = at_thresholds(counts, counts.threshold)["f1"]
    return _between(counts, int(np.nanargmax(found)) if np.isfinite(found).any() else 0)


def cheapest(counts: Ranked, ratio: float) -> Cheapest:
    """The threshold at which errors cost least, where a missed positive costs `ratio` false alarms.

        cost(t) = (false alarms + ratio missed) / rows

    >>> from fallline.interpretation.curves import ranked
    >>> counts = ranked(np.array([0.9, 0.6, 0.2]), np.array([True, False, True]))
    >>> cheapest(counts, 10.0)
    Cheapest(threshold=0.1, cost=0.3333333333333333, cost_at_half=3.6666666666666665)
    """
    positive, total = counts.hits[-1], counts.hits[-1] + counts.alarms[-1]
    costs = (np.append(0.0, counts.alarms) + ratio * (positive - np.append(0.0, counts.hits))) / total
    place = int(np.argmin(costs))
    half = int(np.searchsorted(-counts.threshold, -0.5, side="right"))
    threshold = _between(counts, place - 1) if place else 0.5 * (1.0 + float(counts.threshold[0]))
    return Cheapest(threshold, float(costs[place]), float(costs[half]))


def _between(counts: Ranked, place: int) -> float:
    lower = counts.threshold[place + 1] if place + 1 < len(counts.threshold) else 0.0
    return float(0.5 * (counts.threshold[place] + lower))
