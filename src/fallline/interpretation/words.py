"""An interpretation in sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

SPLITS = {"test": "test", "valid": "validation", "train": "training"}
METRICS = {"accuracy": "accuracy", "rmse": "RMSE"}
SEGMENTS = 2  # most segments that are named


def sentence_against(against: pl.DataFrame, names: Mapping[str, str], split: str) -> list[str]:
    """Whether the model is better than the simple ones, by its first metric on the same rows.

    >>> from fallline.interpretation.tables import frame
    >>> table = frame("against", {"baseline": ["constant"], "metric": ["rmse"], "gain": [-0.1], "low": [-0.2], "high": [-0.05]})
    >>> print(*sentence_against(table, {"constant": "the mean"}, "test"))
    On the test rows the mean is better than this model: its RMSE is lower by 0.1 (95 % interval 0.05 to 0.2).
    """
    found = []
    for baseline, metric, gain, low, high in against.iter_rows():
        name, score = names[baseline], METRICS.get(metric, metric)
        if gain is None or low is None or high is None:
            continue
        word = "lower" if metric == "rmse" else "higher"
        ends = f"95 % interval {min(abs(low), abs(high)):.2g} to {max(abs(low), abs(high)):.2g}"
        if low > 0:
            said = f"this model is better than {name}: its {score} is {word} by {gain:.3g} ({ends})."
        elif high < 0:
            said = f"{name} is better than this model: its {score} is {word} by {-gain:.3g} ({ends})."
        else:
            said = (
                f"this model and {name} cannot be told apart: the difference in {score} is {gain:+.3g} "
                f"(95 % interval {low:+.2g} to {high:+.2g})."
            )
        found.append(f"On the {split} rows {said}")
    return found


def sentence_of_segments(segments: pl.DataFrame, task: str) -> list[str]:
    """The segments in which the model errs more than elsewhere."""
    weak = segments.filter(segments["differs"] & ~segments["better"]).sort("difference", descending=True)
    found = []
    for row in weak.head(SEGMENTS).iter_rows(named=True):
        where = f"Where {row['column']} is {row['segment']} ({row['rows']:,} rows)"
        if task == "regression":
            found.append(f"{where} the mean error is {row['error']:.3g}, elsewhere {row['rest']:.3g}.")
        else:
            found.append(f"{where} {100 * row['error']:.0f} % are wrong, elsewhere {100 * row['rest']:.0f} %.")
    return found
