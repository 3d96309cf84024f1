"""The target: its labels, which map to indices and exactly back, and the unit in which a run sees its numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.form import Form
from fallline.data.target_cells import Label, labels, reals, title_of
from fallline.data.units import HIGHEST, Unit, unit_of

TASKS = ("classification", "regression", "multilabel")


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
        title = title_of(self.names, where)
        if self.classes is None:
            return reals(values, self.task, len(self.names), title)
        distinct, codes = labels(values, title)
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
            raise FalllineError(f"{title_of(self.names, where)} has values beyond {beyond}: give it in a larger unit")
        return result

    def restore(self, answer: np.ndarray) -> np.ndarray:
        """Converts a run's answers (rows, targets) to the targets' own unit, in float64 if they were conditioned."""
        return self._columnwise(Unit.restore, answer) if self.conditioned else answer

    def _columnwise(self, change: Callable[[Unit, np.ndarray], np.ndarray], y: np.ndarray) -> np.ndarray:
        units = [Unit(shift, factor) for shift, factor in zip(self.shift, self.factor, strict=True)]
        return np.column_stack([change(unit, y[:, index]) for index, unit in enumerate(units)])

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
