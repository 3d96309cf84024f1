"""Comparisons of arrays, and the check of gradients."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.compiling import known_options
from fallline.core.tree import Tree
from fallline.gradients import check_gradient
from fallline.testing.base import demand

PRECISIONS = ("float32", "float64")
UNOPTIMISED = {"xla_backend_optimization_level": 0}


def quick(f: Callable[..., Any], **options: object) -> Callable[..., Any]:
    """`jax.jit` without LLVM's optimisation: a check's speed does not matter, and it compiles in half the time.

    Not to be used where bits are compared, since the promise concerns the bits of the usual program.
    """
    # JAX's backend starts with the first call, not with the import.
    compiled = functools.cache(lambda: jax.jit(f, compiler_options=known_options(UNOPTIMISED), **options))
    return functools.wraps(f)(lambda *values, **named: compiled()(*values, **named))


def draw(seed: int, *shape: int) -> np.ndarray:
    """Standard normal numbers, the same for the same seed in every check."""
    return np.random.default_rng(seed).normal(size=shape)


def spec(tree: Tree) -> Any:
    """The shape and dtype of every leaf."""
    return jax.tree.map(lambda leaf: (tuple(leaf.shape), str(leaf.dtype)), tree)


def same_spec(found: object, expected: object, what: str) -> None:
    """Raises: AssertionError if shapes, dtypes or the tree structure differ."""
    demand(spec(found) == spec(expected), f"{what} is {spec(found)}, expected {spec(expected)}")


def in_both_precisions(outcome: Callable[[str], tuple[Any, Any]], what: str) -> None:
    """Raises: AssertionError if `outcome(dtype)` returns (found, expected) with different shapes or dtypes."""
    for dtype in PRECISIONS:
        with jax.enable_x64(dtype == "float64"):
            found, expected = outcome(dtype)
            same_spec(found, expected, f"{what} for {dtype}")


def close(found: object, expected: object, what: str, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Raises: AssertionError if a number of a tree is off by more than atol + rtol |expected|; NaN equals NaN."""
    pairs = zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True)
    for a, b in pairs:
        a, b = (np.asarray(each, np.float64) for each in (a, b))
        demand(a.shape == b.shape, f"{what}: shape {a.shape}, expected {b.shape}")
        away = ~((np.abs(a - b) <= atol + rtol * np.abs(b)) | (a == b) | (np.isnan(a) & np.isnan(b)))
        if away.any():
            where = tuple(int(i) for i in np.argwhere(away)[0])
            raise AssertionError(
                f"{what}: {a[where]:.9g}, expected {b[where]:.9g} (at {where}; {away.sum()} of {a.size} differ)"
            )


def same_bits(found: object, expected: object, what: str) -> None:
    """Raises: AssertionError if a number differs in any bit."""
    close(found, expected, what)


def finite(tree: Tree, what: str) -> None:
    """Raises: AssertionError for a number that is not finite."""
    for leaf in jax.tree.leaves(tree):
        numbers = np.asarray(leaf).astype(np.float64).reshape(-1)
        bad = numbers[~np.isfinite(numbers)]
        demand(bad.size == 0, f"{what} is not finite ({bad.size} of {numbers.size}: {bad[:3]})")


def as_double(tree: Tree) -> Any:
    """Converts floats to float64 and leaves other leaves as they are; to be called within `jax.enable_x64`."""
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float64) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)


def right_gradient(f: Callable[[Any], Any], point: Tree, what: str = "the gradient") -> None:
    """Raises: AssertionError with the verdict of `fallline.gradients.check_gradient`, if f's gradient is wrong.

    Arguments:
        f: a function from a tree of float64 arrays to an array.
        point: the tree of arrays at which the gradient is checked.
    """
    with jax.enable_x64(True):
        found = check_gradient(f, as_double(jax.tree.map(jnp.asarray, point)))
    demand(found.right, f"{what} beside central differences: {found.verdict}")
