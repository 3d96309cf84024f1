"""Conversion between a tree of arrays and one float64 vector, whose coordinates are differentiated."""

import dataclasses
import functools
import itertools
import math
import sys
from typing import Any

import jax
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Float, Int

from fallline.core.errors import FalllineError
from fallline.core.tree import Tree


@dataclasses.dataclass(frozen=True)
class Point:
    """The point at which a function is differentiated.

    Arguments:
        vector: every float of the tree, in float64, array after array.
        names: dotted paths of the arrays: `dense_1.weight`.
        shapes: shapes of the arrays.
        structure: structure of the tree.
        leaves: leaves of the tree as given; leaves without floats are not differentiated.
        places: indices of the arrays among the leaves.
    """

    vector: Float[np.ndarray, " numbers"]
    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    structure: Any
    leaves: tuple[Any, ...]
    places: tuple[int, ...]

    @functools.cached_property
    def slices(self) -> list[slice]:
        """The slice of each array's numbers in the vector."""
        ends = np.cumsum([0, *(math.prod(shape) for shape in self.shapes)])
        return [slice(int(a), int(b)) for a, b in itertools.pairwise(ends)]

    @property
    def kind(self) -> str:
        """The library of the arrays: "torch" if any is a tensor, otherwise "jax" if any is a JAX array, else "numpy"."""
        kinds = {_kind(self.leaves[place]) for place in self.places}
        return next(kind for kind in ("torch", "jax", "numpy") if kind in kinds)

    def parts(self, vector: ArrayLike) -> list[Any]:
        """A vector of any array library, split into arrays."""
        return [vector[cut].reshape(shape) for cut, shape in zip(self.slices, self.shapes, strict=True)]

    def tree(self, arrays: list[Any]) -> Any:
        """The tree with other arrays in it."""
        leaves = list(self.leaves)
        for place, array in zip(self.places, arrays, strict=True):
            leaves[place] = array
        return self.structure.unflatten(leaves)

    def flatten(self, tree: Tree, what: str) -> Float[np.ndarray, " numbers"]:
        """Another tree of the same structure, such as a gradient, as a vector.

        Raises: FalllineError for another structure or shape.
        """
        leaves, structure = jax.tree.flatten(tree, is_leaf=lambda node: node is None)
        if structure != self.structure and len(leaves) != len(self.leaves):
            raise FalllineError(f"{what} has the structure {structure}, where that of x was expected: {self.structure}")
        arrays = []
        for place, name, shape in zip(self.places, self.names, self.shapes, strict=True):
            array = np.zeros(shape) if leaves[place] is None else as_numpy(leaves[place])
            if array.shape != shape:
                raise FalllineError(
                    f"{what} of {name} has the shape {array.shape}, where {shape} was expected, as of x"
                )
            arrays.append(array.astype(np.float64).reshape(-1))
        return np.concatenate(arrays)

    def where(self, index: int) -> tuple[int, tuple[int, ...]]:
        """The array to which a position in the vector belongs, and the index within that array."""
        for which, cut in enumerate(self.slices):
            if cut.start <= index < cut.stop:
                return which, tuple(int(i) for i in np.unravel_index(index - cut.start, self.shapes[which]))
        raise IndexError(index)


def point_of(x: Tree) -> Point:
    """The point given by a tree of arrays, or by a number.

    Raises: FalllineError if there are no numbers to differentiate with respect to.

    >>> point = point_of({"w": np.zeros((2, 2)), "b": 1.0})
    >>> point.names, point.vector.tolist(), point.where(2)
    (('b', 'w'), [1.0, 0.0, 0.0, 0.0, 0.0], (1, (0, 1)))
    """
    if isinstance(x, int | np.integer) and not isinstance(x, bool):
        x = float(x)
    paths, structure = jax.tree_util.tree_flatten_with_path(x)
    leaves = tuple(leaf for _, leaf in paths)
    places = tuple(i for i, leaf in enumerate(leaves) if _is_float(leaf))
    if not places:
        raise FalllineError(
            f"x of type {type(x).__name__} holds no floating-point numbers: expected an array, or a dict, list or other "
            "tree of arrays"
        )
    arrays = [as_numpy(leaves[place]).astype(np.float64) for place in places]
    vector = np.concatenate([array.reshape(-1) for array in arrays])
    if not len(vector):
        raise FalllineError("x holds no numbers: its arrays are empty")
    names = tuple(_name(paths[place][0]) for place in places)
    return Point(vector, names, tuple(array.shape for array in arrays), structure, leaves, places)


def as_numpy(leaf: Any) -> np.ndarray:
    """A number or array of any library as a NumPy array."""
    if is_torch(leaf):
        leaf = leaf.detach().cpu().numpy()
    return np.asarray(leaf)


def is_torch(leaf: object) -> bool:
    """Whether something is a PyTorch tensor, without importing PyTorch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(leaf, torch.Tensor)


def _kind(leaf: object) -> str:
    return "torch" if is_torch(leaf) else "jax" if isinstance(leaf, jax.Array) else "numpy"


def _is_float(leaf: Any) -> bool:
    if is_torch(leaf):
        return bool(leaf.is_floating_point())
    if isinstance(leaf, jax.Array | np.ndarray | np.generic):
        found: bool = jax.numpy.issubdtype(leaf.dtype, np.floating)
        return found
    return isinstance(leaf, float)


def _name(path: tuple[Any, ...]) -> str:
    keys = (getattr(key, "key", getattr(key, "name", getattr(key, "idx", None))) for key in path)
    return ".".join(str(key) for key in keys) or "x"


def coordinates(point: Point, share: float | None, most: int, seed: int) -> Int[np.ndarray, " chosen"]:
    """The coordinates to check: all, or a random share of every array with at least one of each.

    Raises: FalllineError for a share outside (0, 1].
    """
    count = len(point.vector)
    if share is None:
        share = 1.0 if count <= most else most / count
    if isinstance(share, bool) or not 0.0 < share <= 1.0:
        raise FalllineError(f"share = {share!r} is not a share of the coordinates: expected more than 0, at most 1")
    if share == 1.0:
        return np.arange(count)
    rng = np.random.default_rng(seed)
    chosen = []
    for cut in point.slices:
        size = cut.stop - cut.start
        some = rng.choice(size, min(size, max(1, math.ceil(share * size))), replace=False)
        chosen.append(cut.start + np.sort(some))
    return np.concatenate(chosen)
