"""Initial weights for rectifiers, which discard half of a signal."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.random import Seed, normal, uniform
from fallline.initializers.base import Fans, Initializer, fans_of


class HeNormal(Initializer):
    """Normal weights that preserve the variance of a signal through ReLU.

        w ~ N(0, 2 / ((1 + slope^2) inputs))

    Half of a ReLU's outputs are zero, hence the 2. Use it with ReLU and its relatives; `slope` is that of a leaky
    ReLU's negative half.

    Source: He et al., "Delving deep into rectifiers", 2015, equations 10 and 15.

    >>> import jax
    >>> w = HeNormal()(jax.random.key(0), (200, 500))
    >>> round(float(w.var() * 200), 1)
    2.0
    """

    name: ClassVar[str] = "he_normal"
    aliases: ClassVar[tuple[str, ...]] = ("he", "kaiming", "kaiming_normal", "msra")
    slope: Number = number(0.0, valid="[0, 1]", help="the activation's slope for x < 0", source="He et al. 2015")

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return normal(key, shape) * jnp.sqrt(2.0 / ((1.0 + self.slope**2) * inputs))

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 2.0 / ((1.0 + self.slope**2) * inputs)


class HeUniform(Initializer):
    """Uniform weights with He's variance.

        w ~ U(-r, r),  r = sqrt(6 / ((1 + slope^2) inputs))

    Source: He et al., 2015, equations 10 and 15, with the uniform distribution of the same variance.

    >>> import jax
    >>> w = HeUniform()(jax.random.key(0), (300, 300))
    >>> round(float(w.var() * 300), 1)
    2.0
    """

    name: ClassVar[str] = "he_uniform"
    aliases: ClassVar[tuple[str, ...]] = ("kaiming_uniform",)
    slope: Number = number(0.0, valid="[0, 1]", help="the activation's slope for x < 0", source="He et al. 2015")

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) * jnp.sqrt(6.0 / ((1.0 + self.slope**2) * inputs))

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 2.0 / ((1.0 + self.slope**2) * inputs)
