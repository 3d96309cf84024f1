"""The starting point of a search: any tree of numbers as one vector, in the precision of the caller's numbers."""

import dataclasses
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike

from fallline.core.errors import FalllineError
from fallline.gradients.point import Point, is_torch, point_of
from fallline.workers.calls import Reshaped, number_of


@dataclasses.dataclass(frozen=True)
class Origin:
    """A point, the dtype of its vector, and the conversion back to the caller's tree.

    A list or tuple of plain numbers is one array to the objective; `sequence` is then the type of the result.
    """

    point: Point
    dtype: Any
    sequence: type[list[Any]] | type[tuple[Any, ...]] | None = None

    @property
    def vector(self) -> np.ndarray:
        """Every number, array after array."""
        return self.point.vector.astype(self.dtype)

    def tree(self, vector: ArrayLike) -> Any:
        """The caller's tree with these numbers, in arrays of the same kind as `vector`."""
        return self.point.tree(self.point.parts(vector))

    def found(self, vector: np.ndarray) -> Any:
        """These numbers in the form of the caller's x0: every array in its dtype, every number as a float."""
        parts = self.point.parts(vector)
        if self.sequence is not None:
            return self.sequence(parts[0].tolist())
        given = [self.point.leaves[each] for each in self.point.places]
        own = [
            float(part) if isinstance(leaf, float) else part.astype(leaf.dtype)
            for leaf, part in zip(given, parts, strict=True)
        ]
        return self.point.tree(own)

    @property
    def shaped(self) -> Callable[[np.ndarray], Any]:
        """The conversion back for NumPy arrays; if the tree is one array, the process that calls it does not need JAX."""
        leaf = self.point.leaves[0]
        if len(self.point.leaves) == 1 and self.point.structure == jax.tree.structure(leaf):
            return number_of if isinstance(leaf, float) else Reshaped(self.point.shapes[0], str(leaf.dtype))  # type: ignore
        return self._copied

    def _copied(self, row: np.ndarray) -> Any:
        return self.tree(np.array(row))

    def precision(self) -> AbstractContextManager[Any]:
        """A context that enables JAX's 64-bit mode if the numbers need it, and otherwise keeps the caller's setting."""
        return jax.enable_x64(True) if self.dtype == np.float64 else nullcontext()


def origin_of(x0: Any) -> Origin:
    """The starting point given by a number, an array, a list of numbers or a tree of arrays.

    Single precision is used if all arrays are in single precision or less, and double precision otherwise.

    Raises: FalllineError for an x0 without numbers, with non-finite numbers, or with booleans.

    >>> origin_of([1, 2]).vector, origin_of(np.float32(1.0)).dtype.name
    (array([1., 2.]), 'float32')
    """
    if any(_is_boolean(leaf) for leaf in jax.tree.leaves(x0)):
        raise FalllineError(
            "x0 holds booleans, which cannot be moved in small steps: give numbers, and keep switches in the objective"
        )
    sequence = _sequence(x0)
    if sequence is not None:
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
    return Origin(point, np.dtype(np.float64 if wide else np.float32), sequence)


def _is_boolean(leaf: object) -> bool:
    return isinstance(leaf, bool) or str(getattr(leaf, "dtype", "")) in ("bool", "torch.bool")


def _sequence(x0: object) -> type[list[Any]] | type[tuple[Any, ...]] | None:
    """The type of a flat list or tuple of numbers; None for any other tree. A named tuple counts as a tree."""
    if not isinstance(x0, list | tuple) or not x0 or hasattr(x0, "_fields"):
        return None
    if not all(isinstance(each, int | float | np.integer) for each in x0):
        return None
    return list if isinstance(x0, list) else tuple


def _as_float(leaf: object) -> Any:
    """Integers and integer arrays in double precision, since a search moves them like other numbers."""
    if isinstance(leaf, int | np.integer):
        try:
            return float(leaf)
        except OverflowError:
            raise FalllineError("x0 holds a number beyond 1e308: begin where the objective can be evaluated") from None
    kind = getattr(getattr(leaf, "dtype", None), "kind", "")
    return np.asarray(leaf, np.float64) if kind in ("i", "u") and not is_torch(leaf) else leaf
