"""Initial weights that do not depend on the layer's size."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.random import Seed, normal
from fallline.initializers.base import Fans, Initializer


class Zeros(Initializer):
    """Zeros, for biases.

    Refused for the weights of a layer followed by another: equal units get equal gradients and stay equal for ever.

    Source: biases in Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010, section 2.3.

    >>> import jax
    >>> Zeros()(jax.random.key(0), (2,)).tolist()
    [0.0, 0.0]
    """

    name: ClassVar[str] = "zeros"
    aliases: ClassVar[tuple[str, ...]] = ("zero",)
    breaks_symmetry: ClassVar[bool] = False

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        return jnp.zeros(shape, jnp.float32)

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, 0.0


class Filled(Initializer):
    """A constant, for biases: 0.01 keeps every ReLU active at the start.

        w = value

    Refused for the weights of a layer followed by another, as `Zeros` is.

    Source: biases of 1, so that ReLUs get positive inputs at first, in Krizhevsky, Sutskever and Hinton, 2012, section 5.

    >>> import jax
    >>> Filled(0.5)(jax.random.key(0), (2,)).tolist()
    [0.5, 0.5]
    """

    name: ClassVar[str] = "constant"
    breaks_symmetry: ClassVar[bool] = False
    value: Number = number(0.01, usual=(0.0, 0.1), help="the number")

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        return jnp.full(shape, self.value, jnp.float32)

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return self.value, 0.0


class SmallNormal(Initializer):
    """Small Gaussian numbers with the same standard deviation for every layer.

        w ~ N(0, std^2)

    Fine for one or two layers. In a deep network a signal shrinks by std sqrt(inputs) per layer (0.16 for 256 inputs)
    and so does the gradient: the upper layers see nothing and the lower ones learn nothing. Use He's, Glorot's or
    LeCun's weights instead.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", 2012,
    section 5.

    >>> import jax
    >>> w = SmallNormal()(jax.random.key(0), (300, 300))
    >>> round(float(w.std()), 4)
    0.01
    """

    name: ClassVar[str] = "small_normal"
    aliases: ClassVar[tuple[str, ...]] = ("normal", "random_normal", "gaussian")
    std: Number = number(
        0.01,
        valid="(0, inf)",
        usual=(1e-3, 1.0),
        scale="log",
        help="standard deviation",
        source="Krizhevsky et al. 2012",
    )

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        return normal(key, shape) * self.std

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, self.std**2
