"""The task of a target: classification, regression or multilabel, recognised from its values or given."""

from __future__ import annotations

import re

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.target import TASKS, Target
from fallline.data.target_cells import check_finite, distinct_of, homogeneous, labels, parts, reals, title_of

FEW = 20  # whole numbers with at most this many distinct values are classes
FEW_FLOATS = 10  # the same limit for whole numbers stored as floats
_CODE_NAME = re.compile(
    r"(?i:(^|[_\s.-])(code|class|category|label|type|group|id|zip|zipcode|postcode|sku|icd\d*|nace|naics)$)|[a-z](Code|Class|Id|ID)$"
)


def recognise_target(values: np.ndarray, names: tuple[str, ...], where: str, task: str | None = None) -> Target:
    """Recognises the task and, for a classification, the classes.

    Text and booleans are classes, and so are whole numbers with at most 20 distinct values (10 if stored as floats) that
    occur at least twice on average. All else is regression.

    Args:
        values: labels (rows,), or targets (rows, targets).
        names: one name per target.
        where: name of the source in error messages.
        task: "classification", "regression" or "multilabel", to overrule recognition.

    Raises:
        FalllineError: a value is missing or infinite, there is a single class, a class has one member, or the values do
            not fit `task`.

    >>> recognise_target(np.array([0, 1, 1, 0]), ("y",), "t.csv").classes
    (0, 1)
    >>> recognise_target(np.array([0.5, 1.5, 2.5]), ("y",), "t.csv").task
    'regression'
    """
    title = title_of(names, where)
    if task is not None and task not in TASKS:
        raise FalllineError(f"there is no task {task!r}: {nearest(task, TASKS)}")
    if values.ndim == 2 and values.shape[1] > 1:
        return _several(values, names, task, title)
    if task == "multilabel":
        raise FalllineError(f"{title} has one column, a multilabel task several: give a 0/1 column per label")
    if task == "regression":
        reals(values, task, len(names), title)
        return Target(names, task)
    if task is None and not _looks_like_classes(values, title):
        _ask_about_codes(values, names, title)
        return Target(names, "regression")
    distinct, codes = labels(values, title)
    if len(distinct) < 2:
        raise FalllineError(f"{title} holds the single class {distinct[0]!r}: classification needs at least two")
    members = np.bincount(codes, minlength=len(distinct))
    if members.min() < 2:
        alone = distinct[int(np.argmin(members))]
        hint = "; for a quantity, set the task to regression" if not isinstance(alone, str) else ""
        raise FalllineError(
            f"class {alone!r} of {title} has one row only: remove it or merge it with another class{hint}"
        )
    return Target(names, "classification", tuple(distinct))


def _ask_about_codes(values: np.ndarray, names: tuple[str, ...], title: str) -> None:
    """Raises: FalllineError for many whole numbers in a column named like a code, where a guess could be wrong."""
    cells = homogeneous(values.ravel(), title)
    if _CODE_NAME.search(names[0]) is None or not (cells == np.floor(cells)).all():
        return
    distinct = np.unique(cells).size
    if distinct <= cells.size / 2:
        raise FalllineError(
            f"{title} holds {distinct:,} different whole numbers, which may be codes or quantities: set the task to "
            "classification or to regression (--task)"
        )


def _looks_like_classes(values: np.ndarray, title: str) -> bool:
    values = homogeneous(values.ravel(), title)
    if values.dtype.kind in "bUO":
        return True
    check_finite(values, title)
    if values.dtype.kind == "f" and any((part != np.floor(part)).any() for part in parts(values)):
        return False
    distinct = distinct_of(values)
    few = FEW_FLOATS if values.dtype.kind == "f" else FEW
    return distinct.size <= few and (distinct.size <= 2 or values.size >= 2 * distinct.size)


def _several(values: np.ndarray, names: tuple[str, ...], task: str | None, title: str) -> Target:
    if task == "classification":
        raise FalllineError(f"{title} has {values.shape[1]} columns: classification takes one column of labels")
    target = Target(names, task or "regression")
    reals(values, target.task, len(names), title)
    return target
