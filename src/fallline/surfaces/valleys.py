"""Surfaces with curved valleys and several minima, in two dimensions; Rosenbrock's in any number."""

import math
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.surfaces.base import Domain, Minimum, Surface, check_dimensions, dimensions_field, stationary


class Rosenbrock(Surface):
    """A curved valley with a flat floor.

        f(x) = sum_(i < n) 100 (x_(i+1) - x_i^2)^2 + (1 - x_i)^2

    The valley is found at once, and the way along its floor is long. Domain: every x_i in [-2.048, 2.048]. Minimum: 0 at
    (1, ..., 1); condition 2,508 for n = 2 and 3,535 for n = 10. From n = 4 on there is a second minimum near
    (-1, 1, ..., 1). The usual start is (-1.2, 1).

    Source: Rosenbrock, "An automatic method for finding the greatest or least value of a function", 1960; the second
    minimum: Shang and Qiu, "A note on the extended Rosenbrock function", 2006.

    >>> round(float(Rosenbrock()(jnp.array([-1.2, 1.0]))), 4)
    24.2
    """

    name: ClassVar[str] = "rosenbrock"
    aliases: ClassVar[tuple[str, ...]] = ("banana",)
    box: ClassVar[tuple[float, float]] = (-2.048, 2.048)
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self, least=2)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    @property
    def start(self) -> tuple[float, ...]:
        return tuple((-1.2, 1.0)[i % 2] for i in range(self.dimensions))

    @property
    def minima(self) -> tuple[Minimum, ...]:
        n = self.dimensions
        best = Minimum((1.0,) * n, 0.0)
        if not 4 <= n <= 30:  # for more dimensions it is not established here
            return (best,)
        point = stationary(self, [-1.0] + [1.0] * (n - 1))
        is_one = point[0] < 0 and self.curvatures_at(point)[0] > 0
        return (best, Minimum(point, height(self, point), False)) if is_one else (best,)


class Beale(Surface):
    """A flat valley between steep corners.

        f(x, y) = (1.5 - x + x y)^2 + (2.25 - x + x y^2)^2 + (2.625 - x + x y^3)^2

    Domain: [-4.5, 4.5] for both. Minimum: 0 at (3, 1/2), condition 162. The line x = 0 is a plateau of height 14.203125
    with a saddle at (0, 1); the corner (-4.5, 4.5) has the height 169,681, so a large rate diverges there at once.

    Source: Beale, "On an iterative method for finding a local minimum of a function of more than one variable", 1958.

    >>> float(Beale()(jnp.array([0.0, 7.0])))
    14.203125
    """

    name: ClassVar[str] = "beale"
    box: ClassVar[tuple[float, float]] = (-4.5, 4.5)

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        a, b = x[0], x[1]
        return (1.5 - a + a * b) ** 2 + (2.25 - a + a * b**2) ** 2 + (2.625 - a + a * b**3) ** 2

    @property
    def start(self) -> tuple[float, ...]:
        return (1.0, 1.5)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((3.0, 0.5), 0.0),)


class Himmelblau(Surface):
    """Four equal minima, four saddles and one hill between them.

        f(x, y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2

    Domain: [-5, 5] for both. Minima: 0 at (3, 2), (-2.805118, 3.131313), (-3.779310, -3.283186), (3.584428, -1.848127),
    conditions 3.2, 1.2, 1.9 and 3.7. Which one a walk finds depends on its start and its rule.

    Source: Himmelblau, "Applied nonlinear programming", 1972.

    >>> float(Himmelblau()(jnp.array([0.0, 0.0])))
    170.0
    """

    name: ClassVar[str] = "himmelblau"

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        return (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2

    @property
    def start(self) -> tuple[float, ...]:
        return (-0.6, -0.4)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        points = (
            (3.0, 2.0),
            (-2.805118086952745, 3.131312518250573),
            (-3.779310253377747, -3.283185991286170),
            (3.584428340330492, -1.848126526964404),
        )
        return tuple(Minimum(point, 0.0) for point in points)


class Branin(Surface):
    """Three equal minima on a bent sheet.

        f(x, y) = (y - 5.1/(4 pi^2) x^2 + 5/pi x - 6)^2 + 10 (1 - 1/(8 pi)) cos(x) + 10

    Domain: x in [-5, 10], y in [0, 15]. Minima: 0.39788736 at (-pi, 12.275), (pi, 2.275), (3 pi, 2.475).

    Source: Branin, "Widely convergent method for finding multiple solutions of simultaneous nonlinear equations", 1972.

    >>> round(float(Branin()(jnp.array([jnp.pi, 2.275]))), 5)
    0.39789
    """

    name: ClassVar[str] = "branin"

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        bent = x[1] - 5.1 / (4 * math.pi**2) * x[0] ** 2 + 5 / math.pi * x[0] - 6.0
        return bent**2 + 10 * (1 - 1 / (8 * math.pi)) * jnp.cos(x[0]) + 10.0

    @property
    def domain(self) -> Domain:
        return ((-5.0, 10.0), (0.0, 15.0))

    @property
    def start(self) -> tuple[float, ...]:
        return (6.0, 12.0)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        lowest = 10 / (8 * math.pi)  # the bent sheet is 0 there, and cos(x) is -1
        return tuple(Minimum(point, lowest) for point in ((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475)))


class SixHumpCamel(Surface):
    """Six minima, two of them global, in pairs that are mirror images.

        f(x, y) = (4 - 2.1 x^2 + x^4/3) x^2 + x y + (4 y^2 - 4) y^2

    Domain: x in [-3, 3], y in [-2, 2]. Minima: -1.0316285 at +-(0.089842, -0.712656), -0.2154638 at
    +-(1.703607, -0.796084), 2.1042503 at +-(1.607105, 0.568651). (0, 0) is a saddle.

    Source: Dixon and Szego, "Towards global optimisation 2", 1978.

    >>> round(float(SixHumpCamel()(jnp.array([0.089842, -0.712656]))), 6)
    -1.031628
    """

    name: ClassVar[str] = "six_hump_camel"

    def __call__(self, x: Float[Array, " 2"]) -> Float[Array, ""]:
        a, b = x[0] ** 2, x[1] ** 2
        return (4.0 - 2.1 * a + a**2 / 3) * a + x[0] * x[1] + (4.0 * b - 4.0) * b

    @property
    def domain(self) -> Domain:
        return ((-3.0, 3.0), (-2.0, 2.0))

    @property
    def start(self) -> tuple[float, ...]:
        return (-2.4, 1.6)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        pairs = (
            ((0.08984201310031807, -0.7126564030207396), -1.031628453489877, True),
            ((1.7036067149699812, -0.7960835686726251), -0.215463824383719, False),
            ((1.6071047529201976, 0.5686514548841313), 2.104250310311308, False),
        )
        return tuple(
            Minimum((sign * point[0], sign * point[1]), value, lowest)
            for point, value, lowest in pairs
            for sign in (1, -1)
        )


def height(surface: Surface, point: tuple[float, ...]) -> float:
    """The value at a point, in double precision."""

    with jax.enable_x64(True):
        return float(surface(jnp.asarray(np.asarray(point), jnp.float64)))
