"""The target: its task, recognised or given, and its labels, which map to indices and exactly back."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.form import Form
from fallline.data.units import HIGHEST, Unit, unit_of

TASKS = ("classification", "regression", "multilabel")
FEW = 20  # whole numbers with at most this many distinct values are classes
FEW_FLOATS = 10  # the same limit for whole numbers stored as floats
_BLOCK = 1 << 18  # rows processed at a time, to keep temporaries small

_CODE_NAME = re.compile(
    r"(?i:(^|[_\s.-])(code|class|category|label|type|group|id|zip|zipcode|postcode|sku|icd\d*|nace|naics)$)|[a-z](Code|Class|Id|ID)$"
)

Label = str | int | bool | float


@dataclass(frozen=True)
class Target:
    """The quantity to predict.

    Attributes:
        names: one name per target (a single name, except with several outputs or labels).
        task: "classification", "regression" or "multilabel".
        classes: the class labels in order (classification), else None.
        shift: number subtracted from each target in float64; empty if a run sees the targets as they are.
        factor: power of two by which each target is then multiplied; empty if a run sees the targets as they are.
        forms: how the texts of each target were written in training; empty if all are plain numbers or labels.
        whole: whether the training targets were texts of whole numbers, so that 3.750 can only mean 3750.

    >>> Target(("species",), "classification", ("cat", "dog")).encode(np.array(["dog", "cat"]), "t.csv").tolist()
    [1, 0]
    """

    names: tuple[str, ...]
    task: str
    classes: tuple[Label, ...] | None = None
    shift: tuple[float, ...] = ()
    factor: tuple[float, ...] = ()
    forms: tuple[Form, ...] = ()
    whole: bool = False

    @property
    def conditioned(self) -> bool:
        """Whether a run sees the targets in a unit other than their own, so that float32 can hold them."""
        return bool(self.factor)

    @property
    def n_classes(self) -> int:
        """The number of classes, or of labels of a multilabel task; 0 for regression."""
        return len(self.classes) if self.classes is not None else len(self.names) if self.task == "multilabel" else 0

    def encode(self, values: np.ndarray, where: str) -> np.ndarray:
        """Encodes targets as a run sees them: int32 class indices (rows,), or float32 (rows, targets), conditioned.

        Args:
            values: labels (rows,) or targets (rows,) or (rows, targets).
            where: name of the source in error messages.

        Raises:
            FalllineError: a value is missing or infinite, or is an unknown class.
        """
        return self.condition(self.read(values, where), where)

    def read(self, values: np.ndarray, where: str) -> np.ndarray:
        """Reads targets as given: int32 class indices (rows,), or float64 (rows, targets) in their own unit.

        Raises:
            FalllineError: as for `encode`.
        """
        title = _title(self.names, where)
        if self.classes is None:
            return _reals(values, self, title)
        distinct, codes = _labels(values, title)
        index = {label: position for position, label in enumerate(self.classes)}
        known = np.array([index.get(self._as_class(each), -1) for each in distinct], np.int32)
        unknown = [each for each, position in zip(distinct, known, strict=True) if position < 0]
        if unknown:
            listed = ", ".join(repr(each) for each in unknown[:3]) + (" and more" if len(unknown) > 3 else "")
            raise FalllineError(
                f"{title} holds {listed}, not a class seen in training: {nearest(str(unknown[0]), self.classes)}"
            )
        found: np.ndarray = known[codes]
        return found

    def written(self, forms: dict[str, Form], y: np.ndarray) -> Target:
        """The same target with the notation of its numbers, which were read from text as `y` (rows, targets)."""
        if self.task != "regression":
            return self
        held = any(name in forms for name in self.names)
        own = tuple(forms.get(name, Form()) for name in self.names) if held else ()
        return replace(self, forms=own, whole=bool((y % 1 == 0).all()))

    def fitted(self, y: np.ndarray, highest: float = HIGHEST) -> Target:
        """The same target in a unit in which float32 can hold its training rows.

        Args:
            y: the training rows' targets, as returned by `read`.
            highest: the largest target that is left as it is.

        >>> Target(("y",), "regression").fitted(np.array([[1.7e9], [1.7e9 + 1], [1.7e9 + 3]])).shift
        (1700000001.0,)
        """
        if self.task != "regression":
            return self
        units = [unit_of(column, cut=False, highest=highest) for column in y.T]
        if all(unit.own for unit in units):
            return self
        return replace(self, shift=tuple(unit.shift for unit in units), factor=tuple(unit.factor for unit in units))

    def unshifted(self) -> Target:
        """The same target with its own zero, for a loss that needs it."""
        scaled = any(each != 1.0 for each in self.factor)
        return replace(self, shift=(0.0,) * len(self.shift) if scaled else (), factor=self.factor if scaled else ())

    def condition(self, y: np.ndarray, where: str = "the data") -> np.ndarray:
        """Converts targets from `read` for a run: class indices stay, numbers become float32 (y - shift) * factor.

        Raises:
            FalllineError: float32 cannot hold a number.
        """
        if self.classes is not None:
            return y
        with np.errstate(over="ignore"):
            result = (self._columnwise(Unit.apply, y) if self.conditioned else y).astype(np.float32)
        if not np.isfinite(result).all():
            beyond = (
                "1e38" if not self.conditioned else f"{1e38 / max(self.factor):.0e}, far outside of the training rows"
            )
            raise FalllineError(f"{_title(self.names, where)} has values beyond {beyond}: give it in a larger unit")
        return result

    def restore(self, answer: np.ndarray) -> np.ndarray:
        """Converts a run's answers (rows, targets) to the targets' own unit, in float64 if they were conditioned."""
        return self._columnwise(Unit.restore, answer) if self.conditioned else answer

    def _columnwise(self, change: Callable[[Unit, np.ndarray], np.ndarray], y: np.ndarray) -> np.ndarray:
        units = [Unit(shift, factor) for shift, factor in zip(self.shift, self.factor, strict=True)]
        return np.column_stack([change(unit, y[:, place]) for place, unit in enumerate(units)])

    def decode(self, indices: np.ndarray) -> np.ndarray:
        """Converts class indices to labels, of the type of the classes.

        >>> Target(("y",), "classification", (False, True)).decode(np.array([1, 0])).tolist()
        [True, False]
        """
        if self.classes is None:
            raise FalllineError(f"{self.names[0]!r} is a {self.task} target: it has no classes to decode")
        found: np.ndarray = np.array(self.classes)[indices]
        return found

    def _as_class(self, label: Label) -> Label:
        """Converts a label read from another file to the type of the classes."""
        wanted = type(self.classes[0])  # type: ignore[index]
        if wanted is str:
            return label if isinstance(label, str) else str(label)
        if not isinstance(label, str):
            return label  # True == 1 == 1.0, and their hashes agree
        if wanted is bool and label.lower() in ("true", "false"):
            return label.lower() == "true"
        try:
            return float(label)
        except ValueError:
            return label


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
    title = _title(names, where)
    if task is not None and task not in TASKS:
        raise FalllineError(f"there is no task {task!r}: {nearest(task, TASKS)}")
    if values.ndim == 2 and values.shape[1] > 1:
        return _several(values, names, task, title)
    if task == "multilabel":
        raise FalllineError(f"{title} has one column, a multilabel task several: give a 0/1 column per label")
    if task == "regression":
        _reals(values, Target(names, task), title)
        return Target(names, task)
    if task is None and not _looks_like_classes(values, title):
        _ask_about_codes(values, names, title)
        return Target(names, "regression")
    distinct, codes = _labels(values, title)
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
    cells = _homogeneous(values.ravel(), title)
    if _CODE_NAME.search(names[0]) is None or not (cells == np.floor(cells)).all():
        return
    distinct = np.unique(cells).size
    if distinct <= cells.size / 2:
        raise FalllineError(
            f"{title} holds {distinct:,} different whole numbers, which may be codes or quantities: set the task to "
            "classification or to regression (--task)"
        )


def _title(names: tuple[str, ...], where: str) -> str:
    name = repr(names[0]) if len(names) == 1 else f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
    return f"the target {name} of {where}"


def _looks_like_classes(values: np.ndarray, title: str) -> bool:
    values = _homogeneous(values.ravel(), title)
    if values.dtype.kind in "bUO":
        return True
    _check_finite(values, title)
    if values.dtype.kind == "f" and any((part != np.floor(part)).any() for part in _parts(values)):
        return False
    distinct = np.unique(values)
    few = FEW_FLOATS if values.dtype.kind == "f" else FEW
    return distinct.size <= few and (distinct.size <= 2 or values.size >= 2 * distinct.size)


def _several(values: np.ndarray, names: tuple[str, ...], task: str | None, title: str) -> Target:
    if task == "classification":
        raise FalllineError(f"{title} has {values.shape[1]} columns: classification takes one column of labels")
    target = Target(names, task or "regression")
    _reals(values, target, title)
    return target


def _reals(values: np.ndarray, target: Target, title: str) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind in "OU":
        try:
            values = np.array([np.nan if _is_missing(each) else each for each in values.ravel()], np.float64).reshape(
                values.shape
            )
        except (TypeError, ValueError):
            raise FalllineError(f"{title} holds values that are not numbers: a {target.task} needs numbers") from None
    if values.dtype.kind not in "biuf":
        raise FalllineError(f"{title} holds {values.dtype}: a {target.task} needs numbers")
    _check_finite(values, title)
    result = np.asarray(values, np.float64).reshape(len(values), -1)
    if result.shape[1] != len(target.names):
        raise FalllineError(f"{title} has {result.shape[1]} columns where {len(target.names)} were expected")
    if target.task == "multilabel" and not ((result == 0) | (result == 1)).all():
        raise FalllineError(f"{title} is multilabel and must hold only 0 and 1: write 1 where the label applies")
    return result


def _labels(values: np.ndarray, title: str) -> tuple[list[Label], np.ndarray]:
    """The distinct labels in order, and the position of each row's label among them (int32)."""
    values = _homogeneous(np.asarray(values).ravel(), title)
    if values.dtype.kind in "OU":
        cells = values.tolist()
        distinct = sorted(set(cells))
        index = {label: position for position, label in enumerate(distinct)}
        return distinct, np.fromiter((index[each] for each in cells), np.int32, len(cells))
    _check_finite(values, title)
    unique = np.unique(values)
    codes = np.empty(values.size, np.int32)
    for start in range(0, values.size, _BLOCK):
        codes[start : start + _BLOCK] = np.searchsorted(unique, values[start : start + _BLOCK])
    return unique.tolist(), codes


def _homogeneous(values: np.ndarray, title: str) -> np.ndarray:
    """Converts an array of objects to text or numbers; missing objects are counted and refused."""
    if values.dtype.kind in "biufU":
        return values
    if values.dtype.kind != "O" and values.dtype.kind != "T":
        raise FalllineError(f"{title} holds {values.dtype}: give labels or numbers")
    cells = values.tolist()
    _refuse(sum(map(_is_missing, cells)), "missing", title)
    types = {bool if isinstance(e, (bool, np.bool_)) else str if isinstance(e, str) else type(e) for e in cells}
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


def _check_finite(values: np.ndarray, title: str) -> None:
    if values.dtype.kind == "f":
        _refuse(sum(int(np.isnan(part).sum()) for part in _parts(values)), "missing", title)
        _refuse(sum(int(np.isinf(part).sum()) for part in _parts(values)), "infinite", title)


def _parts(values: np.ndarray) -> list[np.ndarray]:
    return [values[start : start + _BLOCK] for start in range(0, len(values), _BLOCK)]


def _refuse(count: int, what: str, title: str) -> None:
    if count:
        rows = f"{count} {what} values" if count > 1 else f"1 {what} value"
        raise FalllineError(f"{title} has {rows}: remove those rows or correct them")
