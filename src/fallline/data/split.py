"""Draws the index sets of training, validation and test rows from a seed."""

from __future__ import annotations

import numpy as np

from fallline.core.errors import FalllineError


def split(
    rows: int, classes: np.ndarray | None = None, *, test: float = 0.2, valid: float = 0.1, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws disjoint (train, valid, test) row indices, each sorted, int32.

    With classes, the split is stratified: of a class with m rows, `test * m` go to the test set and `valid * m` to the
    validation set, rounded so that the totals stay right and at least one row of each class trains.

    Args:
        rows: number of rows.
        classes: class index per row, to stratify by, or None.
        test: share of all rows for testing; 0 for none, otherwise at least one row.
        valid: share of all rows for validation; 0 for none, otherwise at least one row.
        seed: seed of the Philox generator; the same seed draws the same sets on every machine.

    Raises:
        FalllineError: a share is outside [0, 1), the shares add up to 1 or more, or there are too few rows.

    >>> [part.tolist() for part in split(6, test=0.2, valid=0.1, seed=1)]
    [[1, 2, 3, 4], [5], [0]]
    """
    for name, share in (("test", test), ("valid", valid)):
        if not 0 <= share < 1:
            raise FalllineError(
                f"the share of {name} rows is {share}: give a number from 0 up to, but not including, 1"
            )
    if test + valid >= 1:
        raise FalllineError(f"test {test} and valid {valid} leave no rows to train on: let them add up to less than 1")
    needed = 1 + (test > 0) + (valid > 0)
    if rows < needed:
        raise FalllineError(
            f"{rows} rows cannot be split into {needed} sets: give at least {needed} rows or set a share to 0"
        )
    test, valid = (max(test, 1 / rows) if test else 0.0, max(valid, 1 / rows) if valid else 0.0)
    order, sizes = _shuffled_by_class(rows, classes, seed)
    held = np.minimum(_shares(sizes, test + valid), np.maximum(sizes - 1, 0))
    tested = _shares(held, test / (test + valid)) if test + valid else held
    parts: dict[str, list[np.ndarray]] = {"train": [], "valid": [], "test": []}
    start = 0
    for size, out, first in zip(sizes, held, tested, strict=True):
        members = order[start : start + size]
        parts["test"].append(members[:first])
        parts["valid"].append(members[first:out])
        parts["train"].append(members[out:])
        start += size
    train, validation, testing = (np.sort(np.concatenate(parts[name])) for name in ("train", "valid", "test"))
    return train, validation, testing


def folds(rows: int, k: int, *, classes: np.ndarray | None = None, seed: int = 0) -> list[np.ndarray]:
    """Draws k disjoint sets of row indices that together cover all rows; each is held out once in cross-validation.

    Sizes differ by at most one, and so do the counts of each class if classes are given.

    Args:
        rows: number of rows.
        k: number of folds, at least 2.
        classes: class index per row, to stratify by, or None.
        seed: seed of the Philox generator.

    Raises:
        FalllineError: there are fewer than 2 folds, or fewer rows, or rows of a class, than folds.

    >>> [fold.tolist() for fold in folds(5, 2, seed=1)]
    [[0, 2, 4], [1, 3]]
    """
    if k < 2:
        raise FalllineError(f"{k} folds are too few: cross-validation needs at least 2")
    if rows < k:
        raise FalllineError(f"{rows} rows are fewer than {k} folds: ask for at most {rows} folds or give more rows")
    order, sizes = _shuffled_by_class(rows, classes, seed)
    present = sizes[sizes > 0]
    if classes is not None and present.min() < k:
        fewest = int(present.min())
        raise FalllineError(
            f"a class has {fewest} rows, fewer than {k} folds: ask for at most {max(2, fewest)} folds or merge it"
        )
    return [np.sort(order[start::k]) for start in range(k)]


def _shuffled_by_class(rows: int, classes: np.ndarray | None, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows, shuffled and grouped by class, and the number of rows of each class."""
    order = np.random.Generator(np.random.Philox(seed)).permutation(np.arange(rows, dtype=np.int32))
    if classes is None:
        return order, np.array([rows])
    sizes = np.bincount(classes)
    few = classes.astype(np.uint16) if sizes.size < 2**16 else classes  # sorted by radix: fast and small
    return order[np.argsort(few[order], kind="stable")], sizes


def _shares(sizes: np.ndarray, share: float) -> np.ndarray:
    """`share` of each size, rounded so that every running total is right to half a row."""
    totals = np.floor(np.cumsum(sizes) * share + 0.5).astype(np.int64)
    return np.diff(totals, prepend=0)
