"""Which columns hold numbers worth encoding: decided once, on the host, from the training rows."""

from typing import TypeVar

import numpy as np
from jaxtyping import Bool, Float, Int

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.encodings.base import Encoding

LOOKED_AT = 50_000  # rows, evenly spread, whose values are counted
FLAT = 1e-6  # range of a column, relative to its size, below which its differences are rounding errors

Same = TypeVar("Same", bound=Encoding)


def some(rows: Int[np.ndarray, " rows"]) -> Int[np.ndarray, " some"]:
    """At most `LOOKED_AT` of these rows, evenly spread."""
    return rows[:: max(1, -(-len(rows) // LOOKED_AT))]


def distinct_values(x: Float[np.ndarray, "rows features"]) -> Int[np.ndarray, " features"]:
    """Number of different values of every feature, of which missing ones are none; 1 if they differ by rounding alone.

    >>> distinct_values(np.array([[0.0, 1.0, 5.0], [1.0, 1.0, 6.0], [np.nan, 1.0, 7.0]])).tolist()
    [2, 1, 3]
    """
    return np.array([_values(column) for column in x.T], np.int64)


def _values(column: Float[np.ndarray, " rows"]) -> int:
    values = np.unique(column[np.isfinite(column)]).astype(np.float64)
    if len(values) and values[-1] - values[0] <= FLAT * np.abs(values).max():
        return 1
    return len(values)


def worth_encoding(
    counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"], distinct: int
) -> tuple[int, ...]:
    """The features with at least `distinct` different values, and never those with fewer than 3.

    Arguments:
        counts: numbers of different values.
        scaled: whether a scaler may change the feature; others are indicators or one-hot codes.
        distinct: least number of different values.

    >>> worth_encoding(np.array([2, 1, 30, 30]), np.array([True, True, True, False]), distinct=3)
    (2,)
    """
    return tuple(np.flatnonzero(scaled & (counts >= max(3, distinct))).tolist())


def with_columns(encoding: Same, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> Same:
    """The encoding with its `columns` chosen if they are None; its own are checked against the number of features.

    Raises: FalllineError for a column that the rows do not have.
    """
    columns, distinct = encoding.named(), encoding.distinct  # type: ignore[attr-defined]
    if columns is None:
        return replace(encoding, {"columns": worth_encoding(counts, scaled, distinct)})
    if columns and max(columns) >= len(counts):
        raise FalllineError(
            f"{type(encoding).__name__}.columns names feature {max(columns)}, and the rows have {len(counts)}: leave "
            "columns out, so that they are chosen from the data"
        )
    return encoding
