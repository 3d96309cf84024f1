"""The base class of activations: an elementwise function that declares its facts."""

import math
from abc import abstractmethod
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block


class Activation(Block):
    """Elementwise non-linearity that declares its facts.

    Facts: `range`, the interval of its values at the default of its fields; `zero_centred`, whether the values spread
    around 0 (for a standard normal sum, their mean is less than a quarter of their standard deviation); `saturates`, where
    the slope vanishes; `zero_at_zero`, whether f(0) = 0, so that a padded unit stays silent; `initializer`, the name of
    the initial weights that preserve the variance of its signal.
    """

    family: ClassVar[str] = "activation"
    facts: ClassVar[tuple[str, ...]] = ("range", "zero_centred", "saturates", "initializer")
    range: ClassVar[tuple[float, float]] = (-math.inf, math.inf)
    zero_centred: ClassVar[bool] = False
    saturates: ClassVar[str] = "nowhere"
    zero_at_zero: ClassVar[bool] = True
    initializer: ClassVar[str] = "glorot_uniform"

    @abstractmethod
    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """f(x), element by element."""

    def flat(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """1 where |f'(x)| < 0.001, so that no gradient passes; 0 elsewhere."""
        y, back = jax.vjp(self, x)  # reverse mode, as in training: some activations define no forward-mode rule
        (slope,) = back(jnp.ones_like(y))
        return (jnp.abs(slope) < 1e-3).astype(x.dtype)

    def squashed(self, y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """1 where y = f(x) lies within 2.5 % of a bound, for activations bounded on both sides; 0 for others."""
        low, high = self.range
        if not (math.isfinite(low) and math.isfinite(high)):
            return jnp.zeros_like(y)
        edge = 0.025 * (high - low)
        return ((y < low + edge) | (y > high - edge)).astype(y.dtype)


class Identity(Activation):
    """No non-linearity.

        f(x) = x,  f'(x) = 1

    Consecutive layers with it act as one linear layer. Use it for linear models, or to see what a non-linearity adds.

    Source: the linear unit of Widrow and Hoff, "Adaptive switching circuits", 1960.

    >>> Identity()(jnp.array([-3.0, 4.0])).tolist()
    [-3.0, 4.0]
    """

    name: ClassVar[str] = "identity"
    aliases: ClassVar[tuple[str, ...]] = ("linear",)
    zero_centred: ClassVar[bool] = True
    initializer: ClassVar[str] = "lecun_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return x
