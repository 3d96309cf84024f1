"""The cells of a target column as labels or numbers; missing, infinite and mixed cells are refused."""

from __future__ import annotations

import numpy as np

from fallline.core.errors import FalllineError

_BLOCK = 1 << 18  # rows processed at a time, to keep temporaries small
_RANGE = 1 << 16  # whole numbers that lie as close together are counted
_NEVER_MISSING = {str, bool, int}
Label = str | int | bool | float


def title_of(names: tuple[str, ...], where: str) -> str:
    """The name of a target in messages."""
    name = repr(names[0]) if len(names) == 1 else f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
    return f"the target {name} of {where}"


def reals(values: np.ndarray, task: str, count: int, title: str) -> np.ndarray:
    """The targets of a regression or a multilabel task as float64 (rows, count)."""
    values = np.asarray(values)
    if values.dtype.kind in "OU":
        try:
            values = np.array([np.nan if _is_missing(each) else each for each in values.ravel()], np.float64).reshape(
                values.shape
            )
        except (TypeError, ValueError):
            raise FalllineError(f"{title} holds values that are not numbers: a {task} needs numbers") from None
    if values.dtype.kind not in "biuf":
        raise FalllineError(f"{title} holds {values.dtype}: a {task} needs numbers")
    check_finite(values, title)
    result = np.asarray(values, np.float64).reshape(len(values), -1)
    if result.shape[1] != count:
        raise FalllineError(f"{title} has {result.shape[1]} columns where {count} were expected")
    if task == "multilabel" and not ((result == 0) | (result == 1)).all():
        raise FalllineError(f"{title} is multilabel and must hold only 0 and 1: write 1 where the label applies")
    return result


def labels(values: np.ndarray, title: str) -> tuple[list[Label], np.ndarray]:
    """The distinct labels in order, and the position of each row's label among them (int32)."""
    values = homogeneous(np.asarray(values).ravel(), title)
    if values.dtype.kind in "OU":
        cells = values.tolist()
        distinct = sorted(set(cells))
        index = {label: position for position, label in enumerate(distinct)}
        return distinct, np.fromiter(map(index.__getitem__, cells), np.int32, len(cells))
    check_finite(values, title)
    unique = distinct_of(values)
    codes = np.empty(values.size, np.int32)
    for start in range(0, values.size, _BLOCK):
        codes[start : start + _BLOCK] = np.searchsorted(unique, values[start : start + _BLOCK])
    return unique.tolist(), codes


def distinct_of(values: np.ndarray) -> np.ndarray:
    """The distinct numbers in order; whole numbers of a small range are counted, which is faster than sorting.

    >>> distinct_of(np.array([127, -128] * 1000, np.int8)).tolist(), distinct_of(np.array([0.5, -1.0])).tolist()
    ([-128, 127], [-1.0, 0.5])
    """
    if values.dtype.kind not in "iu" or values.size < 1_000:
        return np.unique(values)
    low, high = int(values.min()), int(values.max())
    if high - low >= _RANGE:
        return np.unique(values)
    held = np.zeros(high - low + 1, bool)
    apart = values.astype(np.int64) if values.dtype.itemsize < 8 else values  # so that the difference fits
    held[apart - apart.dtype.type(low)] = True
    found: np.ndarray = np.flatnonzero(held).astype(values.dtype) + values.dtype.type(low)
    return found


def homogeneous(values: np.ndarray, title: str) -> np.ndarray:
    """Converts an array of objects to text or numbers; missing objects are counted and refused."""
    if values.dtype.kind in "biufU":
        return values
    if values.dtype.kind != "O" and values.dtype.kind != "T":
        raise FalllineError(f"{title} holds {values.dtype}: give labels or numbers")
    cells = values.tolist()
    held = set(map(type, cells))
    if not held <= _NEVER_MISSING:  # looking at the cells one by one is slow
        _refuse(sum(map(_is_missing, cells)), "missing", title)
    types = {bool if issubclass(e, (bool, np.bool_)) else str if issubclass(e, str) else e for e in held}
    if types == {str}:
        return values
    if str in types:
        raise FalllineError(f"{title} mixes text and numbers: write all labels as one type")
    try:
        typed = np.array(cells)
    except (TypeError, ValueError, OverflowError):
        typed = values
    if typed.dtype.kind not in "biuf" or typed.ndim != 1:
        raise FalllineError(f"{title} holds {', '.join(sorted(t.__name__ for t in types))}: give labels or numbers")
    return typed


def _is_missing(cell: object) -> bool:
    nan = isinstance(cell, (float, np.floating)) and bool(np.isnan(cell))
    return cell is None or nan or type(cell).__name__ in ("NAType", "NaTType")  # pandas, without importing it


def check_finite(values: np.ndarray, title: str) -> None:
    """Raises: FalllineError for floats that are missing or infinite."""
    if values.dtype.kind == "f":
        _refuse(sum(int(np.isnan(part).sum()) for part in parts(values)), "missing", title)
        _refuse(sum(int(np.isinf(part).sum()) for part in parts(values)), "infinite", title)


def parts(values: np.ndarray) -> list[np.ndarray]:
    """The values in parts that keep temporaries small."""
    return [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]


def _refuse(count: int, what: str, title: str) -> None:
    if count:
        rows = f"{count} {what} values" if count > 1 else f"1 {what} value"
        drop = ", or leave them out with --drop-missing-target" if what == "missing" else ""
        raise FalllineError(f"{title} has {rows}: remove those rows or correct them{drop}")
