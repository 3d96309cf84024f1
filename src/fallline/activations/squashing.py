"""Activations bounded on both sides."""

from typing import ClassVar

from jaxtyping import Array, Float

from fallline.activations.base import Activation
from fallline.core.namespace import namespace, sigmoid


class Sigmoid(Activation):
    """Logistic function.

        f(x) = 1 / (1 + exp(-x)),  f'(x) = f(x) (1 - f(x)) <= 1/4

    For probabilities and gates. In hidden layers it weakens the gradient of the layers below: its slope is at most 1/4,
    and its values are all positive.

    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", 1986, equation 2.

    >>> import jax.numpy as jnp
    >>> Sigmoid()(jnp.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """

    name: ClassVar[str] = "sigmoid"
    aliases: ClassVar[tuple[str, ...]] = ("logistic", "expit")
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    saturates: ClassVar[str] = "for |x| > 7 (towards 0 and 1)"
    zero_at_zero: ClassVar[bool] = False

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return sigmoid(x)


class Tanh(Activation):
    """Hyperbolic tangent, a sigmoid around 0.

        f(x) = (exp(x) - exp(-x)) / (exp(x) + exp(-x)) = 2 s(2 x) - 1,  f'(x) = 1 - f(x)^2

    The best of the squashing activations: it is centred on 0 and has slope 1 there. For small smooth networks; in deep
    networks its slope vanishes where ReLU's does not.

    Source: LeCun et al., "Efficient backprop", 1998, section 4.4.

    >>> import jax.numpy as jnp
    >>> Tanh()(jnp.array([-1000.0, 0.0, 1000.0])).tolist()
    [-1.0, 0.0, 1.0]
    """

    name: ClassVar[str] = "tanh"
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    zero_centred: ClassVar[bool] = True
    saturates: ClassVar[str] = "for |x| > 4 (towards -1 and 1)"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        found: Float[Array, "*shape"] = namespace(x).tanh(x)
        return found
