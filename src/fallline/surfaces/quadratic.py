"""Quadratic surfaces: every rate and factor of a rule on them is known in closed form."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.surfaces.base import Minimum, Surface, check_dimensions, dimensions_field


class Bowl(Surface):
    """A round bowl: the same curvature L in every direction.

        f(x) = L/2 sum x_i^2

    Gradient descent is stable up to the rate 2/L, momentum mu up to 2 (1 + mu)/L, and Nesterov's momentum up to
    (2 + 2 mu)/((1 + 2 mu) L). Domain: every x_i in [-2, 2]. Minimum: 0 at 0, condition 1.

    Source: Polyak, "Introduction to optimization", 1987, section 1.4.

    >>> float(Bowl(curvature=3.0)(jnp.array([1.0, 1.0])))
    3.0
    """

    name: ClassVar[str] = "bowl"
    aliases: ClassVar[tuple[str, ...]] = ("sphere", "quadratic")
    box: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    begin: ClassVar[float] = -1.5
    curvature: Number = number(1.0, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="L")
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return 0.5 * self.curvature * jnp.sum(x**2)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((0.0,) * self.dimensions, 0.0),)


class Ravine(Surface):
    """A ravine: a floor of curvature 1 and walls of curvature k.

        f(x) = 1/2 sum l_i u_i^2,  l_i = k^((i - 1)/(n - 1)),  u = x with its first and last coordinate turned by `angle`

    The walls allow a rate of 2/k at most, at which the floor needs about k steps. Momentum needs about sqrt(k). Rules
    with a rate per coordinate (AdaGrad, RMSProp, Adam) even it out only while the ravine lies along the axes: turn it to
    see them lose this advantage. Domain: every x_i in [-2, 2]. Minimum: 0 at 0, condition k.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.

    >>> float(Ravine(condition=100.0)(jnp.array([1.0, 0.1])))
    1.0
    """

    name: ClassVar[str] = "ravine"
    box: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    condition: Number = number(100.0, valid="[1, inf)", usual=(1.0, 1e4), scale="log", help="k, walls over floor")
    angle: Number = number(0.0, valid="[-360, 360]", usual=(0.0, 45.0), unit="degrees", help="how far it is turned")
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self, least=2)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        n = self.dimensions
        turn = self.angle * (jnp.pi / 180)
        c, s = jnp.cos(turn), jnp.sin(turn)
        u = jnp.concatenate([(c * x[0] + s * x[-1])[None], x[1:-1], (c * x[-1] - s * x[0])[None]])
        l = jnp.asarray(self.condition, x.dtype) ** jnp.linspace(0.0, 1.0, n, dtype=x.dtype)
        return (0.5 * jnp.sum(l * u**2)).astype(x.dtype)

    @property
    def start(self) -> tuple[float, ...]:
        return (-1.8,) + (1.0,) * (self.dimensions - 1)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((0.0,) * self.dimensions, 0.0),)
