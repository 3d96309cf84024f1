"""The target, and the loss that is meant for it."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.thresholds import limit
from fallline.losses import AbsoluteError, BinnedCrossEntropy, Huber, Poisson


def squared(evidence: Evidence) -> bool:
    """Whether the run minimises a squared error of numbers."""
    loss = evidence.recipe.loss
    return getattr(getattr(loss, "inner", loss), "name", "") == "squared_error"


class Outliers(Kind):
    """A few targets far from all others, under a squared error."""

    name: ClassVar[str] = "target_outliers"
    title: ClassVar[str] = "outliers in the target under a squared error"
    subject: ClassVar[str] = "target"
    measures: ClassVar[str] = "the share of the target's squared deviation that its outliers carry"
    severity: ClassVar[float] = 0.8
    needs: ClassVar[tuple[str, ...]] = ("facts",)
    explains: ClassVar[tuple[str, ...]] = (
        "heavy_tail", "worse_than_baseline", "underfits", "rate_oscillates", "overfits", "noisy_batch", "count_target",
        "validation_small", "stopped_early", "few_steps", "penalty_strong", "first_loss",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        facts = evidence.facts
        assert facts is not None
        few = 0 < facts.outliers <= limit("outlier_rows")
        if not squared(evidence) or not few or facts.outlier_weight < limit("outlier_weight"):
            return None
        return self.found(
            f"{100 * facts.outliers:.2g} % of the training rows have a target more than {limit('outlier'):.0f} robust deviations "
            f"from the median, and they carry {100 * facts.outlier_weight:.0f} % of the squared deviation; targets reach from "
            f"{change.short(facts.low)} to {change.short(facts.high)}.",
            "A squared error follows these rows and neglects all others.",
            0.9,
            {"outliers": facts.outliers, "weight": facts.outlier_weight},
            remedies=change.losses(Huber(), AbsoluteError()),
            advice="Look at these rows first: they may be wrong. Judge the remedies by the mean absolute error.",
        )


class HeavyTail(Kind):
    """A target with a heavy tail, under a squared error."""

    name: ClassVar[str] = "heavy_tail"
    title: ClassVar[str] = "heavy-tailed target"
    subject: ClassVar[str] = "target"
    measures: ClassVar[str] = "the excess kurtosis of the target"
    severity: ClassVar[float] = 0.6
    needs: ClassVar[tuple[str, ...]] = ("facts",)
    explains: ClassVar[tuple[str, ...]] = (
        "worse_than_baseline", "underfits", "noisy_batch", "rate_oscillates", "overfits", "validation_small",
        "stopped_early", "penalty_strong", "count_target",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        facts = evidence.facts
        assert facts is not None
        if not squared(evidence) or facts.kurtosis < limit("tail") or facts.outliers == 0.0:
            return None
        positive = facts.low >= 0
        return self.found(
            f"The target's excess kurtosis is {change.short(facts.kurtosis)} (0 for a normal distribution), and its values reach "
            f"from {change.short(facts.low)} to {change.short(facts.high)} around a mean of {change.short(facts.mean)}.",
            "A few large targets decide the squared error and its gradient.",
            0.8,
            {"kurtosis": facts.kurtosis},
            remedies=change.losses(Huber(), AbsoluteError(), *([Poisson()] if positive else [])),
            advice="If relative errors matter, learn the logarithm of the target: --set target_transform=log."
            if facts.low > 0
            else "",
        )


class Counts(Kind):
    """Counts under a squared error."""

    name: ClassVar[str] = "count_target"
    title: ClassVar[str] = "counts under a squared error"
    subject: ClassVar[str] = "target"
    measures: ClassVar[str] = "whether the targets are whole numbers from 0 on whose variance exceeds their mean"
    severity: ClassVar[float] = 0.45
    needs: ClassVar[tuple[str, ...]] = ("facts",)

    def judge(self, evidence: Evidence) -> Finding | None:
        facts = evidence.facts
        assert facts is not None
        counts = facts.whole and 0 <= facts.low <= 2 and facts.distinct > 2 and facts.mean > 0
        if not squared(evidence) or not counts or facts.variance < 0.7 * facts.mean or facts.high < 4:
            return None
        held = evidence.held
        if held is not None and not _grows(held.answer[:, 0], held.target.reshape(len(held.target), -1)[:, 0]):
            return None
        return self.found(
            f"The targets are whole numbers from {facts.low:.0f} to {facts.high:.0f} with mean {change.short(facts.mean)} and "
            f"variance {change.short(facts.variance)}.",
            "The variance of counts grows with their size, so a squared error is decided by the largest ones, and predictions "
            "can be negative.",
            0.7,
            {"mean": facts.mean, "variance": facts.variance},
            remedies=change.losses(Poisson()),
        )


def _grows(answer: np.ndarray, target: np.ndarray) -> bool:
    """Whether the squared errors are larger where the answers are larger."""
    if len(answer) < 20:
        return True
    order = np.argsort(answer)
    low, high = order[: len(order) // 2], order[len(order) // 2 :]
    square = (answer - target) ** 2
    return bool(np.median(square[high]) > 1.5 * np.median(square[low]))


class AsNumbers(Kind):
    """Classes that are predicted as numbers."""

    name: ClassVar[str] = "as_numbers"
    title: ClassVar[str] = "classes predicted as numbers"
    subject: ClassVar[str] = "target"
    measures: ClassVar[str] = "how often the rounded answer is right, beside a classification of the same rows"
    severity: ClassVar[float] = 0.85
    needs: ClassVar[tuple[str, ...]] = ("facts", "held")
    explains: ClassVar[tuple[str, ...]] = (
        "count_target",
        "worse_than_baseline",
        "underfits",
        "stopped_early",
        "overfits",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        facts, held = evidence.facts, evidence.held
        assert facts is not None
        assert held is not None
        few = facts.whole and 2 <= facts.distinct <= 20
        target = held.target.reshape(len(held.target), -1)
        if evidence.task != "regression" or not few or held.member is None or target.shape[1] > 1:
            return None
        hits = float((np.round(held.answer[:, 0]) == target[:, 0]).mean())
        rival = float((held.member[:, 1] == target[:, 0]).mean()) if held.member.shape[1] > 1 else 0.0
        error = float(np.sqrt(max(hits * (1 - hits), 1e-3) / len(target)))
        # Two or three values have hardly an order worth learning, whether or not the rounded answer is right.
        gains = rival - hits >= max(limit("as_numbers"), 2.0 * error)
        if not gains and facts.distinct > limit("few_values"):
            return None
        return self.found(
            f"The target has {facts.distinct} different whole values. The rounded answer is right on {100 * hits:.1f} % of "
            f"{len(target)} held-out rows; a forest that treats the values as classes is right on {100 * rival:.1f} %.",
            "The values are names and not quantities, so the numbers between them mean nothing.",
            0.9 if gains else 0.6,
            {"rounded": hits, "as_classes": rival},
            advice="Train it as a classification: --task classification, or task='classification' in fl.load.",
        )


class Bounded(Kind):
    """Answers beyond the bounds of a bounded target."""

    name: ClassVar[str] = "bounded_target"
    title: ClassVar[str] = "answers outside a bounded target's range"
    subject: ClassVar[str] = "target"
    measures: ClassVar[str] = "the share of answers outside the range of a target that has bounds"
    severity: ClassVar[float] = 0.45
    needs: ClassVar[tuple[str, ...]] = ("facts", "held")

    def judge(self, evidence: Evidence) -> Finding | None:
        facts, held = evidence.facts, evidence.held
        assert facts is not None
        assert held is not None
        if not squared(evidence) or facts.edges < 0.02 or facts.high <= facts.low or len(held.answer) < 30:
            return None
        known = (facts.low, facts.high) in ((0.0, 1.0), (0.0, 100.0), (-1.0, 1.0)) or facts.edges > 0.1
        if not known or (facts.whole and facts.distinct <= 20):
            return None
        margin = 0.01 * (facts.high - facts.low)
        answer = held.answer[:, 0]
        outside = float(((answer < facts.low - margin) | (answer > facts.high + margin)).mean())
        if outside < limit("outside"):
            return None
        return self.found(
            f"The target lies between {change.short(facts.low)} and {change.short(facts.high)}, where "
            f"{100 * facts.edges:.0f} % of the rows are at a bound; {100 * outside:.0f} % of the answers lie outside.",
            "A squared error knows no bounds.",
            0.8,
            {"outside": outside, "edges": facts.edges},
            remedies=change.losses(BinnedCrossEntropy()),
            advice="Or clip the answers to the range.",
        )
