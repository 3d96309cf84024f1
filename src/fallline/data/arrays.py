"""Arrays with feature names, as read from sources without typed columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.image_form import ImageForm

_BLOCK = 1 << 20  # numbers processed at a time, so that a large array is never copied whole


@dataclass(frozen=True)
class RawArrays:
    """Numbers `x` (rows, features) with labels or targets `y`, and the source's own test part if it has one.

    Attributes:
        x: numbers, (rows, features).
        y: labels (rows,), targets (rows,) or (rows, targets), or None where the source has none.
        names: one name per feature, or None.
        test: the source's own test part as (x, y), or None.
        target: the name of the target.
        valid: the source's own validation part as (x, y), or None.
        image: the form of the images that the rows are, or None.
        row_names: a name for each row, such as its file, of the parts "train" (`x`), "test" and "valid"; empty for none.
        notes: one sentence about each peculiarity of the source and how it was read.

    >>> RawArrays(np.zeros((2, 3)), np.array([0, 1])).x.shape
    (2, 3)
    """

    x: np.ndarray
    y: np.ndarray | None
    names: tuple[str, ...] | None = None
    test: tuple[np.ndarray, np.ndarray | None] | None = None
    target: str = "y"
    valid: tuple[np.ndarray, np.ndarray | None] | None = None
    image: ImageForm | None = None
    row_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def held_out(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The rows to evaluate a model on: the source's own test part, or else its validation part, or all rows."""
        return self.test or self.valid or (self.x, self.y)

    @property
    def rows(self) -> tuple[str, ...]:
        """A name for each row that `held_out` gives; empty if rows have none."""
        held = "test" if self.test else "valid" if self.valid else "train"
        return self.row_names.get(held, ())

    def lacks_targets(self, where: str) -> str:
        """The error message for rows that were to have labels or targets and have none."""
        if self.image is not None:
            return (
                f"{where} holds images without classes: put those of each class into a folder of its own, CLASS/*.png"
            )
        return f"{where} has no y: save the labels or targets beside X as y"


def matrix(x: object, where: str) -> np.ndarray:
    """Converts an array-like of numbers to an array; a numeric array is returned as it is.

    >>> matrix([[1, 2]], "X").shape
    (1, 2)
    """
    try:
        array = np.asarray(x)
        if array.dtype.kind == "O" and array.ndim == 2:
            array = array.astype(np.float64)
    except (TypeError, ValueError):
        raise FalllineError(
            f"{where} holds values that are not numbers, or ragged rows: give an array of numbers"
        ) from None
    check_matrix(array, where)
    return array


def check_matrix(x: np.ndarray, where: str) -> None:
    """Checks that `x` holds numbers, is two-dimensional and has at least one row and one column.

    Raises:
        FalllineError: otherwise.
    """
    if x.dtype.kind not in "biuf":
        raise FalllineError(f"{where} holds {x.dtype}, where numbers were expected: give numbers, or a table for text")
    if x.ndim != 2:
        raise FalllineError(f"{where} has {x.ndim} dimensions, where (rows, features) were expected: reshape it")
    if 0 in x.shape:
        raise FalllineError(f"{where} has {x.shape[0]} rows and {x.shape[1]} features: give at least one of each")


def blocks(x: np.ndarray) -> list[slice]:
    """Slices of consecutive rows, sized so that temporaries stay small."""
    step = max(1, _BLOCK // max(1, x.shape[1]))
    return [slice(start, start + step) for start in range(0, len(x), step)]


def count_bad(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The number of infinite values and the number of NaNs in each column.

    >>> [each.tolist() for each in count_bad(np.array([[np.inf, 1.0], [2.0, np.nan]]))]
    [[1, 0], [0, 1]]
    """
    infinite, missing = np.zeros(x.shape[1], np.int64), np.zeros(x.shape[1], np.int64)
    for rows in blocks(x):
        infinite += np.isinf(x[rows]).sum(axis=0)
        missing += np.isnan(x[rows]).sum(axis=0)
    return infinite, missing
