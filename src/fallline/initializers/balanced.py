"""Initial weights for activations with slope 1 at 0: they preserve the variance of signals, gradients or both."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.random import Seed, normal, uniform
from fallline.initializers.base import Fans, Initializer, fans_of


class GlorotUniform(Initializer):
    """Uniform weights that balance the variance of signals forward and of gradients backward.

        w ~ U(-r, r),  r = sqrt(6 / (inputs + outputs))

    Use it with tanh, sigmoid and for the output layer.

    Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010,
    equation 16.

    >>> import jax
    >>> w = GlorotUniform()(jax.random.key(0), (100, 50))
    >>> bool(abs(w).max() < (6 / 150) ** 0.5)
    True
    """

    name: ClassVar[str] = "glorot_uniform"
    aliases: ClassVar[tuple[str, ...]] = ("glorot", "xavier", "xavier_uniform")

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, outputs = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) * jnp.sqrt(6.0 / (inputs + outputs))

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 2.0 / (inputs + outputs)


class GlorotNormal(Initializer):
    """Normal weights with Glorot's variance.

        w ~ N(0, 2 / (inputs + outputs))

    Source: Glorot and Bengio, 2010, equation 12.

    >>> import jax
    >>> w = GlorotNormal()(jax.random.key(0), (300, 300))
    >>> round(float(w.var() * 300), 1)
    1.0
    """

    name: ClassVar[str] = "glorot_normal"
    aliases: ClassVar[tuple[str, ...]] = ("xavier_normal",)

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, outputs = fans_of(shape, fans)
        return normal(key, shape) * jnp.sqrt(2.0 / (inputs + outputs))

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 2.0 / (inputs + outputs)


class LeCunNormal(Initializer):
    """Normal weights that preserve the variance of a signal through a linear layer.

        w ~ N(0, 1 / inputs)

    Also known as "N(0, 1) / sqrt(n)". Use it with maxout of two pieces (the mean square of its outputs is that of its
    sums), with linear layers, and with tanh where layers widen.

    Source: LeCun et al., "Efficient backprop", 1998, equation 16.

    >>> import jax
    >>> w = LeCunNormal()(jax.random.key(0), (200, 500))
    >>> round(float(w.var() * 200), 1)
    1.0
    """

    name: ClassVar[str] = "lecun_normal"
    aliases: ClassVar[tuple[str, ...]] = ("lecun",)

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return normal(key, shape) * jnp.sqrt(1.0 / inputs)

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 1.0 / inputs


class LeCunUniform(Initializer):
    """Uniform weights with LeCun's variance.

        w ~ U(-r, r),  r = sqrt(3 / inputs)

    Source: LeCun et al., 1998, equation 16, with the uniform distribution of the same variance.

    >>> import jax
    >>> w = LeCunUniform()(jax.random.key(0), (300, 300))
    >>> round(float(w.var() * 300), 1)
    1.0
    """

    name: ClassVar[str] = "lecun_uniform"

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) * jnp.sqrt(3.0 / inputs)

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 1.0 / inputs


class InverseSqrtFan(Initializer):
    """The traditional rule of thumb: uniform weights within 1/sqrt(n).

        w ~ U(-r, r),  r = 1 / sqrt(inputs)

    Its variance is 1 / (3 inputs): a signal loses two thirds of its variance per linear layer, so it suits one or two
    hidden layers. It is provided because many published results use it, as does PyTorch's default.

    Another rule of the same name draws from a normal distribution, w ~ N(0, 1) / sqrt(inputs). Its variance is three times
    as large, 1 / inputs, so a linear layer preserves the variance of its signal; that rule is `lecun_normal`.

    Source: Glorot and Bengio, 2010, equation 1, who call it the commonly used heuristic.

    >>> import jax
    >>> w = InverseSqrtFan()(jax.random.key(0), (300, 300))
    >>> round(float(w.var() * 300), 2)
    0.33
    """

    name: ClassVar[str] = "inverse_sqrt"

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) / jnp.sqrt(inputs)

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 1.0 / (3.0 * inputs)
