"""Initial weights: `(key, shape) -> array`, shape = (inputs, outputs)."""

from abc import abstractmethod
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.random import Seed, normal, uniform

Fans = tuple[float | Float[Array, ""], float | Float[Array, ""]]


class Initializer(Block):
    """Draws a layer's initial weights."""

    family: ClassVar[str] = "initializer"

    @abstractmethod
    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        """The weights. `fans` = (inputs, outputs) where they are not those of the shape, as in a padded lane."""


def fans_of(shape: tuple[int, ...], fans: Fans | None) -> Fans:
    """(inputs, outputs) of a weight array; the last two axes, or the given ones."""
    return fans if fans is not None else (float(shape[-2]), float(shape[-1]))


class HeNormal(Initializer):
    """Normal weights that keep the variance of a signal through ReLU.

        w ~ N(0, 2 / inputs)

    Half of a ReLU's outputs are zero, hence the 2. Use it with ReLU and its relatives.

    Source: He et al., "Delving deep into rectifiers", 2015, equation 10.

    >>> import jax
    >>> w = HeNormal()(jax.random.key(0), (200, 500))
    >>> round(float(w.var() * 200), 1)
    2.0
    """

    name: ClassVar[str] = "he_normal"

    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return normal(key, shape) * jnp.sqrt(2.0 / inputs)


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

    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        inputs, outputs = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) * jnp.sqrt(6.0 / (inputs + outputs))


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

    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        inputs, outputs = fans_of(shape, fans)
        return normal(key, shape) * jnp.sqrt(2.0 / (inputs + outputs))


class HeUniform(Initializer):
    """Uniform weights with He's variance.

        w ~ U(-r, r),  r = sqrt(6 / inputs)

    Source: He et al., 2015, equation 10, with the uniform distribution of the same variance.

    >>> import jax
    >>> w = HeUniform()(jax.random.key(0), (300, 300))
    >>> round(float(w.var() * 300), 1)
    2.0
    """

    name: ClassVar[str] = "he_uniform"

    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        inputs, _ = fans_of(shape, fans)
        return (2.0 * uniform(key, shape) - 1.0) * jnp.sqrt(6.0 / inputs)


class Zeros(Initializer):
    """Zeros, for biases.

    Refused for the weights of a layer followed by another: equal units get equal gradients and stay equal for ever.

    >>> import jax
    >>> Zeros()(jax.random.key(0), (2,)).tolist()
    [0.0, 0.0]
    """

    name: ClassVar[str] = "zeros"

    def __call__(
        self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None
    ) -> Float[Array, "*shape"]:
        return jnp.zeros(shape, jnp.float32)
