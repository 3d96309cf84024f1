"""Minibatches, and layers that depend on them or stand in the wrong place."""

from typing import ClassVar

from fallline.activations import Activation
from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind, Remedy
from fallline.diagnosis.curve import still_improving
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.kinds.rates import largest_ratio
from fallline.diagnosis.thresholds import limit
from fallline.layers import BatchNorm, Dense, Dropout, LayerNorm
from fallline.models import Network


def layers_of(evidence: Evidence) -> tuple[object, ...]:
    """The hidden layers and activations of the network, in order."""
    return tuple(evidence.recipe.model.network(1).layers[:-1])


class NoisyBatch(Kind):
    """Minibatches so small that their gradients are mostly noise, and the run suffers from it."""

    name: ClassVar[str] = "noisy_batch"
    title: ClassVar[str] = "noisy gradients: the batch is too small"
    subject: ClassVar[str] = "minibatches"
    measures: ClassVar[str] = (
        "the share of a minibatch's gradient that is signal, and how the loss moves between epochs"
    )
    severity: ClassVar[float] = 0.7
    needs: ClassVar[tuple[str, ...]] = ("closing",)
    explains: ClassVar[tuple[str, ...]] = ("worse_than_baseline", "rate_oscillates", "underfits", "rate_jumps", "dying")

    def judge(self, evidence: Evidence) -> Finding | None:
        size, closing = evidence.recipe.batch_size, evidence.closing
        assert closing is not None
        if size > limit("noisy_batch") or size >= evidence.rows.get("train", 0) or evidence.outcome == "diverged":
            return None
        constant = evidence.constant_loss or 1.0
        rough = evidence.curve.rough / max(constant, 1e-30)
        if closing.signal > limit("noise") or not (evidence.poor or rough > limit("rough")):
            return None
        if evidence.skill("train") > 0.9 or not largest_ratio(evidence, "median") > 3e-3:
            return None
        return self.found(
            f"A minibatch has {size} rows. At the kept weights {100 * max(closing.signal, 0):.2g} % of its gradient's squared "
            f"length is signal, and the training loss moves by {100 * rough:.2g} % of a constant answer's between epochs.",
            "The steps follow single rows and not what the rows have in common.",
            0.8,
            {"batch_size": size, "signal": closing.signal, "roughness": rough},
            remedies=change.batches(evidence.recipe, 32, 128) + change.rates(evidence.recipe, 0.1),
            columns=("train_loss", "valid_loss"),
        )


class FewSteps(Kind):
    """Batches so large that the run ends after few updates."""

    name: ClassVar[str] = "few_steps"
    title: ClassVar[str] = "few updates: the batch is too large"
    subject: ClassVar[str] = "minibatches"
    measures: ClassVar[str] = "the number of updates, and whether the loss still falls"
    severity: ClassVar[float] = 0.72
    explains: ClassVar[tuple[str, ...]] = (
        "stopped_early", "underfits", "worse_than_baseline", "rate_low", "never_predicted", "imbalance", "penalty_strong",
        "miscalibrated", "segment_missed", "dropout_strong", "vanishing",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        curve, rows = evidence.curve, evidence.rows.get("train", 0)
        size = int(evidence.recipe.batch_size)
        large = size >= max(256, rows // 4) and rows >= 200
        if not large or evidence.recipe.optimizer.full_batch or evidence.outcome == "diverged":
            return None
        few = evidence.steps < limit("few_steps")
        falls = still_improving(curve.train, limit("still"), limit("still_t")) or curve.epochs < 8
        if not (few and (falls or evidence.poor)):
            return None
        return self.found(
            f"A minibatch has {size:,} of {rows:,} rows, so {curve.epochs} epochs are {evidence.steps} updates, and the training "
            f"loss fell by {100 * curve.train_end.fall:.3g} % over the last quarter.",
            "Large batches leave too few updates.",
            0.85 if evidence.poor else 0.65,
            {"batch_size": size, "steps": evidence.steps, "fall": curve.train_end.fall},
            epoch=curve.epochs,
            remedies=change.batches(evidence.recipe, 32, max(32, min(128, size // 8)))
            + change.longer(evidence.recipe, 4.0),
            columns=("train_loss", "valid_loss"),
        )


class SmallNormBatch(Kind):
    """Batch normalisation over a handful of rows."""

    name: ClassVar[str] = "norm_batch_small"
    title: ClassVar[str] = "batch too small for batch normalisation"
    subject: ClassVar[str] = "minibatches"
    measures: ClassVar[str] = "the rows of a minibatch, in networks with batch normalisation"
    severity: ClassVar[float] = 0.75
    explains: ClassVar[tuple[str, ...]] = (
        "noisy_batch", "rate_oscillates", "underfits", "worse_than_baseline", "overfits", "miscalibrated", "segment_missed",
        "stopped_early", "never_predicted", "imbalance", "layer_misplaced",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        size = int(evidence.recipe.batch_size)
        if not any(isinstance(each, BatchNorm) for each in layers_of(evidence)) or size >= limit("norm_batch"):
            return None
        return self.found(
            f"Batch normalisation takes its mean and variance from {size} rows.",
            "Statistics of so few rows are noise, and differ from the running averages that prediction uses.",
            0.85,
            {"batch_size": size},
            remedies=change.batches(evidence.recipe, 32, 64) + change.normalised(evidence.recipe),
        )


class Misplaced(Kind):
    """Dropout or a normalisation in a place where it does harm."""

    name: ClassVar[str] = "layer_misplaced"
    title: ClassVar[str] = "dropout or normalisation in the wrong place"
    subject: ClassVar[str] = "minibatches"
    measures: ClassVar[str] = "the order of layers: dropout before batch normalisation, on the inputs or on the output"
    severity: ClassVar[float] = 0.55
    explains: ClassVar[tuple[str, ...]] = (
        "underfits", "worse_than_baseline", "dropout_strong", "miscalibrated", "rate_oscillates", "segment_missed",
        "never_predicted", "overfits", "noisy_batch", "stopped_early", "imbalance", "few_steps",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        layers = layers_of(evidence)
        faults = []
        for index, each in enumerate(layers):
            before = layers[:index]
            if isinstance(each, BatchNorm | LayerNorm) and _since(before, Dropout, Dense):
                faults.append(
                    (
                        f"dropout stands right before {each.name}, layer {index + 1}",
                        "its statistics shift in prediction",
                    )
                )
            if isinstance(each, Dropout) and not any(isinstance(x, Dense) for x in before) and float(each.rate) >= 0.3:
                faults.append(
                    (f"dropout of {each.rate:g} on the inputs", "columns are lost, which nothing can replace")
                )
            if isinstance(each, BatchNorm | LayerNorm) and _since(before, (BatchNorm, LayerNorm), Dense):
                faults.append(("two normalisations follow one another", "the second undoes the first"))
        if not faults:
            return None
        said, why = faults[0]
        return self.found(
            f"In this network {said}.",
            f"{why[:1].upper()}{why[1:]}.",
            0.8,
            {"faults": len(faults)},
            remedies=_reordered(evidence) + change.dropout(evidence.recipe, None),
        )


def _since(before: tuple[object, ...], what: type | tuple[type, ...], stop: type) -> bool:
    """Whether a layer of a kind stands before, with no dense layer in between."""
    for each in reversed(before):
        if isinstance(each, what):
            return True
        if isinstance(each, stop):
            return False
    return False


def _reordered(evidence: Evidence) -> list[Remedy]:
    """The layers of every block as dense, normalisation, activation, dropout."""
    if not isinstance(evidence.recipe.model, Network):
        return []
    blocks: list[list[object]] = [[]]
    for each in evidence.recipe.model.layers:
        if isinstance(each, Dense):
            blocks.append([])
        blocks[-1].append(each)
    kept: list[object] = []
    for block in blocks:
        norms = [each for each in block if isinstance(each, BatchNorm | LayerNorm)][:1]
        drops = [each for each in block if isinstance(each, Dropout)]
        dense = [each for each in block if isinstance(each, Dense)]
        others = [each for each in block if isinstance(each, Activation)]
        kept += [*dense, *norms, *others, *(drops if dense else [])]
    return [Remedy("the usual order of layers", {"model.layers": tuple(kept)})]
