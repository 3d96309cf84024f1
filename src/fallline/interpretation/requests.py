"""What only more trainings can say: columns left out, fewer rows, shuffled targets, groups left out; all as populations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.read_back import cells_of
from fallline.data.split import folds as cut
from fallline.data.table import Table
from fallline.diagnosis.facts import targets_of
from fallline.interpretation.tables import frame
from fallline.metrics import exactly, metrics_of
from fallline.population import evaluate
from fallline.training.recipe import Recipe

if TYPE_CHECKING:
    import polars as pl

FOLDS = 3
SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)  # of the training rows, for a learning curve
SHUFFLES = 19  # so that the smallest p-value is 0.05
FEWEST = 5  # rows of a group that is left out
Pairs = Sequence[tuple[np.ndarray, np.ndarray]]
Say = Callable[[str], object]


def drop_column(recipe: Recipe, table: Table, folds: int = FOLDS, say: Say = lambda text: None) -> pl.DataFrame:
    """What each column adds: how much worse the score is when the network is trained without it, with its standard error.

        gain_c = mean over folds of  score(all columns) - score(without c)

    Every column is emptied in turn, so that all trainings share one program, and compared on the same folds. The training
    and validation rows take part.

    Arguments:
        recipe: the recipe of a run.
        table: its table.
        folds: number of folds.
        say: told which column is left out.

    Source: Lei, G'Sell, Rinaldo, Tibshirani and Wasserman, "Distribution-free predictive inference for regression", 2018
    (leave-one-covariate-out).
    """
    pairs = _pairs(table, folds)
    whole = _scores(recipe, table, pairs)
    names, gains, errors = [], [], []
    for cells in cells_of(table.schema, table.dataset.x[:1]):
        say(f"without {cells.name}")
        x = table.dataset.x.copy()
        x[:, cells.start : cells.stop] = 0.0
        without = dataclasses.replace(table, dataset=dataclasses.replace(table.dataset, x=x))
        gain = _sign(table) * (whole - _scores(recipe, without, pairs))
        names.append(cells.name)
        gains.append(float(gain.mean()))
        errors.append(float(gain.std(ddof=1) / np.sqrt(len(gain))))
    order = np.argsort(-np.array(gains), kind="stable").tolist()
    return frame("drop_column", {"column": [names[k] for k in order], "gain": [gains[k] for k in order],
                                 "error": [errors[k] for k in order]})  # fmt: skip


def learning_curve(recipe: Recipe, table: Table, repeats: int = 3, seed: int = 0) -> pl.DataFrame:
    """The score on the same validation rows after training on ever more rows, with its standard error over repeats.

    All sizes are lanes of one population.

    Arguments:
        recipe: the recipe of a run.
        table: its table; without validation rows, a fifth of the training rows takes their place.
        repeats: how often each number of rows is drawn.
        seed: seed of the draws, and of the first training.
    """
    draw = np.random.default_rng(seed)
    train, valid = table.dataset.train, table.dataset.valid
    if not len(valid):
        first = _pairs(table, 5)[0]
        train, valid = first
    sizes = sorted({max(2, round(share * len(train))) for share in SHARES})
    found = []
    for repeat in range(repeats):  # each with a seed of its own, since all rows can be drawn in one way only
        pairs = [(np.sort(draw.choice(train, size, replace=False)), valid) for size in sizes]
        found.append(_scores(recipe, table, pairs, seed + repeat))
    scores = np.stack(found, axis=1)
    return frame("learning_curve", {"rows": sizes, "score": scores.mean(axis=1),
                                    "error": scores.std(axis=1, ddof=1) / np.sqrt(repeats)})  # fmt: skip


def permuted_labels(
    recipe: Recipe,
    table: Table,
    shuffles: int = SHUFFLES,
    folds: int = FOLDS,
    seed: int = 0,
    say: Say = lambda text: None,
) -> tuple[pl.DataFrame, float]:
    """(scores with shuffled targets, the first with the true ones; the p-value of the true ones).

        p = (1 + shuffles that score as well or better) / (1 + shuffles)

    A network that scores as well on shuffled targets has found nothing.

    Arguments:
        recipe: the recipe of a run.
        table: its table; training and validation rows take part.
        shuffles: how often the targets are shuffled.
        folds: number of folds.
        seed: seed of the shuffles.
        say: told how many shuffles are done.

    Source: Ojala and Garriga, "Permutation tests for studying classifier performance", 2010.
    """
    pairs, draw = _pairs(table, folds), np.random.default_rng(seed)
    found = [float(_scores(recipe, table, pairs).mean())]
    rows = np.sort(np.concatenate([table.dataset.train, table.dataset.valid]))
    for trial in range(shuffles):
        say(f"shuffle {trial + 1} of {shuffles}")
        found.append(float(_scores(recipe, _shuffled(table, rows, draw), pairs).mean()))
    sign = _sign(table)
    better = sum(sign * each >= sign * found[0] for each in found[1:])
    return frame("permuted_labels", {"trial": range(len(found)), "score": found}), (1 + better) / (1 + shuffles)


def _shuffled(table: Table, rows: np.ndarray, draw: np.random.Generator) -> Table:
    data, order = table.dataset, np.arange(len(table.dataset.x))
    order[rows] = draw.permutation(rows)
    truth = None if data.truth is None else data.truth[order]
    return dataclasses.replace(table, dataset=dataclasses.replace(data, y=data.y[order], truth=truth))


def leave_one_group_out(recipe: Recipe, table: Table, column: str) -> pl.DataFrame:
    """The score on every level of a column after training on the others, beside that of a constant answer.

    Arguments:
        recipe: the recipe of a run.
        table: its table; training and validation rows take part.
        column: a column of categories, yes and no, or a number with few values.

    Raises: FalllineError for a column that is unknown or has no groups.
    """
    groups = check_groups(table, column)
    rows = np.sort(np.concatenate([table.dataset.train, table.dataset.valid]))
    pairs = [(np.setdiff1d(rows, own), own) for own in groups.values()]
    scores = _scores(recipe, table, pairs)
    constant = [_constant(table, *each) for each in pairs]
    return frame("left_out", {"group": list(groups), "rows": [len(own) for own in groups.values()], "score": scores,
                              "constant": constant})  # fmt: skip


def check_groups(table: Table, column: str) -> dict[str, np.ndarray]:
    """The rows of every group of a column. Raises: FalllineError for a column that is unknown or has no groups."""
    groups = _groups(table, column)
    if len(groups) < 2:
        raise FalllineError(
            f"column {column!r} has {len(groups)} groups of {FEWEST} rows or more: leaving one out needs at least 2"
        )
    return groups


def _groups(table: Table, column: str) -> dict[str, np.ndarray]:
    names = [each.name for each in table.schema.columns]
    if column not in names:
        raise FalllineError(f"there is no column {column!r} to leave groups out of: {nearest(column, names)}")
    rows = np.sort(np.concatenate([table.dataset.train, table.dataset.valid]))
    cells = cells_of(table.schema, table.dataset.x[rows])[names.index(column)]
    if cells.numbers is None:
        assert cells.codes is not None
        found = {level: rows[cells.codes == k] for k, level in enumerate(cells.levels)}
    else:
        distinct = np.unique(cells.numbers[~cells.missing])
        if len(distinct) > 50:
            raise FalllineError(
                f"column {column!r} has {len(distinct):,} different numbers: groups need a column of at most 50"
            )
        found = {f"{value:g}": rows[cells.numbers == value] for value in distinct.tolist()}
    return {name: own for name, own in found.items() if FEWEST <= len(own) < len(rows)}


def _constant(table: Table, train: np.ndarray, valid: np.ndarray) -> float:
    data = table.dataset
    mean = targets_of(data, train).mean(axis=0)
    target = data.given[valid] if data.task == "classification" else data.given[valid].astype(np.float64)
    return exactly(metrics_of(data.task)[0], np.tile(mean, (len(valid), 1)), target, np.ones(len(valid)))


def _pairs(table: Table, folds: int) -> Pairs:
    data = table.dataset
    rows = np.concatenate([data.train, data.valid])
    parts = cut(len(rows), folds, classes=data.y[rows] if table.task == "classification" else None)
    return [(np.delete(rows, part), rows[part]) for part in parts]


def _scores(recipe: Recipe, table: Table, pairs: Pairs, seed: int = 0) -> np.ndarray:
    """The first metric on the second rows of every pair after training on the first ones."""
    found = evaluate([recipe], table, seeds=[seed], folds=pairs, test=False, probes=())
    if found.interrupted:
        raise KeyboardInterrupt
    return np.asarray(found.columns[f"valid_{metrics_of(table.task)[0].name}"], np.float64)


def _sign(table: Table) -> float:
    return 1.0 if metrics_of(table.task)[0].larger_is_better else -1.0
