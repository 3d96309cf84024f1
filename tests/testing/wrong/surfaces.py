"""Surfaces that lack a property, and what their check says of each."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from fallline.surfaces import Bowl, Minimum, Surface


class Row(Bowl):
    """A height of the wrong shape."""

    name: ClassVar = ""

    def __call__(self, x):
        return super().__call__(x)[None]


class Narrow(Bowl):
    """A start beside its domain."""

    name: ClassVar = ""
    begin: ClassVar = 2.5


class Holed(Bowl):
    """A height that is not finite in a half of the domain."""

    name: ClassVar = ""

    def __call__(self, x):
        return super().__call__(x) + jnp.log(x[0]) * 0


class Misled(Surface):
    """A gradient that is not that of the heights."""

    name: ClassVar = ""

    def __call__(self, x):
        return jnp.sum(x**2) + jax.lax.stop_gradient(x[0])


class Off(Bowl):
    """A minimum beside the lowest point."""

    name: ClassVar = ""

    @property
    def minima(self):
        return (Minimum((0.5, 0.0), 0.125),)


class Higher(Bowl):
    """A height that is not the declared one."""

    name: ClassVar = ""

    @property
    def minima(self):
        return (Minimum((0.0, 0.0), -1.0),)


class Modest(Bowl):
    """The global minimum declared as a local one."""

    name: ClassVar = ""

    @property
    def minima(self):
        return (Minimum((0.0, 0.0), 0.0, False),)


class Kinked(Surface):
    """A kink where the surface is said to be smooth."""

    name: ClassVar = ""

    def __call__(self, x):
        return jnp.sum(jnp.where(x > 0, x, -0.5 * x))

    @property
    def minima(self):
        return (Minimum((0.0, 0.0), 0.0),)


WRONG = [
    (Row(), "dtypes", "a height"),
    (Narrow(), "domain", "the start (2.5, 2.5) is outside of the domain"),
    (Holed(), "domain", "is not finite"),
    (Misled(), "gradient", "beside central differences"),
    (Off(), "minima", "below all minima (0.125)"),
    (Higher(), "minima", "the height at (0.0, 0.0) is 0"),
    (Modest(), "minima", "is declared global: False"),
    (Kinked(), "minima", "the slope at (0.0, 0.0) is"),
]
