"""The end of a run, and how good it is beside simple models."""

from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind, Remedy
from fallline.diagnosis.curve import LEAST, smoothed, still_improving
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.outlook import outlook_of
from fallline.diagnosis.thresholds import limit


class StoppedEarly(Kind):
    """A run that ended while its validation loss was still falling."""

    name: ClassVar[str] = "stopped_early"
    title: ClassVar[str] = "stopped too early"
    subject: ClassVar[str] = "length"
    measures: ClassVar[str] = (
        "the trend of the losses over the last quarter, and the epoch of the least validation loss"
    )
    severity: ClassVar[float] = 0.6
    explains: ClassVar[tuple[str, ...]] = (
        "underfits", "worse_than_baseline", "never_predicted", "imbalance", "miscalibrated", "segment_missed", "few_steps",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        curve = evidence.curve
        if evidence.outcome in ("diverged",) or evidence.recipe.optimizer.full_batch or not curve.epochs:
            return None
        if evidence.outcome == "stopped_early":
            return self._impatient(evidence)
        judged = curve.valid if len(curve.valid) else curve.train
        falls = still_improving(judged, limit("still"), limit("still_t"))
        falls = falls and still_improving(curve.train, limit("still"), 0.5 * limit("still_t"))
        late = int(np.nanargmin(judged)) + 1 > 0.9 * curve.epochs
        if not (falls and late):
            return self._short(evidence, judged)
        left = float(judged[-1]) / max(evidence.constant_loss or float(judged[0]), 1e-30)
        end = curve.valid_end if len(curve.valid) else curve.train_end
        if falls and left * end.fall < limit("still_worth"):
            return None  # what the last quarter gained is nothing beside what was gained before
        return self.found(
            f"Over the last quarter of {curve.epochs} epochs the {'validation' if len(curve.valid) else 'training'} loss fell by "
            f"{100 * end.fall:.3g} %, {min(end.t, 99):.0f} times its standard error, and its least value is in epoch "
            f"{int(np.nanargmin(judged)) + 1}.",
            "The run ended before it had settled.",
            0.9 if end.fall > 2 * limit("still") else 0.7,
            {"fall": end.fall, "t": end.t, "epochs": curve.epochs, "best_epoch": evidence.best_epoch},
            epoch=curve.epochs,
            remedies=change.longer(evidence.recipe, 3.0, 6.0) + change.rates(evidence.recipe, 3.0),
            columns=("train_loss", "valid_loss"),
        )

    def _short(self, evidence: Evidence, judged: Float[np.ndarray, " epochs"]) -> Finding | None:
        """Fewer epochs than a trend needs, each of which was better than the one before."""
        curve = evidence.curve
        if not 2 <= curve.epochs < LEAST or not bool((np.diff(judged) < 0).all()):
            return None
        last = 1.0 - float(judged[-1]) / float(judged[-2])
        outlook = outlook_of(judged)  # the last epochs of a schedule that ends at zero gain little
        if last < limit("still") and outlook is None and not evidence.poor:
            return None
        promise = f" The run was {outlook.sentence}." if outlook else ""
        return self.found(
            f"Every epoch lowered the {'validation' if len(curve.valid) else 'training'} loss, the last of {curve.epochs} by "
            f"{100 * last:.3g} %.{promise}",
            "The run ended before it had settled.",
            0.9 if last > 2 * limit("still") else 0.7,
            {"fall": last, "epochs": curve.epochs, "best_epoch": evidence.best_epoch},
            epoch=curve.epochs,
            remedies=change.longer(evidence.recipe, 3.0, 6.0) + change.rates(evidence.recipe, 3.0),
            columns=("train_loss", "valid_loss"),
        )

    def _impatient(self, evidence: Evidence) -> Finding | None:
        """Early stopping after a few epochs of a training loss that still falls steeply."""
        curve, patience = evidence.curve, evidence.recipe.patience
        if patience is None or float(patience) > 5 or curve.epochs > 0.5 * float(evidence.recipe.epochs):
            return None
        falls = smoothed(curve.train, 3)
        steep = len(falls) >= 3 and falls[-1] < 0.97 * falls[max(0, len(falls) - 4)]
        above = float(curve.train[-1]) > 0.1 * (evidence.constant_loss or float(curve.train[0]))
        if not (steep and above and evidence.poor):
            return None
        return self.found(
            f"Early stopping ended the run after {curve.epochs} of {int(evidence.recipe.epochs)} epochs, with a patience of "
            f"{int(patience)}, while the training loss was still falling.",
            "The validation loss moves by chance, and a patience this short takes that for the end of progress.",
            0.8,
            {"epochs": curve.epochs, "patience": float(patience)},
            epoch=curve.epochs,
            remedies=[Remedy("a patience of 20 epochs", {"patience": 20})],
            columns=("train_loss", "valid_loss"),
        )


class WorseThanBaseline(Kind):
    """A model that is no better than the mean, the largest class or a linear model."""

    name: ClassVar[str] = "worse_than_baseline"
    title: ClassVar[str] = "worse than a simple model"
    subject: ClassVar[str] = "result"
    measures: ClassVar[str] = "the skill beside that of a constant answer (mean, largest class) and of a linear model"
    severity: ClassVar[float] = 0.75
    explains: ClassVar[tuple[str, ...]] = ("never_predicted", "bounded_target")

    def judge(self, evidence: Evidence) -> Finding | None:
        if not evidence.skills or not evidence.learnt:
            return None
        split = evidence.scored_on
        own, constant = evidence.skill(split), evidence.skills.get("constant", 0.0)
        linear = evidence.skills.get("linear", -np.inf)
        error = evidence.skill_error(split)
        if not np.isfinite(own):
            return None
        below_constant = own <= constant + 0.02
        # Both answer the same rows, so their difference has a smaller error than each of them.
        below_linear = linear > own + max(0.03, 1.5 * error) and linear > constant
        if not below_constant and not below_linear:
            return None
        if below_constant and linear < constant + 0.05 and evidence.skills.get("forest", -np.inf) < constant + 0.05:
            cause, sure = "The columns may say nothing of the target: simple models find nothing either.", 0.7
        else:
            cause, sure = "Simple models find in the columns what the network does not.", 0.9
        bar = "a constant answer" if below_constant else "a linear model"
        value = constant if below_constant else linear
        return self.found(
            f"On {evidence.count(split)} {'held-out' if split == 'held' else 'training'} rows the model has a skill of "
            f"{own:.3f} and {bar} has {value:.3f} (1 is perfect, 0 is the constant's); a linear model reaches "
            f"{linear if np.isfinite(linear) else float('nan'):.3f}.",
            cause,
            sure,
            {"model": own, **dict(evidence.skills.items()), "error": error},
            remedies=change.longer(evidence.recipe)
            + change.usual_rate(evidence.recipe)
            + change.penalty(evidence.recipe, 1e-2)
            + change.narrower(evidence.recipe)
            + change.dropout(evidence.recipe, 0.3),
        )
