"""Divides the rows of a data set: into folds or in two, by its classes, groups or times."""

from __future__ import annotations

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.dataset import Dataset
from fallline.data.ordered_split import fold_time, split_groups, split_time
from fallline.data.split import folds, split

Pair = tuple[np.ndarray, np.ndarray]


def divide(
    rows: int, strata: np.ndarray | None, groups: np.ndarray | None, time: np.ndarray | None, *, test: float, valid: float,
    seed: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:  # fmt: skip
    """Draws (train, valid, test) rows: by time or by groups if they have any, else at random and evenly for each stratum.

    Raises:
        FalllineError: as `split` does, and for too few groups or times.
    """
    plain = split(rows, strata, test=test, valid=valid, seed=seed)  # checks the shares
    if time is not None:
        return split_time(time, test, valid)
    if groups is not None:
        shares = (1.0 - test - valid, valid, test)
        train, validation, testing = split_groups(groups, strata, shares, seed)
        return train, validation, testing
    return plain


def pairs_of(data: Dataset, rows: np.ndarray, k: int) -> list[Pair]:
    """k folds of some rows, as pairs (rows to train on, rows held out): grouped and stratified as the data set's split is.

    By time, folds grow: each trains on all rows before those that it holds out. Otherwise each row is held out once.

    Raises:
        FalllineError: there are too few rows, groups or times for so many folds.
    """
    if k < 2:
        raise FalllineError(f"{k} folds are too few: cross-validation needs at least 2")
    if data.time is not None:
        return [(rows[train], rows[held]) for train, held in fold_time(data.time[rows], k)]
    strata = strata_of(data, rows)
    if data.groups is not None:
        parts = split_groups(data.groups[rows], strata, (1 / k,) * k, 0, "folds")
    else:
        parts = folds(len(rows), k, classes=strata)
    return [(np.delete(rows, part), rows[part]) for part in parts]


def in_two(data: Dataset, rows: np.ndarray, share: float, seed: int) -> Pair:
    """(rows to train on, rows to validate on) of some rows, divided as the data set's split is."""
    groups, time = (None if each is None else each[rows] for each in (data.groups, data.time))
    train, valid, _ = divide(len(rows), strata_of(data, rows), groups, time, test=0.0, valid=share, seed=seed)
    return rows[train], rows[valid]


def strata_of(data: Dataset, rows: np.ndarray) -> np.ndarray | None:
    """The stratum of each row: its class, unless the data set has strata of its own."""
    if data.strata is not None:
        return data.strata[rows] if data.strata.any() else None
    return data.y[rows] if data.task == "classification" else None
