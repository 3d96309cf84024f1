"""A function of a tree at a point, as whoever differentiates it asks for it: shifted, along directions, once more.

All are evaluated in float64: JAX's switch for it is set for this thread and for the length of the call only.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.core.errors import FalllineError
from fallline.gradients.point import Point, is_torch


class Function(ABC):
    """A function f at a point; an f that returns an array counts as the sum of its elements with fixed random weights."""

    def __init__(self, f: Callable[[Any], Any], point: Point) -> None:
        self.f, self.point = f, point
        self.evaluations = 0
        self.expected = 0
        self.watch: Callable[[int, int], None] | None = None
        self.single = False  # whether f is known to compute in single precision somewhere inside

    def count(self, evaluations: int) -> None:
        """Count evaluations that are done, and tell who watches."""
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
        """f(x), from a call that shares nothing with the others."""

    def close(self) -> None:  # noqa: B027 - only a compiled function has something to let go of
        """Let go of what was compiled.

        While JAX (0.10.2) holds a program in float64 of an f with NumPy arrays in it, calls of that f in single precision
        fail; so the caller's f is left as it was.
        """


def value_of(answer: Any) -> Array:
    """The number that is differentiated: f's own, or its elements with fixed random weights."""
    answer = jnp.asarray(answer)
    if answer.ndim == 0:
        return answer
    return jnp.sum(answer * weights_for(answer.shape))


def number_of(answer: Any) -> Any:
    """The number that differences are taken of, of NumPy's or PyTorch's answer.

    Raises: FalllineError for an answer that is no number.
    """
    if is_torch(answer):
        answer = answer.detach().cpu().numpy()
    answer = np.asarray(answer)
    if answer.dtype.kind not in "iufc":
        raise FalllineError(f"f returns {answer.dtype}: expected one number, or one array of numbers")
    return answer[()] if answer.ndim == 0 else np.sum(answer * weights_for(answer.shape))


def weights_for(shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    """Fixed random weights, of which an error in any element of an array moves the sum."""
    return np.random.default_rng(math.prod(shape)).normal(size=shape)
