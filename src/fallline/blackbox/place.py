"""Where a search begins: any tree of numbers as one vector, in the precision that the caller's numbers have."""

import dataclasses
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.gradients.point import Point, is_torch, point_of
from fallline.workers.calls import Reshaped, number_of


@dataclasses.dataclass(frozen=True)
class Place:
    """A point, its vector's dtype, and the way back to the caller's tree."""

    point: Point
    dtype: Any

    @property
    def vector(self) -> np.ndarray:
        """Every number, array after array."""
        return self.point.vector.astype(self.dtype)

    def tree(self, vector: Any) -> Any:
        """The caller's tree with these numbers; arrays of the kind that `vector` is."""
        return self.point.tree(self.point.parts(vector))

    @property
    def shaped(self) -> Callable[[np.ndarray], Any]:
        """The way back, for NumPy's arrays and a process that need not know JAX where the tree is one array."""
        leaf = self.point.leaves[0]
        if len(self.point.leaves) == 1 and self.point.structure == jax.tree.structure(leaf):
            return number_of if isinstance(leaf, float) else Reshaped(self.point.shapes[0], str(leaf.dtype))  # type: ignore
        return self._copied

    def _copied(self, row: np.ndarray) -> Any:
        return self.tree(np.array(row))

    def precision(self) -> AbstractContextManager[Any]:
        """JAX's switch for 64 bits, on where the numbers need it; else as the caller has it."""
        return jax.enable_x64(True) if self.dtype == np.float64 else nullcontext()


def place_of(x0: Any) -> Place:
    """The place that a number, an array, a list of numbers or a tree of arrays stands for.

    Single precision is used where all of its arrays are in single precision or less, double everywhere else.

    Raises: FalllineError for one without numbers, and for one that is not finite.

    >>> place_of([1, 2]).vector, place_of(np.float32(1.0)).dtype.name
    (array([1., 2.]), 'float32')
    """
    if isinstance(x0, list | tuple) and x0 and all(_is_number(each) for each in x0):
        x0 = np.asarray([_as_float(each) for each in x0], np.float64)
    try:
        point = point_of(jax.tree.map(_as_float, x0))
    except FalllineError as error:
        raise FalllineError(re.sub(r"^x\b", "x0", str(error))) from None
    if point.kind == "torch":
        raise FalllineError(
            "x0 holds PyTorch's tensors: give NumPy's arrays, and make tensors of them in the objective"
        )
    if not np.isfinite(point.vector).all():
        raise FalllineError("x0 holds numbers that are not finite: begin where the objective can be evaluated")
    wide = any(np.dtype(getattr(point.leaves[each], "dtype", float)) == np.float64 for each in point.places)
    return Place(point, np.dtype(np.float64 if wide else np.float32))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _as_float(leaf: Any) -> Any:
    """A whole number, or an array of such, in double precision: a search moves it like any other."""
    if isinstance(leaf, int) and not isinstance(leaf, bool):
        try:
            return float(leaf)
        except OverflowError:
            raise FalllineError("x0 holds a number beyond 1e308: begin where the objective can be evaluated") from None
    kind = getattr(getattr(leaf, "dtype", None), "kind", "")
    return np.asarray(leaf, np.float64) if kind in ("i", "u") and not is_torch(leaf) else leaf
