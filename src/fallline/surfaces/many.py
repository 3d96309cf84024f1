"""Surfaces with many minima, of which one is lowest."""

import itertools
import math
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.surfaces.base import Domain, Minimum, Surface, check_dimensions, dimensions_field

MOST_MINIMA = 200  # a surface with more minima declares its global one alone


class Rastrigin(Surface):
    """A bowl with a regular grid of minima.

        f(x) = 10 n + sum x_i^2 - 10 cos(2 pi x_i)

    Domain: every x_i in [-5.12, 5.12]. Minimum: 0 at 0, condition 1. Other minima lie near all whole numbers, the next
    ones at 0.9949586, which adds 0.994959 for each coordinate that is off.

    Source: Rastrigin, "Systems of extremal control", 1974; in n dimensions: Muehlenbein, Schomisch and Born, "The
    parallel genetic algorithm as function optimizer", 1991.

    >>> round(float(Rastrigin()(jnp.array([0.9949586, 0.0]))), 5)
    0.99496
    """

    name: ClassVar[str] = "rastrigin"
    box: ClassVar[tuple[float, float]] = (-5.12, 5.12)
    begin: ClassVar[float] = -3.4
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return jnp.sum(10.0 + x**2 - 10.0 * jnp.cos(2 * jnp.pi * x))

    @property
    def minima(self) -> tuple[Minimum, ...]:
        own = {k: _near(float(k)) for k in range(-5, 6)}
        return _grid([(own[k], 10 + own[k] ** 2 - 10 * math.cos(2 * math.pi * own[k])) for k in own], self.dimensions)


def _near(x: float) -> float:
    """The root of 2 x + 20 pi sin(2 pi x) near x, by Newton's method."""
    for _ in range(20):
        x -= (2 * x + 20 * math.pi * math.sin(2 * math.pi * x)) / (2 + 40 * math.pi**2 * math.cos(2 * math.pi * x))
    return x


class Ackley(Surface):
    """A funnel covered with small dents, whose bottom is a kink.

        f(x) = -20 exp(-0.2 sqrt(mean x_i^2)) - exp(mean cos(2 pi x_i)) + 20 + e

    Domain: every x_i in [-32.768, 32.768]. Minimum: 0 at 0, where there is no gradient; around it the slope is
    4/sqrt(n), so a rule with a constant rate never comes to rest. At the kink itself the gradient is set to 0.

    Source: Ackley, "A connectionist machine for genetic hillclimbing", 1987.

    >>> round(float(Ackley()(jnp.array([0.952167, 0.0]))), 4)
    2.5799
    """

    name: ClassVar[str] = "ackley"
    box: ClassVar[tuple[float, float]] = (-32.768, 32.768)
    begin: ClassVar[float] = -14.3
    smooth: ClassVar[bool] = False
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        square = jnp.mean(x**2)
        # The root's derivative at 0 is infinite: it is taken of a number that is not 0.
        root = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1.0)), 0.0)
        return -20.0 * jnp.exp(-0.2 * root) - jnp.exp(jnp.mean(jnp.cos(2 * jnp.pi * x))) + 20.0 + jnp.e

    @property
    def minima(self) -> tuple[Minimum, ...]:
        return (Minimum((0.0,) * self.dimensions, 0.0),)


class StyblinskiTang(Surface):
    """A double well in every coordinate, with one of the two wells deeper.

        f(x) = 1/2 sum x_i^4 - 16 x_i^2 + 5 x_i

    Domain: every x_i in [-5, 5]. Minimum: -39.166166 n at -2.903534 in every coordinate, condition 1; the other well at
    2.746803 adds 14.1367 for each coordinate.

    Source: Styblinski and Tang, "Experiments in nonconvex optimization: stochastic approximation with function smoothing
    and simulated annealing", 1990.

    >>> round(float(StyblinskiTang()(jnp.array([-2.903534, -2.903534]))), 4)
    -78.3323
    """

    name: ClassVar[str] = "styblinski_tang"
    begin: ClassVar[float] = 0.5
    dimensions: int = dimensions_field()

    def __check_init__(self) -> None:
        check_dimensions(self)

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, ""]:
        return 0.5 * jnp.sum(x**4 - 16.0 * x**2 + 5.0 * x)

    @property
    def start(self) -> tuple[float, ...]:
        return tuple(0.3 if i % 2 == 0 else -0.4 for i in range(self.dimensions))

    @property
    def minima(self) -> tuple[Minimum, ...]:
        low, _, high = np.sort(np.roots([2.0, 0.0, -16.0, 2.5]).real)
        return _grid([(x, 0.5 * (x**4 - 16 * x**2 + 5 * x)) for x in (float(low), float(high))], self.dimensions)


class DoubleWell(Surface):
    """Two wells on a line, the left one deeper.

        f(x) = (x^2 - 1)^2 + t x

    Domain: [-2, 2]. Minima: the outer roots of 4 x^3 - 4 x + t, near -1 (global) and 1; the hill between them is near 0.
    A walk from the right needs a large rate, momentum or noise to cross it.

    Source: Duffing's oscillator, 1918, whose potential it is.

    >>> float(DoubleWell(tilt=0.5)(jnp.array([1.0])))
    0.5
    """

    name: ClassVar[str] = "double_well"
    tilt: Number = number(0.3, valid="(0, 1.5)", usual=(0.1, 1.0), help="t, how much higher the right well is, halved")

    def __call__(self, x: Float[Array, " 1"]) -> Float[Array, ""]:
        return (x[0] ** 2 - 1.0) ** 2 + self.tilt * x[0]

    @property
    def dimensions(self) -> int:
        return 1

    @property
    def domain(self) -> Domain:
        return ((-2.0, 2.0),)

    @property
    def start(self) -> tuple[float, ...]:
        return (1.9,)

    @property
    def minima(self) -> tuple[Minimum, ...]:
        t = float(self.tilt)
        left, _, right = np.sort(np.roots([4.0, 0.0, -4.0, t]).real).tolist()
        return tuple(Minimum((x,), (x**2 - 1) ** 2 + t * x, x == left) for x in (left, right))


def _grid(each: list[tuple[float, float]], n: int) -> tuple[Minimum, ...]:
    """All combinations of a coordinate's minima, the lowest first; the lowest alone if there are too many."""
    each = sorted(each, key=lambda one: one[1])
    if len(each) ** n > MOST_MINIMA:
        return (Minimum((each[0][0],) * n, n * each[0][1]),)
    found = [
        Minimum(tuple(x for x, _ in some), sum(value for _, value in some), all(one == each[0] for one in some))
        for some in itertools.product(each, repeat=n)
    ]
    return tuple(sorted(found, key=lambda one: one.value))
