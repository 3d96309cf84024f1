"""Initial weights: units that are alike, signals that grow or fade, and a first loss that is not what it should be."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.kinds.consequences import POOR
from fallline.diagnosis.thresholds import limit


class Symmetric(Kind):
    """Units of a layer that begin with the same weights, and so stay equal."""

    name: ClassVar[str] = "symmetric_weights"
    title: ClassVar[str] = "initial weights are symmetric"
    subject: ClassVar[str] = "first steps"
    measures: ClassVar[str] = "the correlation between the initial weights of the units of each layer"
    severity: ClassVar[float] = 0.95
    needs: ClassVar[tuple[str, ...]] = ("opening",)
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "mis_scaled_weights",
        "first_loss",
        "vanishing",
        "dying",
        "dead_at_start",
        "rate_low",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        opening = evidence.opening
        assert opening is not None
        hidden = opening.alike[:-1]
        if not len(hidden) or float(hidden.max()) < limit("equal_units"):
            return None
        layer = int(np.argmax(hidden))
        return self.found(
            f"Half of the units of {opening.layers[layer]} or more begin with the weights of another unit (correlation "
            f"{hidden[layer]:.4f}).",
            "Units with equal weights receive equal gradients, so the layer acts as a single unit.",
            0.95,
            {"correlation": float(hidden[layer])},
            epoch=0,
            remedies=change.usual_weights(evidence.recipe),
        )


class MisScaled(Kind):
    """Initial weights that make the signal grow or fade from layer to layer."""

    name: ClassVar[str] = "mis_scaled_weights"
    title: ClassVar[str] = "initial weights of the wrong size"
    subject: ClassVar[str] = "first steps"
    measures: ClassVar[str] = "the initial weights of each layer beside the usual ones, 1 / sqrt(inputs)"
    severity: ClassVar[float] = 0.85
    needs: ClassVar[tuple[str, ...]] = ("opening",)
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "first_loss",
        "vanishing",
        "exploding",
        "saturated",
        "dead_at_start",
        "dying",
        "overfits",
        "rate_oscillates",
        "rate_jumps",
        "rate_low",
        "rate_diverges",
        "non_finite",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        opening = evidence.opening
        assert opening is not None
        known = np.isfinite(opening.usual) & (opening.usual > 0) & (opening.weight > 0)
        known[-1:] = False  # a small output layer is a good beginning
        if not known.any():
            return None
        factor = np.where(known, opening.weight / np.where(known, opening.usual, 1.0), 1.0)
        growth = float(np.exp(np.abs(np.log(factor)).max()))
        layer = int(np.argmax(np.abs(np.log(factor))))
        total = float(np.prod(factor))
        bad = growth > limit("signal_grows") or total > limit("signal_grows") ** 2 or total < limit("signal_fades") ** 2
        if not bad:
            return None
        large = factor[layer] > 1
        return self.found(
            f"The initial weights of {opening.layers[layer]} have a standard deviation of {change.short(opening.weight[layer])}; "
            f"1 / sqrt(inputs) is {change.short(opening.usual[layer])}. Over all hidden layers the signal "
            f"{'grows' if total > 1 else 'fades'} by a factor of {change.short(total)}.",
            "Weights this large drive the units into their flat parts and make the first loss and the gradients huge."
            if large
            else "Weights this small let the signal and the gradient fade from layer to layer.",
            0.9,
            {"factor": float(factor[layer]), "total": total},
            epoch=0,
            remedies=change.usual_weights(evidence.recipe) + change.normalised(evidence.recipe),
        )


class FirstLoss(Kind):
    """A first loss that is far from that of an uninformed answer."""

    name: ClassVar[str] = "first_loss"
    title: ClassVar[str] = "the first loss is not at its expected value"
    subject: ClassVar[str] = "first steps"
    measures: ClassVar[str] = "the loss of the initial weights beside that of outputs of 0, such as ln C for C classes"
    severity: ClassVar[float] = 0.4
    needs: ClassVar[tuple[str, ...]] = ("opening",)
    explains: ClassVar[tuple[str, ...]] = ("worse_than_baseline", "stopped_early", "underfits", "dying")

    def judge(self, evidence: Evidence) -> Finding | None:
        opening = evidence.opening
        assert opening is not None
        if not (np.isfinite(opening.loss) and opening.guess > 0):
            return None
        ratio = opening.loss / opening.guess
        if 0.5 < ratio < limit("first_loss"):
            return None
        high = ratio >= 1.0
        return self.found(
            f"The initial weights cost {change.short(opening.loss)}; outputs of 0 cost {change.short(opening.guess)}.",
            "The outputs start too large, so the first updates only undo that."
            if high
            else "The untrained network is already better than an uninformed answer: look for the target among the columns.",
            0.6 + min(0.3, 0.1 * abs(np.log(max(ratio, 1e-9)))),
            {"loss": opening.loss, "expected": opening.guess, "ratio": ratio},
            epoch=0,
            remedies=change.usual_weights(evidence.recipe) + change.standardised(evidence.recipe) if high else [],
        )


class NonFinite(Kind):
    """Numbers that are not finite, and where they began."""

    name: ClassVar[str] = "non_finite"
    title: ClassVar[str] = "numbers that are not finite"
    subject: ClassVar[str] = "first steps"
    measures: ClassVar[str] = "the first loss, gradient or validation loss that is not finite"
    severity: ClassVar[float] = 1.0
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "exploding",
        "first_loss",
        "dying",
        "rate_diverges",
        "mis_scaled_weights",
        "saturated",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        opening, curve = evidence.opening, evidence.curve
        if opening is not None:
            bad = [name for name, each in zip(opening.layers, opening.gradient, strict=True) if not np.isfinite(each)]
            if bad or not np.isfinite(opening.loss):
                what = "loss" if not np.isfinite(opening.loss) else f"gradient of {bad[-1]}"
                return self.found(
                    f"The {what} is not finite before the first update.",
                    "The loss, an activation or the inputs leave the range of float32 at the initial weights.",
                    0.95,
                    {"layers": len(bad)},
                    epoch=0,
                    remedies=change.standardised(evidence.recipe) + change.usual_weights(evidence.recipe),
                    advice="Look at the formula of the loss and of the activations: log of 0, exp of a large number, 0 / 0.",
                )
        valid = curve.valid
        bad_valid = np.flatnonzero(~np.isfinite(valid))
        if len(bad_valid) and evidence.outcome != "diverged":
            return self.found(
                f"The validation loss is not finite from epoch {bad_valid[0] + 1} on, although the training loss is.",
                "Some validation rows lie so far from the training rows that the network's answer leaves float32's range.",
                0.9,
                {"epoch": bad_valid[0] + 1},
                epoch=int(bad_valid[0]) + 1,
                remedies=change.standardised(evidence.recipe),
                columns=("train_loss", "valid_loss"),
            )
        return None


class WrongGradient(Kind):
    """A gradient that is not the slope of its cost, in a block from outside this library."""

    name: ClassVar[str] = "wrong_gradient"
    title: ClassVar[str] = "a gradient that is wrong"
    subject: ClassVar[str] = "first steps"
    measures: ClassVar[str] = (
        "the gradient of the whole network, number by number, if the recipe has blocks of your own"
    )
    severity: ClassVar[float] = 1.0
    needs: ClassVar[tuple[str, ...]] = ("gradient",)
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "rate_diverges",
        "rate_oscillates",
        "rate_jumps",
        "dying",
        "rate_low",
        "exploding",
        "vanishing",
        "saturated",
        "first_loss",
        "overfits",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        if not evidence.gradient:
            return None
        return self.found(
            evidence.gradient,
            "A block of your own has a derivative that does not belong to its value.",
            0.98,
            {},
            advice="Run `fallline check RUN` and correct the block that it names.",
        )
