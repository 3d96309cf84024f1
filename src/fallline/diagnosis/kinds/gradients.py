"""Gradients that fade or grow from layer to layer, and units that pass none."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.kinds.consequences import POOR
from fallline.diagnosis.kinds.rates import largest_ratio
from fallline.diagnosis.thresholds import limit


def norms(evidence: Evidence) -> tuple[list[str], np.ndarray]:
    """Names of the dense layers and their gradient norms, (layers, epochs), from the first layer to the last."""
    found = {name: each for name, each in evidence.by_layer("gradient_norm").items() if "norm" not in name}
    return list(found), np.array([np.asarray(each, np.float64) for each in found.values()])


class Vanishing(Kind):
    """The first layer receives almost no gradient beside the last one."""

    name: ClassVar[str] = "vanishing"
    title: ClassVar[str] = "vanishing gradients"
    subject: ClassVar[str] = "gradients and units"
    measures: ClassVar[str] = "the first layer's gradient beside the last layer's, in the first half of the run"
    severity: ClassVar[float] = 0.9
    explains: ClassVar[tuple[str, ...]] = (*POOR, "rate_low")

    def judge(self, evidence: Evidence) -> Finding | None:
        names, table = norms(evidence)
        if len(names) < 3 or evidence.outcome == "diverged" or not table.shape[1]:
            return None
        half = table[:, : max(3, table.shape[1] // 2)]
        first, last = float(np.nanmedian(half[0])), float(np.nanmedian(half[-1]))
        ratio = first / max(last, 1e-30)
        if not 0.0 < ratio < limit("vanished"):
            return None
        return self.found(
            f"The gradient of {names[0]} is {change.short(ratio)} times that of {names[-1]} ({change.short(first)} beside "
            f"{change.short(last)}), in the median over the first half of the run.",
            f"Each of the {len(names)} layers passes on a fraction of the gradient; {_activation(evidence)} and the depth of the "
            "network make it vanish.",
            0.95 if evidence.poor else 0.75,
            {"ratio": ratio, "first": first, "last": last, "layers": len(names)},
            epoch=1,
            remedies=change.relu(evidence.recipe)
            + change.normalised(evidence.recipe)
            + change.shallower(evidence.recipe)
            + change.activations(evidence.recipe),
            columns=(f"{names[0]}.gradient_norm", f"{names[-1]}.gradient_norm"),
        )


class Exploding(Kind):
    """Gradients grow from the last layer to the first, or jump far above their usual size."""

    name: ClassVar[str] = "exploding"
    title: ClassVar[str] = "exploding gradients"
    subject: ClassVar[str] = "gradients and units"
    measures: ClassVar[str] = "the first layer's gradient beside the last layer's, and spikes above the median"
    severity: ClassVar[float] = 0.9
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "rate_oscillates",
        "first_loss",
        "rate_diverges",
        "rate_jumps",
        "dying",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        names, table = norms(evidence)
        opening = evidence.opening
        ratio, spike = 0.0, 0.0
        if len(names) >= 3 and table.shape[1]:
            begun = table[:, : max(3, table.shape[1] // 4)]
            ratio = float(np.nanmedian(begun[0] / np.maximum(begun[-1], 1e-30)))
            total = np.sqrt((table**2).sum(axis=0))
            total = total[np.isfinite(total)]
            if len(total) > 4:
                spike = float(total.max() / max(float(np.median(total)), 1e-30))
        steps = largest_ratio(evidence)  # long steps make gradients of all sizes: then the opening decides
        spike = 0.0 if steps > limit("ratio_high") else spike
        ratio = 0.0 if steps > limit("ratio_jump") else ratio
        if opening is not None and len(opening.gradient) >= 3 and opening.gradient[-1] > 0:
            ratio = max(ratio, float(opening.gradient[0] / opening.gradient[-1]))
        harmed = evidence.poor or evidence.outcome == "diverged"
        if not harmed or (ratio < limit("exploded") and spike < limit("spike")):
            return None
        said = f"The gradient of the first layer is {change.short(ratio)} times that of the last one"
        if spike >= limit("spike"):
            said = f"The gradient's length rises to {change.short(spike)} times its median over the epochs"
        return self.found(
            said + ".",
            "Each layer multiplies the gradient on its way back, because its weights are too large or the network too deep.",
            0.85,
            {"ratio": ratio, "spike": spike},
            epoch=1,
            remedies=change.clipped(evidence.recipe)
            + change.normalised(evidence.recipe)
            + change.usual_weights(evidence.recipe),
            columns=tuple(f"{each}.gradient_norm" for each in (names[0], names[-1])) if names else (),
        )


def _activation(evidence: Evidence) -> str:
    activation = getattr(evidence.recipe.model, "activation", None)
    return f"the slope of {activation.name}" if activation is not None else "the slope of the activations"


class DeadAtStart(Kind):
    """Units that are silent on every row before the first update."""

    name: ClassVar[str] = "dead_at_start"
    title: ClassVar[str] = "dead units from the start"
    subject: ClassVar[str] = "gradients and units"
    measures: ClassVar[str] = "the share of each layer's units that pass no gradient on any row before the first update"
    severity: ClassVar[float] = 0.85
    needs: ClassVar[tuple[str, ...]] = ("opening",)
    explains: ClassVar[tuple[str, ...]] = (*POOR, "dying", "vanishing", "rate_low", "rate_jumps", "first_loss")

    def judge(self, evidence: Evidence) -> Finding | None:
        opening = evidence.opening
        assert opening is not None
        if not len(opening.dead):
            return None
        worst = int(np.argmax(opening.dead))
        share = float(opening.dead[worst])
        if share < limit("dead" if not evidence.poor else "dead_poor"):
            return None
        return self.found(
            f"Before the first update {100 * share:.0f} % of the units of {opening.activations[worst]} pass no gradient on any "
            "training row.",
            "The initial weights and biases, or inputs far from 0, keep these units in the flat part of their activation.",
            0.9,
            {"share": share},
            epoch=0,
            remedies=change.usual_weights(evidence.recipe)
            + change.activations(evidence.recipe)
            + change.standardised(evidence.recipe)
            + change.normalised(evidence.recipe),
            columns=(f"{opening.activations[worst]}.dead",),
        )


class Dying(Kind):
    """Units that pass a gradient at first and none later."""

    name: ClassVar[str] = "dying"
    title: ClassVar[str] = "units die during training"
    subject: ClassVar[str] = "gradients and units"
    measures: ClassVar[str] = "the share of each layer's units that pass no gradient on any row of the sample, by epoch"
    severity: ClassVar[float] = 0.75
    explains: ClassVar[tuple[str, ...]] = (*(each for each in POOR if each != "noisy_batch"), "vanishing", "rate_low")

    def judge(self, evidence: Evidence) -> Finding | None:
        columns = {name: np.asarray(each, np.float64) for name, each in evidence.by_layer("dead").items() if len(each)}
        if not columns or evidence.outcome == "diverged":
            return None
        layer = max(columns, key=lambda name: float(np.nanmax(columns[name][-3:])))
        share = float(np.nanmax(columns[layer][-3:]))
        if share < limit("dead_poor" if evidence.poor else "dead"):
            return None
        if share < 1.0 and not evidence.poor and evidence.skill("train") > 0.8:
            return None  # a sparse code of a network that has learnt its rows
        epoch = int(np.argmax(columns[layer] >= 0.8 * share)) + 1
        high = largest_ratio(evidence) > limit("ratio_high")
        return self.found(
            f"In epoch {epoch} {100 * columns[layer][epoch - 1]:.0f} % of the units after {layer} pass no gradient on any row of "
            f"the sample; at the end it is {100 * share:.0f} %.",
            "Long steps have pushed the units' biases below every input."
            if high
            else "The units have drifted into the flat part of their activation.",
            0.85 if evidence.poor else 0.6,
            {"share": share, "epoch": epoch},
            epoch=epoch,
            remedies=(change.slower(evidence.recipe) if high else [])
            + change.activations(evidence.recipe)
            + change.normalised(evidence.recipe),
            columns=(f"{layer}.dead",),
        )


class SaturatedUnits(Kind):
    """Sigmoid or tanh units whose values lie near their bounds, where the slope is almost 0."""

    name: ClassVar[str] = "saturated"
    title: ClassVar[str] = "saturated sigmoid or tanh units"
    subject: ClassVar[str] = "gradients and units"
    measures: ClassVar[str] = (
        "the share of each layer's values near a bound of its activation, in the first half of the run"
    )
    severity: ClassVar[float] = 0.75
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "vanishing",
        "dying",
        "dead_at_start",
        "rate_low",
        "rate_oscillates",
        "overfits",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        columns = {n: np.asarray(each, np.float64) for n, each in evidence.by_layer("saturated").items() if len(each)}
        shares = {n: float(np.nanmedian(each[: max(3, len(each) // 2)])) for n, each in columns.items()}
        if not shares or evidence.outcome == "diverged":
            return None
        layer = max(shares, key=lambda name: shares[name])
        share = shares[layer]
        if share < limit("saturated_poor" if evidence.poor else "saturated"):
            return None
        begun = evidence.opening is not None and float(np.max(evidence.opening.saturated, initial=0.0)) > 0.5
        return self.found(
            f"{100 * share:.0f} % of the values after {layer} lie within 2.5 % of a bound of the activation, in the median over "
            "the first half of the run.",
            "The units were saturated before the first update: inputs or initial weights are too large."
            if begun
            else "Training drove the units there: the learning rate is high, or the weights have grown large.",
            0.85 if evidence.poor else 0.7,
            {"share": share, "at_start": float(begun)},
            epoch=1,
            remedies=(
                change.usual_weights(evidence.recipe) + change.standardised(evidence.recipe)
                if begun
                else change.slower(evidence.recipe)
            )
            + change.relu(evidence.recipe)
            + change.normalised(evidence.recipe),
            columns=(f"{layer}.saturated",),
        )
