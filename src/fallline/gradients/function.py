"""A function of a tree at a point, with the evaluations that a check needs: shifted, along directions, repeated.

All evaluations are in float64: JAX's 64-bit mode is enabled for this thread, and only during the call.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from fallline.core.errors import FalllineError
from fallline.gradients.point import Point, is_torch


class CheckedFunction(ABC):
    """A function f at a point; if f returns an array, its elements are summed with fixed random weights."""

    def __init__(self, f: Callable[[Any], Any], point: Point) -> None:
        self.f, self.point = f, point
        self.evaluations = 0
        self.expected = 0
        self.watch: Callable[[int, int], None] | None = None
        self.single = False  # whether f is known to compute in single precision somewhere inside

    def count(self, evaluations: int) -> None:
        """Count finished evaluations, and report them to `watch`."""
        self.evaluations += evaluations
        if self.watch is not None:
            self.watch(self.evaluations, max(self.expected, self.evaluations))

    @abstractmethod
    def shifted(self, indices: Int[np.ndarray, " shifts"], steps: np.ndarray) -> np.ndarray:
        """f(x + step e_index) for each shift; steps may be imaginary."""

    @abstractmethod
    def along(self, directions: Float[np.ndarray, "shifts numbers"]) -> np.ndarray:
        """f(x + direction) for each direction."""

    @abstractmethod
    def gradient(self) -> Any:
        """The gradient by automatic differentiation, as a tree."""

    @abstractmethod
    def again(self) -> float:
        """f(x), from an independent call."""

    def close(self) -> None:  # noqa: B027 - only a compiled function has something to let go of
        """Release the compiled programs.

        While JAX (0.10.2) holds a float64 program of an f with NumPy arrays in it, calls of that f in single precision
        fail. Releasing the programs keeps the caller's f usable.
        """


def value_of(answer: ArrayLike) -> Array:
    """The number to differentiate: f's value, or the sum of its elements with fixed random weights."""
    answer = jnp.asarray(answer)
    if answer.ndim == 0:
        return answer
    return jnp.sum(answer * weights_for(answer.shape))


def number_of(answer: ArrayLike) -> Any:
    """The number to take differences of, from a NumPy or PyTorch result.

    Raises: FalllineError for a result that is not numeric.
    """
    if is_torch(answer):
        answer = answer.detach().cpu().numpy()
    answer = np.asarray(answer)
    if answer.dtype.kind not in "iufc":
        raise FalllineError(f"f returns {answer.dtype}: expected one number, or one array of numbers")
    return answer[()] if answer.ndim == 0 else np.sum(answer * weights_for(answer.shape))


def weights_for(shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    """Fixed random weights, so that an error in any element of an array changes the weighted sum."""
    return np.random.default_rng(math.prod(shape)).normal(size=shape)
