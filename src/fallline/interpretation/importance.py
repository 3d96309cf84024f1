"""Which columns a model relies on: how much worse it is when the cells of one column are shuffled among the rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from fallline.data.read_back import Cells
from fallline.interpretation.answers import Answered
from fallline.training.predictor import Predictor

ROWS = 2_000
REPEATS = 5
WORK = 4e9  # rows x parameters that are answered: well under a second on two cores
FEWEST = 100  # rows below which nothing can be told
BLOCK = 16_384  # rows that are answered at once


@dataclasses.dataclass(frozen=True)
class Importance:
    """How much worse a model is without what a column says, for every column of the source.

    Arguments:
        columns: the columns.
        features: number of features of each, which are shuffled together.
        loss: rise of the mean loss.
        loss_error: standard error of that, over rows and repeats.
        score: rise of the mean error: of the share of wrong rows, or of the absolute error in the target's unit.
        score_error: standard error of that.
        repeats: the rise of the mean loss in each repeat, (columns, repeats).
        rows: rows that were shuffled.
    """

    columns: tuple[str, ...]
    features: tuple[int, ...]
    loss: Float[np.ndarray, " columns"]
    loss_error: Float[np.ndarray, " columns"]
    score: Float[np.ndarray, " columns"]
    score_error: Float[np.ndarray, " columns"]
    repeats: Float[np.ndarray, "columns repeats"]
    rows: int

    @property
    def order(self) -> list[int]:
        """The columns' places, the most important first."""
        return [int(each) for each in np.argsort(-self.loss, kind="stable")]


def importance(
    model: Predictor, answered: Answered, cells: Sequence[Cells], work: float = WORK, seed: int = 0
) -> Importance | None:
    """Permutation importance of the columns of the source; None if there are too many for the work that is allowed.

        I_c = mean over rows and repeats of  loss(row with another row's cells of c) - loss(row)

    All features of a column move together, such as the levels of a category and the parts of a date.

    Arguments:
        model: the model.
        answered: its answers for the rows.
        cells: the columns of these rows.
        work: rows times parameters that may be answered; it determines the number of rows and repeats.
        seed: seed of the shuffles.

    Source: Breiman, "Random forests", 2001; Fisher, Rudin and Dominici, "All models are wrong, but many are useful", 2019.
    """
    size = max(model.size, 1)
    rows = int(min(ROWS, len(answered)))
    repeats = int(np.clip(work / (size * len(cells) * rows), 1, REPEATS))
    rows = int(min(rows, work / (size * len(cells) * repeats)))
    if rows < min(FEWEST, len(answered)) or len(answered) < 2:
        return None
    some = answered.some(rows)
    rises = np.zeros((len(cells), repeats, len(some)))
    worse = np.zeros_like(rises)
    for column, repeat, losses, errors in _shuffled(model, some, cells, repeats, seed):
        rises[column, repeat], worse[column, repeat] = losses - some.losses, errors - some.errors
    share = some.weight / some.weight.sum()
    loss, loss_error = _mean_and_error(rises, share)
    score, score_error = _mean_and_error(worse, share)
    names, features = tuple(each.name for each in cells), tuple(each.stop - each.start for each in cells)
    return Importance(names, features, loss, loss_error, score, score_error, rises @ share, len(some))


def _shuffled(
    model: Predictor, some: Answered, cells: Sequence[Cells], repeats: int, seed: int
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """(column, repeat, losses, errors) with the column's cells shuffled; several of them are answered at once."""
    draw = np.random.default_rng(seed)
    every = [(column, repeat) for column in range(len(cells)) for repeat in range(repeats)]
    at_once = max(1, BLOCK // len(some))
    for begin in range(0, len(every), at_once):
        part = every[begin : begin + at_once]
        x = np.tile(some.x, (len(part), 1)).reshape(len(part), *some.x.shape)
        for k, (column, _) in enumerate(part):
            place = slice(cells[column].start, cells[column].stop)
            x[k, :, place] = some.x[draw.permutation(len(some)), place]
        y = np.concatenate([some.y] * len(part))
        answer, losses = model.answer(x.reshape(-1, some.x.shape[1]), y)
        answers = answer.astype(np.float64).reshape(len(part), len(some), -1)
        each_loss = losses.astype(np.float64).reshape(len(part), len(some))
        for k, (column, repeat) in enumerate(part):
            yield column, repeat, each_loss[k], dataclasses.replace(some, answer=answers[k]).errors


def _mean_and_error(rises: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The weighted mean over rows and repeats, and its standard error over rows."""
    each = rises.mean(axis=1)
    mean = each @ share
    unit = max(float(np.abs(each).max(initial=0.0)), 1e-300)  # in which squares do not overflow
    return mean, unit * np.sqrt((((each - mean[:, None]) / unit) ** 2) @ share**2)
