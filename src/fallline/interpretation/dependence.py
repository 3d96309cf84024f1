"""How the answer changes with one column while all others stay as they are: partial dependence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.data.read_back import OTHER, Cells, with_cell
from fallline.interpretation.answers import Answered
from fallline.training.predictor import Predictor

ROWS = 200
POINTS = 12
COLUMNS = 4
ANSWERS = 4  # most classes or targets that are followed: those that change most


def dependence(
    model: Predictor, answered: Answered, cells: Sequence[Cells], names: Sequence[str], answers: Sequence[str]
) -> list[dict[str, Any]]:
    """The mean answer for some rows when every one of them has the same value of a column.

        f_c(v) = mean over rows of  answer(row with column c = v)

    Values that do not occur together in the table are combined too: with columns that go together, trust the middle.

    Arguments:
        model: the model.
        answered: rows and their answers.
        cells: the columns of these rows.
        names: the columns to vary; dates and texts are left out.
        answers: names of the model's outputs; of two classes the second is followed.

    Source: Friedman, "Greedy function approximation: a gradient boosting machine", 2001.
    """
    some = answered.some(ROWS)
    varied = {each.name: each for each in cells}
    outputs = [1] if some.truth.ndim == 1 and len(answers) == 2 else list(range(len(answers)))
    share = some.weight / some.weight.sum()
    rows: list[dict[str, Any]] = []
    for name in [each for each in names if varied[each].column.kind not in ("date", "text")][:COLUMNS]:
        places = _places(varied[name])
        if len(places) < 2:
            continue
        x = np.concatenate([with_cell(some.x, varied[name], value) for value, _ in places])
        answer = model.answer(x)[0].astype(np.float64).reshape(len(places), len(some), -1)
        means = np.einsum("prk,r->pk", answer, share)
        moved = np.ptp(means[:, outputs], axis=0)
        followed = sorted(outputs[k] for k in np.argsort(-moved, kind="stable")[:ANSWERS].tolist())
        for (value, label), mean in zip(places, means, strict=True):
            number = None if label else float(value)
            rows += [{"column": name, "place": number, "label": label or None, "answer": answers[k],
                      "value": float(mean[k])} for k in followed]  # fmt: skip
    return rows


def _places(cells: Cells) -> list[tuple[float, str]]:
    """The values at which a column is tried: quantiles of a number, or the levels that occur."""
    if cells.numbers is not None:
        known = cells.numbers[~cells.missing]
        if not len(known):
            return []
        distinct = np.unique(known)
        if len(distinct) > POINTS:
            distinct = np.unique(np.quantile(known, np.linspace(0.02, 0.98, POINTS)))
        return [(float(each), "") for each in distinct]
    assert cells.codes is not None
    counts = np.bincount(cells.codes, minlength=len(cells.levels))
    shown = [k for k in np.argsort(-counts, kind="stable").tolist() if counts[k] and cells.levels[k] != OTHER]
    return [(float(k), cells.levels[k]) for k in shown[:POINTS]]
