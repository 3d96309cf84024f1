"""Trees of arrays as arrays by path, and back."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.tree import Tree


def flatten(tree: Tree) -> dict[str, np.ndarray]:
    """Every leaf by its path, such as `params/dense_1/weight`; random keys become arrays of words.

    >>> sorted(flatten({"a": {"b": np.zeros(2)}, "c": np.ones(1)}))
    ['a/b', 'c']
    """
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {_path(path): np.asarray(_words(leaf)) for path, leaf in leaves}


def unflatten(arrays: dict[str, np.ndarray], like: Tree) -> Any:
    """A tree with the structure of `like` and these leaves.

    Raises: FalllineError if a leaf is missing or has another shape or dtype.
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(like)
    leaves: list[Any] = []
    for path, leaf in paths:
        name = _path(path)
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        if name not in arrays:
            raise FalllineError(f"array {name!r} is missing")
        value = arrays[name]
        if is_key:
            words = jax.eval_shape(jax.random.key_data, leaf)
            if value.shape != words.shape or value.dtype != words.dtype:
                raise FalllineError(
                    f"array {name!r} is {value.dtype}{value.shape}, expected {words.dtype}{words.shape}"
                )
            value = jax.random.wrap_key_data(jnp.asarray(value))
        elif value.shape != leaf.shape or value.dtype != leaf.dtype:
            raise FalllineError(f"array {name!r} is {value.dtype}{value.shape}, expected {leaf.dtype}{leaf.shape}")
        leaves.append(value)
    return structure.unflatten(leaves)


def _path(path: tuple[Any, ...]) -> str:
    names = (getattr(p, "key", getattr(p, "name", getattr(p, "idx", None))) for p in path)
    return "/".join(str(each) for each in names)


def _words(leaf: object) -> Any:
    is_key = hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf
