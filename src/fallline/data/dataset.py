"""The arrays that a training run reads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Dataset:
    """The encoded rows of all sources, and the indices of those that train, validate and test.

    Attributes:
        x: features, float32 (rows, features); missing numbers are NaN.
        y: int32 (rows,) class indices, or float32 (rows, targets) for regression and multilabel, as a run sees them.
        weight: float32 (rows,), or None if all rows weigh the same.
        train: int32 indices of the training rows.
        valid: int32 indices of the validation rows; may be empty.
        test: int32 indices of the test rows; may be empty.
        scaled: bool (features,), whether a scaler may change the feature; 0/1 features are left alone.
        task: "classification", "regression" or "multilabel".
        n_classes: number of classes, or of labels of a multilabel task; 0 for regression.
        truth: the targets of a regression as given, float64 (rows, targets); None if `y` is the same.
        factor: per target, the power of two by which `y` was multiplied; empty if it was not.
        groups: int32 (rows,), the group of each row, whose rows stay together in folds; None if there are none.
        time: float64 (rows,), the time of each row, by which folds grow; None if there is none.
        strata: int32 (rows,), in whose shares folds are even; None for the classes, all 0 for none.
        row_names: a name for each row, such as the file of an image; empty if rows have none.

    >>> none = np.zeros(0, np.int32)
    >>> Dataset(np.zeros((3, 2), np.float32), np.array([0, 1, 0], np.int32), None, np.arange(3, dtype=np.int32),
    ...         none, none, np.array([True, True]), "classification", 2)
    Dataset(classification, 3 rows, 2 features, 3 train, 0 valid, 0 test)
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None
    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    scaled: np.ndarray
    task: str
    n_classes: int
    truth: np.ndarray | None = None
    factor: tuple[float, ...] = ()
    groups: np.ndarray | None = None
    time: np.ndarray | None = None
    strata: np.ndarray | None = None
    row_names: tuple[str, ...] = ()

    @property
    def given(self) -> np.ndarray:
        """The targets as given, against which a model is evaluated."""
        return self.y if self.truth is None else self.truth

    def __repr__(self) -> str:
        """The task and the number of rows, features and rows of each set."""
        parts = ", ".join(f"{len(getattr(self, name))} {name}" for name in ("train", "valid", "test"))
        return f"Dataset({self.task}, {self.x.shape[0]} rows, {self.x.shape[1]} features, {parts})"
