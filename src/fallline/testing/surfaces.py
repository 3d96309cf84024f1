"""The contract of surfaces: a number at every point of the domain, its gradient, and minima that are minima."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.surfaces import Surface
from fallline.testing.base import demand, of
from fallline.testing.compare import finite, in_both_precisions, quick, right_gradient

POINTS = 4000  # random points of the domain
NEAR = 1e-3  # share of the domain's width around a minimum


def drawn(surface: Surface, count: int, share: float = 1.0) -> np.ndarray:
    """Random points of the middle share of the domain."""
    low, high = np.asarray(surface.domain).T
    inner = 0.5 + share * (np.random.default_rng(0).random((count, surface.dimensions)) - 0.5)
    found: np.ndarray = low + (high - low) * inner
    return found


def heights(surface: Surface, points: Any) -> np.ndarray:
    """The heights at rows of points, in double precision."""
    with jax.enable_x64(True):
        return np.asarray(quick(jax.vmap(surface))(jnp.asarray(points, jnp.float64)))


@of("surface")
def dtypes(surface: Surface) -> None:
    """A height is a scalar of the point's dtype."""

    def both(dtype: str) -> tuple[Any, Any]:
        point = jax.ShapeDtypeStruct((surface.dimensions,), jnp.dtype(dtype))
        return jax.eval_shape(surface, point), jax.ShapeDtypeStruct((), jnp.dtype(dtype))

    in_both_precisions(both, "a height")


@of("surface")
def domain(surface: Surface) -> None:
    """The domain has an interval for every coordinate, holds the start and the minima, and the surface is finite there."""
    low, high = np.asarray(surface.domain, np.float64).T
    demand(len(low) == surface.dimensions, f"the domain has {len(low)} intervals for {surface.dimensions} coordinates")
    demand((low < high).all(), f"the domain {surface.domain} has an empty interval")
    for what, point in [("the start", surface.start), *(("a minimum", each.point) for each in surface.minima)]:
        inside = len(point) == len(low) and bool((low <= point).all() and (point <= high).all())
        demand(inside, f"{what} {tuple(point)} is outside of the domain")
    finite(heights(surface, [low, high, *drawn(surface, 500)]), "a height in the domain")


@of("surface")
def gradient(surface: Surface) -> None:
    """The gradient is that of the heights."""
    for point in drawn(surface, 3, 0.9):
        right_gradient(surface, point, f"the gradient at {np.round(point, 4).tolist()}")


@of("surface", concerns=lambda surface: surface.minima)
def minima(surface: Surface) -> None:
    """A minimum has the declared height and no slope, nothing around it is lower, and nothing is below a global one."""
    low, high = np.asarray(surface.domain).T
    away = np.random.default_rng(1).normal(size=(100, surface.dimensions))
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    lowest = min(each.value for each in surface.minima)
    below = float(heights(surface, drawn(surface, POINTS)).min())
    room = 1e-9 * max(1.0, abs(lowest))
    demand(below >= lowest - room, f"a point of the domain has the height {below:.9g}, below all minima ({lowest:.9g})")
    for each in surface.minima[:12]:
        found = heights(surface, [each.point, *(each.point + NEAR * (high - low) * away)])
        demand(
            abs(found[0] - each.value) <= 1e-9 * max(1.0, abs(each.value)),
            f"the height at {each.point} is {found[0]:.12g}",
        )
        demand((found[1:] > found[0]).all(), f"points around {each.point} are lower than {found[0]:.9g}")
        same = abs(each.value - lowest) <= 1e-9 * max(1.0, abs(lowest))
        demand(
            each.is_global == same, f"{each} is declared global: {each.is_global}; the lowest height is {lowest:.9g}"
        )
        if surface.smooth:
            _is_flat(surface, each.point, float(found[1:].max() - found[0]) / (NEAR * float(np.min(high - low))))


def _is_flat(surface: Surface, point: tuple[float, ...], around: float) -> None:
    """Raises: AssertionError if the slope at a point is not small beside that around it."""
    with jax.enable_x64(True):
        slope = float(jnp.linalg.norm(quick(jax.grad(surface))(jnp.asarray(point, jnp.float64))))
    demand(slope <= 1e-5 * max(around, 1e-12), f"the slope at {point} is {slope:.3g}, and around it {around:.3g}")


def example(surface: Surface) -> Any:
    """The heights at some points."""
    return jax.vmap(surface)(jnp.asarray(drawn(surface, 5, 0.6), jnp.float32))
