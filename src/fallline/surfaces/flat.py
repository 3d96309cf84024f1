"""Surfaces with places where the slope vanishes or nearly vanishes without a minimum."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.surfaces.base import Minimum, Surface, check_dimensions, dimensions_field


class Saddle(Surface):
    """A saddle: up along x, down along y.

        f(x, y) = 1/2 (x^2 - c y^2)

    From a distance y0 beside the ridge, gradient descent at the rate a leaves the unit disc after
    ln(1/y0) / ln(1 + a c) steps; on the ridge itself (y = 0) it never leaves, and noise or momentum releases it. Domain:
    [-1, 1] for both. There is no minimum.

    Source: Dauphin et al., "Identifying and attacking the saddle point problem in high-dimensional non-convex
    optimization", 2014, section 3.

    >>> float(Saddle(curvature=2.0)(jnp.array([1.0, 1.0])))
    -0.5
    """

    name: ClassVar[str] = "saddle"
    box: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    curvature: Number = number(1.0, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="c, how fast it falls")

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        return 0.5 * (x[0] ** 2 - self.curvature * x[1] ** 2)

    @property
    def start(self) -> tuple[float, ...]:
        return (-0.9, 1e-3)


class MonkeySaddle(Surface):
    """A degenerate saddle with three ways down; gradient and Hessian vanish at 0.

        f(x, y) = x^3 - 3 x y^2

    Gradient descent leaves it by a power law, not exponentially: from -y0 on the axis after about 1/(3 a y0) steps.
    Domain: [-1, 1] for both. There is no minimum.

    Source: Hilbert and Cohn-Vossen, "Geometry and the imagination", 1932, section 29.

    >>> float(MonkeySaddle()(jnp.array([-1.0, 0.0])))
    -1.0
    """

    name: ClassVar[str] = "monkey_saddle"
    box: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        return x[0] ** 3 - 3.0 * x[0] * x[1] ** 2

    @property
    def start(self) -> tuple[float, ...]:
        return (0.6, 1e-2)


class Plateau(Surface):
    """A hole in a plain: far from the hole hardly any slope is left.

        f(x) = 1 - exp(-|x|^2 / (2 w^2))

    The steps of gradient descent vanish with the slope. Rules that divide by the gradient's size keep walking. Domain:
    every x_i in [-4, 4]. Minimum: 0 at 0, condition 1.

    Source: the flat regions of Goodfellow, Bengio and Courville, "Deep learning", 2016, section 8.2.3.

    >>> round(float(Plateau()(jnp.array([3.0, 0.0]))), 4)
    0.9889
    """

    name: ClassVar[str] = "plateau"
    box: ClassVar[tuple[float, float]] = (-4.0, 4.0)
    begin: ClassVar[float] = -2.2
    width: Number = number(1.0, valid="(0, inf)", usual=(0.5, 2.0), scale="log", help="w, radius of the hole")
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return 1.0 - jnp.exp(-0.5 * jnp.sum((x / self.width) ** 2))

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((0.0,) * self.dimensions, 0.0),)
