"""Tables about the answers of a classification: confusion, scores of each class, curves, calibration, thresholds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.interpretation.answers import Answered
from fallline.interpretation.bootstrap import two_sided
from fallline.interpretation.confusion import class_scores, confusion_matrix
from fallline.interpretation.curves import Ranked, areas, precision_recall, ranked, roc, thinned
from fallline.interpretation.reliability import chance_error, reliability
from fallline.interpretation.tables import frame, frame_of_rows, stacked
from fallline.interpretation.thresholds import GRID, RATIOS, at_thresholds, best_f1, cheapest

if TYPE_CHECKING:
    import polars as pl

SIMULATED = 2_000  # rows of a simulation; of more, the error by chance is smaller by the root of their number
CURVES = 10  # most classes whose curves are kept, the commonest first


def class_tables(
    answered: Answered, names: Sequence[str], ratios: Sequence[float] = RATIOS
) -> tuple[dict[str, pl.DataFrame], float | None, float | None]:
    """(the tables, the expected calibration error, that of perfect probabilities) of a classification or of labels.

    Arguments:
        answered: answers for some rows.
        names: names of the classes or labels.
        ratios: costs of a missed positive in false alarms, for which the best thresholds are sought.
    """
    true, taken = two_sided(answered)
    counts = {k: ranked(answered.answer[:, k], true[:, k] > 0.5, answered.weight) for k in range(len(names))}
    tables = {"per_class": _per_class(answered, true, taken, names, counts)}
    if not answered.is_labels:
        tables["confusion"] = _confusion(answered, names)
    size = answered.weight @ true
    order = np.argsort(-size, kind="stable")[:CURVES]
    shown = [1] if _is_binary(answered) else sorted(order.tolist())
    both = {k: counts[k] for k in shown if counts[k].hits[-1] > 0 and counts[k].alarms[-1] > 0}
    tables["roc"] = stacked("roc", [_roc(names[k], each) for k, each in both.items()])
    tables["precision_recall"] = stacked("precision_recall", [_precision(names[k], each) for k, each in both.items()])
    ece = chance = None
    if answered.is_sure:
        probability, hit = _believed(answered)
        weight = np.repeat(answered.weight, len(hit) // len(answered))
        columns, ece = reliability(probability, hit, weight)
        some = np.linspace(0, len(hit) - 1, min(len(hit), SIMULATED)).astype(int)
        chance = chance_error(probability[some], weight[some]) * float(np.sqrt(len(some) / len(hit)))
        tables["reliability"] = frame("reliability", columns)
        if _is_binary(answered) or answered.is_labels:
            tables["thresholds"] = stacked("thresholds", [_thresholds(names[k], each) for k, each in both.items()])
            tables["costs"] = frame_of_rows(
                "costs", [row for k, each in both.items() for row in _costs(names[k], each, ratios)]
            )
    return tables, ece, chance


def _is_binary(answered: Answered) -> bool:
    return not answered.is_labels and answered.answer.shape[1] == 2


def _confusion(answered: Answered, names: Sequence[str]) -> pl.DataFrame:
    matrix = confusion_matrix(answered.truth, answered.answer.argmax(axis=1), len(names), answered.weight)
    true, predicted = np.nonzero(matrix)
    return frame("confusion", {"true": [names[int(k)] for k in true], "predicted": [names[int(k)] for k in predicted],
                               "rows": matrix[true, predicted]})  # fmt: skip


def _per_class(
    answered: Answered, true: np.ndarray, taken: np.ndarray, names: Sequence[str], counts: dict[int, Ranked]
) -> pl.DataFrame:
    w = answered.weight
    if answered.is_labels:
        pairs = [
            class_scores(confusion_matrix(a.astype(int), b.astype(int), 2, w))
            for a, b in zip(true.T, taken.T, strict=True)
        ]
        columns = {each: np.array([pair[each][1] for pair in pairs]) for each in pairs[0]}
    else:
        columns = class_scores(confusion_matrix(answered.truth, answered.answer.argmax(axis=1), len(names), w))
    both = np.array([areas(counts[k]) for k in range(len(names))])
    return frame("per_class", {"name": list(names), **columns, "auc": both[:, 0], "average_precision": both[:, 1]})


def _roc(name: str, counts: Ranked) -> pl.DataFrame:
    x, y, threshold = roc(counts)
    kept = thinned(x, y)
    threshold = np.where(np.isfinite(threshold), threshold, np.nan)
    columns = {"false_positive_rate": x[kept], "true_positive_rate": y[kept], "threshold": threshold[kept]}
    return frame("roc", {"name": [name] * len(kept), **columns})


def _precision(name: str, counts: Ranked) -> pl.DataFrame:
    recall, precision, threshold = precision_recall(counts)
    kept = thinned(recall, precision)
    columns = {"recall": recall[kept], "precision": precision[kept], "threshold": threshold[kept]}
    return frame("precision_recall", {"name": [name] * len(kept), **columns})


def _believed(answered: Answered) -> tuple[np.ndarray, np.ndarray]:
    """(probabilities, hits): of the second class of two, of the predicted class of several, of every label."""
    if answered.is_labels:
        return answered.answer.ravel(), (answered.truth > 0.5).astype(np.float64).ravel()
    if _is_binary(answered):
        return answered.answer[:, 1], answered.truth.astype(np.float64)
    return answered.answer.max(axis=1), 1.0 - answered.errors


def _thresholds(name: str, counts: Ranked) -> pl.DataFrame:
    best = best_f1(counts)
    columns = at_thresholds(counts, np.unique([*GRID, best]))
    return frame("thresholds", {"name": [name] * len(columns["threshold"]), **columns})


def _costs(name: str, counts: Ranked, ratios: Sequence[float]) -> Iterator[dict[str, Any]]:
    for ratio in ratios:
        yield {"name": name, "ratio": float(ratio), **cheapest(counts, float(ratio))._asdict()}
