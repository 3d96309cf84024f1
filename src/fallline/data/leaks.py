"""Finds columns that give the target away, by a cheap check of some training rows; it only warns."""

from __future__ import annotations

import numpy as np

from fallline.data.columns import Column
from fallline.data.schema import Schema

MOST_ROWS = 20_000
_MOST_NUMBERS = 2_000_000  # rows times features that are examined
_FEWEST_ROWS = 40  # with fewer rows a perfect fit may be chance
_SCREEN_ROWS = 1_000  # rows of a first screening, which rules out most columns
_CORRELATION = 0.999
_RESIDUAL = 1e-4  # of the target's standard deviation: exact, up to float32
_MOST_TERMS = 4
_MOST_COLUMNS = 200  # for the search for a linear combination


def find_leaks(x: np.ndarray, y: np.ndarray, rows: np.ndarray, schema: Schema) -> list[str]:
    """Returns sentences about columns from which the target can be read off.

    For a regression these are columns whose correlation with the target exceeds 0.999, and sets of two to four columns
    such that the target is an exact linear combination of them. For a classification they are columns that predict the
    class: the nearest value in one half of the rows predicts the class in the other half, with at most a hundredth of
    the errors made by always answering the largest class.

    Args:
        x: encoded features, (all rows, features).
        y: encoded targets.
        rows: the training rows; at most 20,000 of them are examined.
        schema: the columns and the task.

    >>> from fallline.data.target import Target
    >>> x = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    >>> schema = Schema((Column("a", "number"), Column("b", "number")), Target(("sum",), "regression"))
    >>> print(*find_leaks(x, x.sum(axis=1, keepdims=True), np.arange(200), schema))
    the target 'sum' is an exact linear combination of 'a', 'b': drop them unless they are known when predicting
    """
    most = min(MOST_ROWS, max(_FEWEST_ROWS, _MOST_NUMBERS // x.shape[1]))
    if len(rows) < _FEWEST_ROWS:
        return []
    chosen = np.random.Generator(np.random.Philox(0)).choice(rows, min(most, len(rows)), replace=False)
    sample, truth = x[chosen], y[chosen]
    if schema.target.task == "classification":
        return _telling_classes(sample, truth, schema)
    if schema.target.task == "multilabel":
        return []
    positions = [start for column, start in _starts(schema) if column.kind in ("number", "boolean")]
    names = [column.name for column in schema.columns if column.kind in ("number", "boolean")]
    sentences = []
    for position, target in enumerate(schema.target.names[:10]):
        sentences += _telling_numbers(sample[:, positions], truth[:, position], names, target)
    return sentences


def _starts(schema: Schema) -> list[tuple[Column, int]]:
    pairs, start = [], 0
    for column in schema.columns:
        pairs.append((column, start))
        start += len(column.feature_names())
    return pairs


def _telling_numbers(x: np.ndarray, y: np.ndarray, names: list[str], target: str) -> list[str]:
    y = y.astype(np.float64) - y.mean(dtype=np.float64)
    spread = y.std()
    if spread == 0 or not names:
        return []
    centred = x.astype(np.float64)
    gaps = np.isnan(centred)
    centred[gaps] = 0
    centred -= centred.sum(axis=0) / np.maximum(len(y) - gaps.sum(axis=0), 1)
    centred[gaps] = 0  # the mean
    deviation = centred.std(axis=0)
    centred /= np.where(deviation > 0, deviation, 1.0)
    correlation = centred.T @ y / (len(y) * spread)
    single = [name for name, each in zip(names, correlation, strict=True) if abs(each) > _CORRELATION]
    if single:
        return [
            f"column {name!r} alone tells the target {target!r} (correlation above {_CORRELATION}): "
            "drop it unless it is known when predicting"
            for name in single[:5]
        ]
    if len(names) > min(_MOST_COLUMNS, len(y) // 2):
        return []
    weights = np.linalg.lstsq(centred, y, rcond=None)[0]
    terms = np.flatnonzero(np.abs(weights) > 1e-2 * spread)
    if not 2 <= len(terms) <= _MOST_TERMS:
        return []
    rest = y - centred[:, terms] @ np.linalg.lstsq(centred[:, terms], y, rcond=None)[0]
    if rest.std() > _RESIDUAL * spread:
        return []
    listed = ", ".join(repr(names[term]) for term in terms)
    return [
        f"the target {target!r} is an exact linear combination of {listed}: "
        "drop them unless they are known when predicting"
    ]


def _telling_classes(x: np.ndarray, y: np.ndarray, schema: Schema) -> list[str]:
    sentences = []
    for column, start in _starts(schema):
        if column.kind in ("date", "text"):
            continue
        width = len(column.feature_names())
        values = x[:, start : start + width].argmax(axis=1) if column.kind == "category" else x[:, start]
        values = np.nan_to_num(values.astype(np.float64), nan=-1e300)
        if _tells(values[:_SCREEN_ROWS], y[:_SCREEN_ROWS], 5.0) and _tells(values, y, 1.0):
            sentences.append(
                f"column {column.name!r} alone tells the class of the target {schema.target.names[0]!r}: "
                "drop it unless it is known when predicting"
            )
    return sentences[:5]


def _tells(values: np.ndarray, y: np.ndarray, lenience: float) -> bool:
    """Whether the nearest value in the first half of the rows predicts the class in the second half."""
    half = len(y) // 2
    distinct, index = np.unique(values[:half], return_inverse=True)
    classes = int(y.max()) + 1
    if distinct.size * classes <= 4 * MOST_ROWS:
        tally = np.bincount(index * classes + y[:half], minlength=distinct.size * classes)
        answer = tally.reshape(distinct.size, classes).argmax(axis=1)
    else:  # hardly any value repeats, so the class of any row with the value will do
        answer = np.zeros(distinct.size, y.dtype)
        answer[index] = y[:half]
    asked = values[half:]
    above = np.clip(np.searchsorted(distinct, asked), 0, distinct.size - 1)
    below = np.maximum(above - 1, 0)
    nearest = np.where(asked - distinct[below] < distinct[above] - asked, below, above)
    errors = np.mean(answer[nearest] != y[half:])
    baseline = 1 - np.bincount(y[half:]).max() / len(asked)
    return bool(errors <= 0.01 * lenience * baseline and baseline * len(asked) >= 5)
