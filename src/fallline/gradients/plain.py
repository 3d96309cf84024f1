"""Functions of NumPy, or any others that JAX cannot trace: called once per shift."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from fallline.core.errors import FalllineError
from fallline.gradients.function import CheckedFunction, number_of, value_of


class PlainFunction(CheckedFunction):
    """A function of NumPy, or any other callable, that is called once per point."""

    def shifted(self, indices: Int[np.ndarray, " shifts"], steps: np.ndarray) -> np.ndarray:
        found = np.zeros(len(indices), steps.dtype)
        with jax.enable_x64(True):
            for k, (index, step) in enumerate(zip(indices, steps, strict=True)):
                vector = self.point.vector.astype(steps.dtype)
                vector[index] += step
                found[k] = self._at(vector)
        return found

    def along(self, directions: Float[np.ndarray, "shifts numbers"]) -> np.ndarray:
        with jax.enable_x64(True):
            return np.array([self._at(self.point.vector + each) for each in directions])

    def gradient(self) -> Any:
        try:
            with jax.enable_x64(True):
                return jax.grad(lambda x: value_of(self.f(x)))(self._tree(self.point.vector))
        except Exception:
            raise FalllineError(
                "f cannot be traced by JAX, so that there is no gradient of it to check: give the one that you have "
                "written, check_gradient(f, x, gradient)"
            ) from None

    def again(self) -> float:
        self.expected += 1
        with jax.enable_x64(True):
            return float(self._at(self.point.vector.copy()))

    def _at(self, vector: np.ndarray) -> Any:
        found = number_of(self.f(self._tree(vector)))
        self.count(1)
        return found

    def _tree(self, vector: np.ndarray) -> Any:
        """The tree in arrays of its original library; a copy, so that f may write into it."""
        parts = self.point.parts(vector.copy())
        if self.point.kind == "jax":
            parts = [jnp.asarray(part) for part in parts]
        return self.point.tree(parts)
