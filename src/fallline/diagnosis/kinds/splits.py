"""The rows that train, validate and test: twins, drift, and validation rows too few to decide."""

from typing import ClassVar

import numpy as np

from fallline.diagnosis.base import Finding, Kind
from fallline.diagnosis.evidence import Evidence
from fallline.diagnosis.thresholds import limit


class Twins(Kind):
    """Held-out rows that are copies of training rows."""

    name: ClassVar[str] = "twins"
    title: ClassVar[str] = "duplicated rows across the split"
    subject: ClassVar[str] = "splits"
    measures: ClassVar[str] = (
        "the share of held-out rows that equal a training row, where equal rows are no coincidence"
    )
    severity: ClassVar[float] = 0.85
    needs: ClassVar[tuple[str, ...]] = ("split",)

    def judge(self, evidence: Evidence) -> Finding | None:
        split = evidence.split
        assert split is not None
        if split.twins < limit("twins") or split.distinct < limit("continuous") or split.twins * split.rows < 3:
            return None
        return self.found(
            f"{100 * split.twins:.0f} % of {split.rows:,} held-out rows equal a training row in every column and in the target, "
            f"although a column of the table has {100 * split.distinct:.0f} % distinct values.",
            "The table holds copies of rows, so the scores on validation and test rows are too good.",
            0.95,
            {"share": split.twins, "rows": split.rows},
            advice="Remove the copies, or split so that copies stay together, and train again.",
        )


class Drift(Kind):
    """Test rows that can be told from training rows."""

    name: ClassVar[str] = "drift"
    title: ClassVar[str] = "drift between training and test rows"
    subject: ClassVar[str] = "splits"
    measures: ClassVar[str] = "how well a linear model tells test rows from training rows"
    severity: ClassVar[float] = 0.7
    needs: ClassVar[tuple[str, ...]] = ("split",)
    explains: ClassVar[tuple[str, ...]] = ("overfits", "worse_than_baseline", "miscalibrated", "segment_missed")

    def judge(self, evidence: Evidence) -> Finding | None:
        split = evidence.split
        assert split is not None
        low = split.auc - 2.0 * split.auc_error
        if not np.isfinite(split.auc) or split.auc < limit("drift") or low < 0.5 + 0.6 * (limit("drift") - 0.5):
            return None
        return self.found(
            f"A linear model tells test rows from training rows with an AUC of {split.auc:.2f} (0.5 if they are alike), most of "
            f"all by column {split.tells!r}.",
            "Test rows come from another time, place or group than training rows.",
            0.9,
            {"auc": split.auc, "error": split.auc_error},
            advice="If later rows will look like the test rows, validate on such rows too, and drop columns that only tell time.",
        )


def _error_of(evidence: Evidence) -> str:
    """What a regression minimises, in words."""
    words = {"absolute_error": "mean absolute error", "squared_error": "mean squared error"}
    return words.get(evidence.recipe.loss.name, "loss")


class SmallValidation(Kind):
    """Validation rows too few to tell one epoch or recipe from another."""

    name: ClassVar[str] = "validation_small"
    title: ClassVar[str] = "validation set too small to decide"
    subject: ClassVar[str] = "splits"
    measures: ClassVar[str] = "the standard error of the validation score"
    severity: ClassVar[float] = 0.25

    def judge(self, evidence: Evidence) -> Finding | None:
        rows = evidence.rows.get("valid", 0)
        if not rows or "valid" not in evidence.metrics or evidence.outcome == "diverged":
            return None
        if evidence.task == "regression":
            error, bar = float(np.sqrt(5.0 / rows)), limit("valid_loss_error")
            said = f"The {_error_of(evidence)} on {rows} validation rows is known to about {100 * error:.0f} % only"
        else:
            p = float(np.clip(evidence.score("valid"), 1.0 / (rows + 2), 1.0 - 1.0 / (rows + 2)))
            error, bar = float(np.sqrt(p * (1 - p) / rows)), limit("valid_error")
            said = (
                f"The accuracy on {rows} validation rows, {100 * evidence.score('valid'):.1f} %, has a standard error of "
                f"{100 * error:.1f} points"
            )
        if error < bar:
            return None
        return self.found(
            f"{said}.",
            "Differences between epochs, recipes or seeds that are smaller than this are chance.",
            0.9,
            {"rows": rows, "error": error},
            advice="Compare recipes with folds (`fallline tune --folds 5`), or set aside more rows (--valid 0.2).",
        )
