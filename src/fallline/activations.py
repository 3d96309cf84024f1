"""Activations: what a unit does with its sum."""

import math
from abc import abstractmethod
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block


class Activation(Block):
    """Elementwise non-linearity with its facts declared.

    Facts: `range`, the interval of its values; `zero_centred`, whether they spread around 0; `saturates`, where the
    slope vanishes; `zero_at_zero`, whether f(0) = 0 (then a padded unit stays silent); `initializer`, the name of
    the initial weights that keep its signal's variance.
    """

    family: ClassVar[str] = "activation"
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    zero_centred: ClassVar[bool] = False
    saturates: ClassVar[str] = "nowhere"
    zero_at_zero: ClassVar[bool] = True
    initializer: ClassVar[str] = "glorot_uniform"

    @abstractmethod
    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """f(x), element by element."""

    def flat(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """1 where |f'(x)| < 0.001: no gradient passes there."""
        _, slope = jax.jvp(self, (x,), (jnp.ones_like(x),))
        return (jnp.abs(slope) < 1e-3).astype(x.dtype)

    def squashed(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """1 where y = f(x) lies within 2.5 % of a bound, for activations bounded on both sides; 0 for others."""
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high)):
            return jnp.zeros_like(y)
        edge = 0.025 * (high - low)
        return ((y < low + edge) | (y > high - edge)).astype(y.dtype)


class ReLU(Activation):
    """Rectified linear unit.

        f(x) = max(0, x),  f'(x) = 1 for x > 0, else 0

    The default: cheap, and its slope does not vanish for positive x. A unit whose sum is negative for every example
    has no gradient left and is dead; a lower learning rate, He's initial weights or a leaky slope prevent it.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    >>> ReLU()(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    name: ClassVar[str] = "relu"
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    saturates: ClassVar[str] = "for x < 0 (slope 0: units can die)"
    initializer: ClassVar[str] = "he_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return jax.nn.relu(x)  # `maximum` has slope 1/2 at 0, and a silent unit would learn
