"""Rectified activations: they return a positive sum unchanged."""

import math
from typing import ClassVar

from jaxtyping import Array, Float

from fallline.activations.base import Activation
from fallline.core.field import Number, number
from fallline.core.namespace import namespace, relu


class ReLU(Activation):
    """Rectified linear unit.

        f(x) = max(0, x),  f'(x) = 1 for x > 0, else 0

    The default: cheap, and its slope does not vanish for positive x. A unit whose sum is negative for every example
    has no gradient left and is dead; a lower learning rate, He's initial weights or a leaky slope prevent it.

    Source: Nair and Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.

    >>> import jax.numpy as jnp
    >>> ReLU()(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 2.0]
    """

    name: ClassVar[str] = "relu"
    aliases: ClassVar[tuple[str, ...]] = ("rectifier", "rectified_linear")
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    saturates: ClassVar[str] = "for x < 0 (slope 0: units can die)"
    initializer: ClassVar[str] = "he_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return relu(x)


class LeakyReLU(Activation):
    """Rectified linear unit with a small slope for negative sums.

        f(x) = x for x > 0, else slope x

    Use it where ReLU's units die: a gradient always passes. Results differ little for slopes between 0.01 and 0.3.

    Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", 2013, section 2.

    >>> import jax.numpy as jnp
    >>> LeakyReLU(0.1)(jnp.array([-5.0, 0.0, 2.0])).tolist()
    [-0.5, 0.0, 2.0]
    """

    name: ClassVar[str] = "leaky_relu"
    aliases: ClassVar[tuple[str, ...]] = ("lrelu",)
    initializer: ClassVar[str] = "he_normal"
    slope: Number = number(
        0.01, valid="[0, 1]", usual=(0.001, 0.3), scale="log", help="slope for x < 0", source="Maas et al. 2013"
    )

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return namespace(x, self.slope).where(x > 0, x, self.slope * x)


class ELU(Activation):
    """Exponential linear unit.

        f(x) = x for x > 0, else alpha (exp(x) - 1)

    Negative values pull a layer's mean towards 0, and far below 0 a unit saturates, so noise in its sum does not pass. It
    costs an exponential per unit. With batch normalisation, which already centres the sums, ReLU does as well.

    Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear units
    (ELUs)", 2016, equation 15.

    >>> import jax.numpy as jnp
    >>> ELU()(jnp.array([-20.0, 0.0, 2.0])).tolist()
    [-1.0, 0.0, 2.0]
    """

    name: ClassVar[str] = "elu"
    range: ClassVar[tuple[float, float]] = (-1.0, math.inf)
    zero_centred: ClassVar[bool] = True
    saturates: ClassVar[str] = "for x < -7 (towards -alpha)"
    initializer: ClassVar[str] = "he_normal"
    alpha: Number = number(
        1.0, valid="[0, inf)", usual=(0.1, 2.0), help="size of the lower bound -alpha", source="Clevert et al. 2016"
    )

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # Positive x are kept from the exponential: if it overflowed, the slope would be infinity times 0.
        xp = namespace(x, self.alpha)
        return xp.where(x > 0, x, self.alpha * xp.expm1(xp.where(x > 0, 0.0, x)))


class SELU(Activation):
    """Scaled exponential linear unit.

        f(x) = lambda x for x > 0, else lambda alpha (exp(x) - 1),  lambda = 1.0507..., alpha = 1.6733...

    The two numbers make mean 0 and variance 1 a fixed point of a layer with LeCun's initial weights, so that deep networks
    need no normalisation. RealMLP uses it for classifications.

    Source: Klambauer et al., "Self-normalizing neural networks", 2017, equations 2 and 14.

    >>> import jax.numpy as jnp
    >>> [round(float(each), 4) for each in SELU()(jnp.array([-20.0, 0.0, 1.0]))]
    [-1.7581, 0.0, 1.0507]
    """

    name: ClassVar[str] = "selu"
    range: ClassVar[tuple[float, float]] = (-1.758099341, math.inf)
    zero_centred: ClassVar[bool] = True
    saturates: ClassVar[str] = "for x < -8 (towards -1.76)"
    initializer: ClassVar[str] = "lecun_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # Positive x are kept from the exponential: if it overflowed, the slope would be infinity times 0.
        xp = namespace(x)
        return _LAMBDA * xp.where(x > 0, x, _ALPHA * xp.expm1(xp.where(x > 0, 0.0, x)))


_LAMBDA, _ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
