"""Minima of a surface that declares none: the ends of Rprop from a grid of starts, made exact by Newton's method."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.lab.program import walk_all
from fallline.optimizers import Rprop
from fallline.surfaces import Formula, Function, Minimum, Surface

STARTS = 64  # about as many starts, on a grid
STEPS = 200
SAME = 1e-3  # share of the domain within which two ends are one minimum
MOST = 40  # most minima


def minima_of(surface: Surface) -> tuple[Minimum, ...]:
    """The declared minima; for a formula or a function without them, those found.

    What is found is a strict minimum inside the domain: all points a thousandth of the domain away are higher. More may
    exist.

    >>> from fallline.surfaces import Formula
    >>> [(round(each.point[0], 6), each.is_global) for each in minima_of(Formula("(x^2 - 1)^2 + 0.1*x"))]
    [(-1.012273, True), (0.987257, False)]
    """
    return surface.minima or (_found(surface) if isinstance(surface, Formula | Function) else ())


@functools.lru_cache(maxsize=64)
def _found(surface: Surface) -> tuple[Minimum, ...]:
    n = surface.dimensions
    low, high = np.asarray(surface.domain).T
    if n <= 3:
        side = round(STARTS ** (1 / n))
        shares = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * n, indexing="ij"), axis=-1).reshape(-1, n)
    else:
        shares = np.random.default_rng(0).random((STARTS, n))
    with np.errstate(all="ignore"):
        ends = walk_all([Rprop()], surface, low + (high - low) * shares, STEPS, 0.0, 0).points[0, :, -1]
    found: list[Minimum] = []
    with jax.enable_x64(True):
        newton, value = (
            jax.jit(lambda x: x - jnp.linalg.solve(jax.hessian(surface)(x), jax.grad(surface)(x))),
            jax.jit(surface),
        )
        for end in ends[np.argsort([float(value(end)) for end in ends])]:
            far = min((np.max(np.abs(end - each.point) / (high - low)) for each in found), default=1.0)
            if far > SAME and len(found) < MOST and (minimum := _minimum(surface, end, newton, value)) is not None:
                found.append(minimum)
    found.sort(key=lambda each: each.value)
    lowest = found[0].value if found else 0.0
    return tuple(each._replace(is_global=each.value <= lowest + 1e-6 * max(1.0, abs(lowest))) for each in found)


def _minimum(surface: Surface, end: np.ndarray, newton: Any, value: Any) -> Minimum | None:
    """The minimum near the end of a walk, if the end is near one."""
    low, high = np.asarray(surface.domain).T
    x = end
    for _ in range(8):
        after = np.asarray(newton(x))
        # At a kink or on a flat floor Newton's step is not to be trusted: the end itself is kept.
        if not np.isfinite(after).all() or np.max(np.abs(after - end) / (high - low)) > SAME:
            x = end
            break
        x = after
    height = float(value(x))
    if not np.isfinite(height) or (x < low).any() or (x > high).any():
        return None
    around = 1e-3 * (high - low) * np.random.default_rng(0).normal(size=(64, len(x)))
    is_lowest = bool((np.asarray(jax.vmap(surface)(x + around)) > height).all())
    return Minimum(tuple(np.asarray(x).tolist()), height) if is_lowest else None
