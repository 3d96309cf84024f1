"""The inputs as the network sees them, after scaling."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.kinds.consequences import POOR
from fallline.diagnosis.thresholds import limit

SPOILT = (
    "first_loss", "saturated", "dead_at_start", "dying", "rate_jumps", "rate_oscillates", "rate_diverges", "exploding",
    "non_finite", "overfits", "vanishing", "rate_low",
)  # fmt: skip


def sizes(evidence: Evidence) -> np.ndarray:
    """Root mean squares of the scaled columns that vary."""
    assert evidence.columns is not None
    found = evidence.columns.size
    result: np.ndarray = found[np.isfinite(found) & (found > 0)]
    return result


class UnscaledInputs(Kind):
    """Columns whose sizes are far apart, or far from 1, when they reach the network."""

    name: ClassVar[str] = "unscaled_inputs"
    title: ClassVar[str] = "unscaled inputs"
    subject: ClassVar[str] = "inputs"
    measures: ClassVar[str] = (
        "the size of every column after the scaler: the largest beside the median, and both beside 1"
    )
    severity: ClassVar[float] = 0.9
    needs: ClassVar[tuple[str, ...]] = ("columns",)
    explains: ClassVar[tuple[str, ...]] = (*POOR, *SPOILT, "dominating_input")

    def judge(self, evidence: Evidence) -> Finding | None:
        own = sizes(evidence)
        if not len(own):
            return None
        assert evidence.columns is not None
        largest, middle = float(own.max()), float(np.median(own))
        ratio = largest / middle
        # Principal components differ in size by design.
        columns = len(evidence.columns.names) == evidence.features or not evidence.features
        apart = columns and ratio > limit("scales") and largest > 3.0
        if not apart and largest < limit("far") and largest > 1.0 / limit("far"):
            return None
        name = evidence.columns.names[int(np.nanargmax(evidence.columns.size))]
        return self.found(
            f"After the scaler {evidence.recipe.scaler.name!r} column {name!r} has a size of {change.short(largest)}, and the "
            f"median column {change.short(middle)}; the initial weights expect about 1.",
            "Large columns dominate the gradient and drive units into their flat parts; small ones are hardly seen.",
            0.9,
            {"largest": largest, "median": middle, "ratio": ratio},
            remedies=change.standardised(evidence.recipe),
        )


class Dominating(Kind):
    """One column that carries nearly all of the inputs' size."""

    name: ClassVar[str] = "dominating_input"
    title: ClassVar[str] = "one input dominates"
    subject: ClassVar[str] = "inputs"
    measures: ClassVar[str] = "the share of the scaled inputs' squared size that the largest column has"
    severity: ClassVar[float] = 0.9
    needs: ClassVar[tuple[str, ...]] = ("columns",)
    explains: ClassVar[tuple[str, ...]] = (*POOR, *SPOILT, "unscaled_inputs")

    def judge(self, evidence: Evidence) -> Finding | None:
        own = sizes(evidence)
        if len(own) < 4:
            return None
        assert evidence.columns is not None
        order = np.sort(own)
        share = float(order[-1] ** 2 / (own**2).sum())
        # The others are in order: with several columns out of scale, the scaler as a whole is missing.
        ordinary = order[-2] < limit("far") and order[-2] < 30.0 * float(np.median(own))
        if share < limit("dominates") or order[-1] < 3.0 or not ordinary:
            return None
        name = evidence.columns.names[int(np.nanargmax(evidence.columns.size))]
        return self.found(
            f"Column {name!r} carries {100 * share:.1f} % of the squared size of the scaled inputs.",
            "The first layer sees almost only this column, and the gradient of the others is noise beside it.",
            0.95,
            {"share": share, "size": float(order[-1])},
            remedies=change.standardised(evidence.recipe),
            advice=f"If a few rows of {name!r} are far off, look at them; they may be wrong.",
        )
