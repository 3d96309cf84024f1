"""The learning rate: too high, too low, or gone before the run was over."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind, Remedy
from fallline.diagnosis.curve import trend
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.kinds.consequences import POOR
from fallline.diagnosis.thresholds import limit


def largest_ratio(evidence: Evidence, pick: str = "max") -> float:
    """The largest update:weight ratio over layers, at its highest or median epoch; NaN where it was not recorded."""
    columns = [np.asarray(each, np.float64) for each in evidence.by_layer("update_ratio").values()]
    columns = [each[np.isfinite(each)] for each in columns]
    columns = [each for each in columns if len(each)]
    if not columns:
        return float("nan")
    return float(max(each.max() if pick == "max" else np.median(each) for each in columns))


class Diverged(Kind):
    """The loss or its gradient left all bounds, although data and initial weights were in order."""

    name: ClassVar[str] = "rate_diverges"
    title: ClassVar[str] = "learning rate too high: the run diverged"
    subject: ClassVar[str] = "learning rate"
    measures: ClassVar[str] = "whether the loss stayed within bounds, and the updates beside the weights"
    severity: ClassVar[float] = 1.0
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "rate_jumps",
        "rate_oscillates",
        "exploding",
        "dying",
        "saturated",
        "overfits",
        "non_finite",
        "vanishing",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        curve = evidence.curve
        last = curve.train[-1] if curve.epochs else np.nan
        start = evidence.constant_loss or (curve.train[0] if curve.epochs else np.nan)
        far = curve.epochs > 0 and not last < 1e3 * max(start, 1e-30)
        blown = evidence.outcome == "diverged" or far
        if not blown or (evidence.opening is not None and not np.isfinite(evidence.opening.loss)):
            return None
        rate = change.rate_of(evidence.recipe)
        numbers = {"epoch": max(curve.epochs, 1), "loss": last, "update_ratio": largest_ratio(evidence)}
        numbers |= {"learning_rate": rate[1]} if rate else {}
        said = f"The loss left all bounds in epoch {max(curve.epochs, 1)}, after {evidence.steps} updates"
        said += f", with a learning rate of {change.short(rate[1])}." if rate else "."
        return self.found(
            said,
            "The steps are longer than the loss surface allows, so each one makes the loss larger.",
            0.95 if rate else 0.6,
            numbers,
            epoch=max(curve.epochs, 1),
            remedies=change.slower(evidence.recipe) + change.clipped(evidence.recipe),
            columns=("train_loss", "valid_loss"),
        )


class Jumps(Kind):
    """The first epochs threw the network far away, and it never came back."""

    name: ClassVar[str] = "rate_jumps"
    title: ClassVar[str] = "learning rate too high: a jump at the beginning that never recovers"
    subject: ClassVar[str] = "learning rate"
    measures: ClassVar[str] = "the largest training loss of the first epochs and the least one after them"
    severity: ClassVar[float] = 0.95
    explains: ClassVar[tuple[str, ...]] = (
        *POOR,
        "dying",
        "saturated",
        "rate_oscillates",
        "exploding",
        "vanishing",
        "rate_low",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        curve, constant = evidence.curve, evidence.constant_loss
        if curve.epochs < 3 or constant is None or evidence.outcome == "diverged":
            return None
        early = curve.train[: max(3, curve.epochs // 10)]
        killed = self._killed(evidence)
        if killed is not None:
            return killed
        jump, least = float(np.nanmax(early)) / constant, float(np.nanmin(curve.train)) / constant
        start = evidence.opening.loss / constant if evidence.opening is not None else 1.0
        moved = largest_ratio(evidence)
        high = not moved < limit("ratio_jump")
        if jump < limit("jump") or least < limit("recovered") or start > 0.8 * jump or not high:
            return None
        epoch = int(np.nanargmax(early)) + 1
        return self.found(
            f"In epoch {epoch} the training loss was {change.short(jump)} times that of a constant answer, and it never fell "
            f"below {change.short(least)} times it; an update changed a layer's weights by up to {100 * moved:.3g} %.",
            "The first steps were so long that they drove the units into their flat parts.",
            0.9,
            {"jump": jump, "least": least, "update_ratio": moved},
            epoch=epoch,
            remedies=change.slower(evidence.recipe) + change.clipped(evidence.recipe),
            columns=("train_loss", "valid_loss"),
        )

    def _killed(self, evidence: Evidence) -> Finding | None:
        """Nearly all units of a layer died within the first epochs of long steps."""
        # Dead units do not move, so the updates that killed them may not have been recorded.
        moved, times = largest_ratio(evidence), change.times_usual(evidence.recipe)
        first = max(3, evidence.curve.epochs // 10)
        if not (moved > limit("ratio_jump") or times > limit("rate_far")) or not evidence.poor:
            return None
        alive = evidence.opening is None or float(np.max(evidence.opening.dead, initial=0.0)) < limit("dead_poor")
        for layer, column in evidence.by_layer("dead").items():
            share = float(np.nanmax(np.asarray(column[:first], np.float64), initial=0.0))
            if alive and share >= limit("killed") and float(column[-1]) >= limit("dead_poor"):
                return self.found(
                    f"Within {first} epochs {100 * share:.0f} % of the units after {layer} stopped passing a gradient. The "
                    f"learning rate is {change.short(times)} times the rule's usual one, and an update changed a layer's "
                    f"weights by up to {100 * moved:.3g} %.",
                    "The first steps were so long that they pushed the units below every input, where they stay.",
                    0.9,
                    {"dead": share, "update_ratio": moved, "times_usual": times},
                    epoch=1,
                    remedies=change.slower(evidence.recipe) + change.clipped(evidence.recipe),
                    columns=(f"{layer}.dead", "train_loss"),
                )
        return None


class Oscillates(Kind):
    """The training loss goes up and down from epoch to epoch while the updates are large."""

    name: ClassVar[str] = "rate_oscillates"
    title: ClassVar[str] = "learning rate too high: the loss oscillates"
    subject: ClassVar[str] = "learning rate"
    measures: ClassVar[str] = (
        "how far the training loss moves between neighbouring epochs, and the updates beside the weights"
    )
    severity: ClassVar[float] = 0.8
    explains: ClassVar[tuple[str, ...]] = (*POOR, "dying", "saturated", "exploding")

    def judge(self, evidence: Evidence) -> Finding | None:
        curve, constant = evidence.curve, evidence.constant_loss
        if curve.epochs < 10 or evidence.outcome == "diverged":
            return None
        scale = constant or abs(float(curve.train[0]))
        rough, ratio = curve.rough / max(scale, 1e-30), largest_ratio(evidence, "median")
        if rough < limit("rough") or ratio < limit("ratio_high"):
            return None
        return self.found(
            f"From one epoch to the next the training loss moves by {100 * rough:.3g} % of a constant answer's loss, and a "
            f"usual update changes a layer's weights by {100 * ratio:.3g} %; about 0.1 % is usual.",
            "The steps jump from one side of the valley to the other.",
            0.6 + min(rough, 0.3),
            {"roughness": rough, "update_ratio": ratio},
            epoch=curve.epochs // 2,
            remedies=change.slower(evidence.recipe)
            + change.decaying(evidence.recipe)
            + change.batches(evidence.recipe, 4 * int(evidence.recipe.batch_size)),
            columns=("train_loss", "valid_loss"),
        )


class TooLow(Kind):
    """Every update is tiny, and the loss is still falling when the run ends."""

    name: ClassVar[str] = "rate_low"
    title: ClassVar[str] = "learning rate too low"
    subject: ClassVar[str] = "learning rate"
    measures: ClassVar[str] = "the largest update beside its weights, and whether the loss still falls at the end"
    severity: ClassVar[float] = 0.85
    explains: ClassVar[tuple[str, ...]] = (*POOR, "vanishing", "first_loss")

    def judge(self, evidence: Evidence) -> Finding | None:
        curve, ratio = evidence.curve, largest_ratio(evidence)
        rate = change.rate_of(evidence.recipe)
        if curve.epochs < 5 or rate is None or evidence.recipe.optimizer.full_batch or evidence.outcome == "diverged":
            return None
        kept = float(curve.train[-1]) / float(curve.train[0]) if curve.train[0] else 0.0
        end = trend(curve.train)
        falls = end.t > 2.0 or curve.epochs < 8
        tiny = ratio < limit("ratio_low")
        still = kept > limit("loss_left")  # hardly anything was learnt, and noise may hide that the loss falls
        if not tiny or kept < 0.3 or not (falls or still or evidence.poor):
            return None
        return self.found(
            f"No update changed a layer's weights by more than {100 * ratio:.2g} %; about 0.1 % is usual. After "
            f"{evidence.steps} updates the training loss is still {100 * kept:.0f} % of its first value.",
            "The steps are too short to get anywhere in this number of epochs.",
            0.9 if ratio < 0.3 * limit("ratio_low") or evidence.poor else 0.6,
            {"update_ratio": ratio, "loss_left": kept, "learning_rate": rate[1]},
            epoch=curve.epochs,
            remedies=change.faster(evidence.recipe) + change.adam(evidence.recipe),
            columns=("train_loss", "valid_loss"),
        )


class Decayed(Kind):
    """The schedule took the learning rate to nothing while the loss was still falling."""

    name: ClassVar[str] = "schedule_ended"
    title: ClassVar[str] = "schedule ended while the loss was falling"
    subject: ClassVar[str] = "learning rate"
    measures: ClassVar[str] = "the epoch at which the learning rate is spent, and the trend of the loss before it"
    severity: ClassVar[float] = 0.75
    explains: ClassVar[tuple[str, ...]] = (*POOR, "rate_low", "vanishing")

    def judge(self, evidence: Evidence) -> Finding | None:
        rate = np.asarray(evidence.history.get("learning_rate", []), np.float64)
        train = evidence.curve.train
        if len(rate) < 8 or not np.isfinite(rate).all() or rate.max() <= 0:
            return None
        spent = rate < limit("decayed") * rate.max()
        # Spent for good: the rate stays this low until the end.
        first = len(rate) - int(np.argmin(spent[::-1])) if spent[-1] else len(rate)
        if spent.all() or first > limit("decayed_by") * len(rate) or first < 2:
            return None
        before = train[max(0, first - max(8, first // 2)) : first]
        fall = float(before[0] - before[-1]) / max(abs(float(before[-1])), 1e-30) if len(before) > 1 else 0.0
        if fall < 0.05 or not (evidence.poor or float(train[-1]) > 0.05 * (evidence.constant_loss or train[0])):
            return None
        return self.found(
            f"From epoch {first + 1} of {len(rate)} on the learning rate is below {100 * limit('decayed'):.0f} % of its highest "
            f"value. In the epochs before, the training loss had fallen by {100 * fall:.3g} % of its value there.",
            "The schedule is too short for this run: the rate was spent before the loss had settled.",
            0.85,
            {"spent_at": first + 1, "fall_before": fall, "epochs": len(rate)},
            epoch=first + 1,
            remedies=_whole_run(evidence),
            columns=("learning_rate", "train_loss"),
        )


def _whole_run(evidence: Evidence) -> list[Remedy]:
    """A cosine over the whole run in place of the schedule."""
    from fallline.schedules import Cosine

    found = change.rate_of(evidence.recipe)
    if found is None:
        return []
    path, peak = found
    path = path.rpartition(".")[0] if not path.endswith(".learning_rate") else path
    return [Remedy("a cosine over the whole run", {path: Cosine(peak, warmup=0.05)})]
