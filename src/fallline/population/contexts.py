"""Contexts: the seeds and folds on which every recipe is trained."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.random import key_of as key_of_seed
from fallline.core.random import named
from fallline.data.dividing import pairs_of
from fallline.data.table import Table
from fallline.training.arrays import scored_rows

Folds = int | Sequence[tuple[np.ndarray, np.ndarray]] | None


@dataclasses.dataclass(frozen=True)
class LaneContext:
    """A seed and a fold, shared by several recipes."""

    seed: int
    fold: int
    rows: dict[str, Any]


def contexts_of(data: Table, folds: Folds, seeds: list[int]) -> list[LaneContext]:
    """Every fold with every seed."""
    return [LaneContext(seed, fold, rows) for fold, rows in _folds(data, folds) for seed in seeds]


def key_of(seed: int, recipe: int | None) -> jax.Array:
    """The key of a seed; with `recipe`, the key of one recipe under that seed, if recipes have their own randomness."""
    key = key_of_seed(seed)
    return key if recipe is None else named(key, "recipe", recipe)


def _folds(data: Table, folds: Folds) -> Iterator[tuple[int, dict[str, Any]]]:
    """(number, index sets) of every fold, padded to one length; without folds, the table's own split as number -1."""
    dataset = data.dataset
    if folds is None:
        pairs = [(-1, dataset.train, scored_rows(dataset, dataset.valid))]
    elif not isinstance(folds, int):
        pairs = [(i, np.asarray(train), np.asarray(valid)) for i, (train, valid) in enumerate(folds)]
    else:
        rows = np.concatenate([dataset.train, dataset.valid])
        pairs = [(i, train, valid) for i, (train, valid) in enumerate(pairs_of(dataset, rows, folds))]
    longest = max(len(train) for _, train, _ in pairs), max(len(valid) for _, _, valid in pairs)
    for number, train, valid in pairs:
        padded = [np.pad(part, (0, size - len(part)), mode="edge") if len(part) else part
                  for part, size in zip((train, valid), longest, strict=True)]  # fmt: skip
        for part, what in ((train, "training"), (valid, "validation")):
            if number >= 0 and len(part) and dataset.weight is not None and not dataset.weight[part].any():
                raise FalllineError(f"every {what} row of fold {number} has the weight 0: take fewer folds, or others")
        yield (
            number,
            {
                "train": padded[0].astype(np.int32),
                "train_count": np.int32(len(train)),
                "valid": padded[1].astype(np.int32),
                "valid_count": np.int32(len(valid)),
            },
        )
