"""The base class of surfaces: a function of n numbers that declares its domain and its minima."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import Block, as_arrays
from fallline.core.errors import FalllineError
from fallline.core.field import structure

Domain = tuple[tuple[float, float], ...]
MOST_DIMENSIONS = 1000


class Minimum(NamedTuple):
    """A minimum: the point, the value there, and whether no other point is lower."""

    point: tuple[float, ...]
    value: float
    is_global: bool = True


class Surface(Block):
    """A function of n numbers.

    Facts: `box`, the interval of every coordinate; `smooth`, whether the gradient exists at every
    point; `begin`, where a walk usually starts. A surface whose coordinates differ defines `domain` and `start` instead.
    """

    family: ClassVar[str] = "surface"
    box: ClassVar[tuple[float, float]] = (-5.0, 5.0)
    begin: ClassVar[float] = -4.0
    smooth: ClassVar[bool] = True

    @abstractmethod
    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        """The height at a point."""

    @property
    def dimensions(self) -> int:
        """n, the number of coordinates."""
        return 2

    @property
    def domain(self) -> Domain:
        """The lowest and the highest value of every coordinate."""
        return (self.box,) * self.dimensions

    @property
    def start(self) -> tuple[float, ...]:
        """Where a walk starts if nothing else is said."""
        return (self.begin,) * self.dimensions

    @property
    def minima(self) -> tuple[Minimum, ...]:
        """The known minima, the global ones first; empty if there is none or none is known."""
        return ()

    def curvatures_at(self, point: Any) -> Float[np.ndarray, " n"]:
        """The Hessian's eigenvalues at a point, in ascending order, in double precision."""
        with jax.enable_x64(True):
            return np.linalg.eigvalsh(
                np.asarray(_hessian(as_arrays(self, np.float64), jnp.asarray(point, jnp.float64)))
            )

    def condition_at(self, point: Any) -> float:
        """The largest over the smallest absolute curvature at a point; infinite if the smallest is 0.

        >>> from fallline.surfaces import Ravine
        >>> round(Ravine(condition=250.0).condition_at((0.0, 0.0)), 6)
        250.0
        """
        sizes = np.abs(self.curvatures_at(point))
        # A curvature below the rounding of the largest is 0.
        return float(sizes.max() / sizes.min()) if sizes.min() > 1e-12 * sizes.max() else float("inf")


_hessian = jax.jit(lambda surface, x: jax.hessian(surface)(x))


def dimensions_field(default: int = 2) -> Any:
    """The declaration of a surface's number of dimensions."""
    return structure(default, help="n, the number of coordinates")


def check_dimensions(surface: Surface, least: int = 1) -> None:
    """Raise a FalllineError for a number of dimensions that the surface does not have."""
    n = surface.dimensions
    if isinstance(n, bool) or not isinstance(n, int) or not least <= n <= MOST_DIMENSIONS:
        raise FalllineError(
            f"{type(surface).__name__}.dimensions = {n!r} is not a number of dimensions: expected {least} to {MOST_DIMENSIONS}"
        )


def stationary(f: Callable[[Any], Any], near: Any) -> tuple[float, ...]:
    """The point without a slope near a point, by Newton's method in double precision.

    >>> [round(each, 6) for each in stationary(lambda x: jnp.cos(x[0]), [3.0])]
    [3.141593]
    """
    with jax.enable_x64(True):
        x = jnp.asarray(near, jnp.float64)
        slope, curvature = jax.jit(jax.grad(f)), jax.jit(jax.hessian(f))
        for _ in range(50):
            step = jnp.linalg.solve(curvature(x), slope(x))
            x = x - step
            if float(jnp.max(jnp.abs(step))) < 1e-14:
                break
        return tuple(np.asarray(x).tolist())
