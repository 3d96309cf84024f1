"""Integrity checks of trials in a database: the digest must match, and the values must make sense.

A digest has two halves. The first covers the point, which is written when the trial is reserved; the second covers the whole
row. If only the second is wrong, the trial can be trained again at the same point.
"""

import hashlib
import json
from typing import Any, TypeAlias

from fallline.core.outcome import Outcome
from fallline.core.shape import Listed, Mapping, Plain, Real, Shape, Text, Whole, check, maybe

StoredRow: TypeAlias = Any  # a row of the table of trials, with its columns as attributes

# The columns that are written when a trial is completed.
RESULT = ("outcome", "score", "error", "epochs", "lane_epochs", "seconds", "columns")
OUTCOMES = tuple(each.label for each in Outcome if each != Outcome.RUNNING)
NUMBER = Whole(0, 2**31 - 1)
_VALUES: dict[str, Shape] = {
    "outcome": Text(choices=OUTCOMES), "score": maybe(Real()), "error": maybe(Real(0)), "epochs": Real(0),
    "lane_epochs": Whole(0), "seconds": Real(0), "columns": Text(),
}  # fmt: skip
_COLUMNS = Mapping(maybe(Real()))
_HALF = 32  # hexadecimal digits of a SHA-256 in each half


def study_digest(number: int, name: str, seed: int, description: str) -> str:
    """The digest of a study's row."""
    return _hash([number, name, seed, description])


def digest(row: StoredRow) -> str:
    """The digest of a trial's row, an object with the columns as attributes."""
    return _point_half(row) + _hash([row.study, row.number, row.point, *(_word(getattr(row, name)) for name in RESULT)])


def point_is_whole(row: StoredRow, dimensions: int | None) -> bool:
    """Whether the number and the point are unchanged since the reservation, and the point lies in the space."""
    kept = row.digest if isinstance(row.digest, str) else ""
    if NUMBER.wrong(row.number, "") or kept[:_HALF] != _point_half(row):
        return False
    return _fits(row.point, Listed(Real()) if dimensions is None else Listed(Real(0.0, 1.0), dimensions, dimensions))


def is_whole(row: StoredRow, dimensions: int | None) -> bool:
    """Whether the row is as it was written and makes sense; `dimensions` is the number of dimensions, if known."""
    if not point_is_whole(row, dimensions) or row.digest != digest(row):
        return False
    values = {name: getattr(row, name) for name in RESULT}
    if row.outcome is None:
        return all(value is None for value in values.values())
    if any(shape.wrong(values[name], name) for name, shape in _VALUES.items()):
        return False
    return _fits(row.columns, _COLUMNS)


def _fits(text: str | bytes, shape: Shape) -> bool:
    try:
        value = json.loads(text)
        check(Plain(), value, "", "")
        return shape.wrong(value, "") is None
    except (TypeError, ValueError, RecursionError):  # FalllineError is a ValueError
        return False


def _point_half(row: StoredRow) -> str:
    return _hash([row.study, row.number, row.point])


def _hash(words: list[Any]) -> str:
    return hashlib.sha256(json.dumps(words, default=repr).encode("utf-8", "surrogatepass")).hexdigest()[:_HALF]


def _word(value: object) -> Any:
    """A value in the form used by the digest, which is the same for every database."""
    return float(value).hex() if isinstance(value, float) else value
