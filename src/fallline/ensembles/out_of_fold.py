"""The honest score of a bag: every row is scored by the network that was not trained on it."""

from collections.abc import Sequence

import numpy as np

from fallline.data.table import Table
from fallline.metrics import exactly, metrics_of
from fallline.training.predictor import Predictor


def out_of_fold(members: Sequence[Predictor], folds: Sequence[np.ndarray], table: Table) -> dict[str, float]:
    """Loss and metrics of the answers that each member gives for its own fold, over all folds together.

    Each fold has also chosen the epoch of its member, so that the score is a little better than on new rows.

    Arguments:
        members: the networks.
        folds: the rows that each of them was not trained on.
        table: the data.
    """
    data, target = table.dataset, table.schema.target
    rows = np.concatenate(list(folds))
    w = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    if not w.any():
        return {}
    y = target.condition(data.given)
    answers, losses = zip(
        *(each.answer(data.x, y, fold) for each, fold in zip(members, folds, strict=True)), strict=True
    )
    wanted = data.given[rows] if table.task == "classification" else data.given[rows].astype(np.float64)
    answer = np.concatenate(answers).astype(np.float64)
    found = {"loss": float(np.concatenate(losses).astype(np.float64) @ w / w.sum())}
    return found | {each.name: exactly(each, answer, wanted, w) for each in metrics_of(table.task)}
