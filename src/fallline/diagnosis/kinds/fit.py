"""How well the run fits: too closely, not enough, and which part of the recipe holds it back."""

from typing import ClassVar

import numpy as np

from fallline.core.block import walk
from fallline.diagnosis import remedies as change
from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.curve import smoothed, still_improving
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.thresholds import limit
from fallline.layers import Dropout


class Overfits(Kind):
    """Validation gets worse while training gets better."""

    name: ClassVar[str] = "overfits"
    title: ClassVar[str] = "overfitting"
    subject: ClassVar[str] = "fit and regularisation"
    measures: ClassVar[str] = (
        "when the validation loss is least, how far it rises afterwards, and the gap to the training rows"
    )
    severity: ClassVar[float] = 0.7
    explains: ClassVar[tuple[str, ...]] = ("miscalibrated", "worse_than_baseline", "segment_missed")

    def judge(self, evidence: Evidence) -> Finding | None:
        curve = evidence.curve
        if len(curve.valid) < 8 or evidence.outcome == "diverged":
            return None
        gap = evidence.skill("train") - evidence.skill("valid")
        error = evidence.skill_error("valid")
        rises = curve.rise > limit("overfit_rise") and curve.train[-1] < curve.train[max(curve.least - 1, 0)]
        kept_late = evidence.best_epoch > curve.least + 2  # the kept weights are those of a worse epoch
        early = curve.least <= max(2, 0.3 * curve.epochs) and curve.train[-1] < 0.5 * (evidence.constant_loss or 2.0)
        wide = gap > max(limit("overfit_gap"), 2.0 * error)
        # Early stopping that keeps the best epoch has cured it, unless the gap is wide from early on.
        if not rises or not (kept_late or (wide and early)):
            return None
        if not kept_late and not self._unsettled(evidence):
            return None
        valid = smoothed(curve.valid)
        return self.found(
            f"The validation loss is least in epoch {curve.least} ({change.short(float(np.nanmin(valid)))}) and "
            f"{100 * curve.rise:.0f} % higher at the end, while the training loss still falls. At the kept weights, training and "
            f"validation skill differ by {gap:.2f}.",
            f"From epoch {curve.least} on the network learns its {evidence.rows.get('train', 0):,} training rows by heart.",
            0.9 if kept_late and wide else 0.7,
            {"begins": curve.least, "rise": curve.rise, "gap": gap},
            epoch=curve.least,
            remedies=(change.kept_best(evidence.recipe) if kept_late else [])
            + change.dropout(evidence.recipe, 0.3)
            + change.penalty(evidence.recipe, 1e-2)
            + change.narrower(evidence.recipe),
            advice="More training rows help most.",
            columns=("train_loss", "valid_loss"),
        )

    def _unsettled(self, evidence: Evidence) -> bool:
        """Whether simple models do as well: then the gap is the network's and not the noise of the task."""
        best = max((value for value in evidence.skills.values() if np.isfinite(value)), default=-np.inf)
        return evidence.skill("valid") < best + evidence.skill_error("valid")


def behind(evidence: Evidence) -> float:
    """Skill that the run's training rows lack beside simple models' held-out rows, beyond two standard errors."""
    best = max(
        (value for name, value in evidence.skills.items() if name != "constant" and np.isfinite(value)), default=0.0
    )
    own = evidence.skill("train")
    return float(best - own - 2.0 * evidence.skill_error(evidence.scored_on)) if np.isfinite(own) else 0.0


def fits_too_little(evidence: Evidence) -> bool:
    """Whether even the training rows are fitted worse than simple models fit rows that they have not seen."""
    gap = evidence.skill("train") - evidence.skill(evidence.scored_on)
    close = gap < limit("small_gap") + 2.0 * evidence.skill_error(evidence.scored_on)
    return behind(evidence) > limit("behind") and close and evidence.outcome != "diverged"


def held_back(evidence: Evidence) -> bool:
    """Whether the training loss at the kept weights lies far above what simple models' skill on other rows suggests."""
    constant, own = evidence.constant_loss, evidence.metrics.get("train", {}).get("loss", np.nan)
    best = max((value for value in evidence.skills.values() if np.isfinite(value)), default=0.0)
    if not constant or not np.isfinite(own):
        return False
    return bool(own / constant > max(0.25, 1.0 - best + 0.1))


def largest_dropout(evidence: Evidence) -> float:
    """The largest dropout rate of the network; 0 without dropout."""
    rate = getattr(evidence.recipe.model, "dropout", None)
    rates = [rate] if isinstance(rate, int | float | np.number) else []
    rates += [each.rate for _, _, each in walk(evidence.recipe.model) if isinstance(each, Dropout)]
    return max((float(each) for each in rates if isinstance(each, int | float | np.number)), default=0.0)


def penalty_share(evidence: Evidence) -> float:
    """Share of the last objective that the penalty is."""
    objective = np.asarray(evidence.history.get("train_objective", []), np.float64)
    loss = evidence.curve.train
    if evidence.recipe.penalty is None or not len(objective) or not objective[-1] > 0:
        return 0.0
    return float((objective[-1] - loss[-1]) / objective[-1])


class StrongPenalty(Kind):
    """A penalty that is a large part of the objective of a run that fits too little."""

    name: ClassVar[str] = "penalty_strong"
    title: ClassVar[str] = "too much regularisation: the penalty"
    subject: ClassVar[str] = "fit and regularisation"
    measures: ClassVar[str] = "the penalty's share of the final objective, and the fit of the training rows"
    severity: ClassVar[float] = 0.85
    explains: ClassVar[tuple[str, ...]] = (
        "underfits", "worse_than_baseline", "never_predicted", "imbalance", "vanishing", "few_steps", "stopped_early",
        "miscalibrated", "segment_missed", "noisy_batch", "dying", "rate_low", "rate_oscillates", "as_numbers",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        # A small penalty is a large share of the objective where weights have run away: then it is not the cause.
        share = penalty_share(evidence) if strength(evidence) >= limit("penalty_least") else 0.0
        bounded = (
            getattr(evidence.recipe.penalty, "name", "") == "max_norm" and float(evidence.recipe.penalty.limit) < 0.3
        )
        collapsed = evidence.skill("train") < 0.05 and share > 0.0 and strength(evidence) > 0.02
        poor = evidence.poor and (fits_too_little(evidence) or evidence.skill("train") < 0.3)
        if not (poor or held_back(evidence)) or evidence.outcome == "diverged":
            return None
        if share < limit("penalty_share") and not bounded and not collapsed:
            return None
        what = "bounds the weights" if bounded else f"is {100 * share:.0f} % of the final objective"
        name = evidence.recipe.penalty.name
        return self.found(
            f"The penalty {name} {what}, and the training rows are fitted with a skill of only {evidence.skill('train'):.2f}.",
            f"The {name} penalty keeps the weights too small to fit the rows.",
            0.9,
            {"share": share, "train_skill": evidence.skill("train")},
            remedies=change.penalty(evidence.recipe, 1e-4, 0.0),
            columns=("train_loss", "train_objective"),
        )


def strength(evidence: Evidence) -> float:
    """The largest strength of the penalty."""
    sizes = (
        [float(v) for path, _, v in walk(evidence.recipe.penalty) if path.endswith("strength")]
        if evidence.recipe.penalty
        else []
    )
    return max(sizes, default=0.0)


class StrongDropout(Kind):
    """A dropout rate that leaves too few units to learn with."""

    name: ClassVar[str] = "dropout_strong"
    title: ClassVar[str] = "too much regularisation: dropout"
    subject: ClassVar[str] = "fit and regularisation"
    measures: ClassVar[str] = "the dropout rate, and the training loss with and without dropout"
    severity: ClassVar[float] = 0.85
    explains: ClassVar[tuple[str, ...]] = (
        "underfits", "worse_than_baseline", "never_predicted", "imbalance", "few_steps", "stopped_early", "miscalibrated",
        "segment_missed", "noisy_batch", "rate_oscillates", "dying", "rate_jumps", "rate_low",
    )  # fmt: skip

    def judge(self, evidence: Evidence) -> Finding | None:
        rate = largest_dropout(evidence)
        if rate <= limit("dropout_high") or evidence.outcome == "diverged":
            return None
        if not (evidence.poor or held_back(evidence)):
            return None
        noisy, quiet = float(evidence.curve.train[-1]), evidence.metrics.get("train", {}).get("loss", np.nan)
        return self.found(
            f"Dropout leaves out {100 * rate:.0f} % of the units at every step. The training loss is {change.short(noisy)} with "
            f"dropout and {change.short(quiet)} without, and the training rows are fitted with a skill of "
            f"{evidence.skill('train'):.2f}.",
            "Too few units remain at each step to represent what the network should learn.",
            0.9,
            {"rate": rate, "with": noisy, "without": float(quiet)},
            remedies=change.dropout(evidence.recipe, 0.1) + change.dropout(evidence.recipe, None),
            columns=("train_loss", "valid_loss"),
        )


class Underfits(Kind):
    """A network too small for what simple models find in the data."""

    name: ClassVar[str] = "underfits"
    title: ClassVar[str] = "too small a network"
    subject: ClassVar[str] = "fit and regularisation"
    measures: ClassVar[str] = "the skill on the training rows beside a forest's and a linear model's on held-out rows"
    severity: ClassVar[float] = 0.65
    explains: ClassVar[tuple[str, ...]] = (
        "worse_than_baseline",
        "never_predicted",
        "segment_missed",
        "imbalance",
        "miscalibrated",
    )

    def judge(self, evidence: Evidence) -> Finding | None:
        hidden = getattr(evidence.recipe.model, "hidden", None)
        if not evidence.skills or not fits_too_little(evidence):
            return None
        small = hidden is None or min(hidden, default=0) <= 16
        if still_improving(evidence.curve.train, limit("still"), limit("still_t")) and not small:
            return None
        best = max(evidence.skills, key=lambda name: evidence.skills[name])
        units = f"hidden layers of {', '.join(map(str, hidden)) or 'no'} units" if hidden is not None else "its layers"
        return self.found(
            f"With {units} the training rows are fitted with a skill of {evidence.skill('train'):.2f}; the {best} model reaches "
            f"{evidence.skills[best]:.2f} on rows that it has not seen.",
            "The network has too few units to represent what the data hold."
            if small
            else "The network fits too little.",
            0.8 if small else 0.45,
            {"train_skill": evidence.skill("train"), "rival": evidence.skills[best]},
            remedies=change.wider(evidence.recipe)
            + change.longer(evidence.recipe)
            + change.dropout(evidence.recipe, None),
            columns=("train_loss", "valid_loss"),
        )
