"""Smooth rectifiers: they change smoothly from 0 to the sum itself."""

import math
from typing import ClassVar

from jaxtyping import Array, Float

from fallline.activations.base import Activation
from fallline.core.field import structure
from fallline.core.namespace import erf, namespace, sigmoid


class Softplus(Activation):
    """Smooth rectifier.

        f(x) = log(1 + exp(x)) = max(x, 0) + log(1 + exp(-|x|)),  f'(x) = sigmoid(x)

    For outputs that must be positive; in hidden layers ReLU does as well at a third of the cost.

    Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", 2001.

    >>> import jax.numpy as jnp
    >>> Softplus()(jnp.array([-100.0, 0.0, 100.0])).round(4).tolist()  # ln 2 in the middle
    [0.0, 0.6930999755859375, 100.0]
    """

    name: ClassVar[str] = "softplus"
    aliases: ClassVar[tuple[str, ...]] = ("smooth_relu",)
    range: ClassVar[tuple[float, float]] = (0.0, math.inf)
    saturates: ClassVar[str] = "for x < -7 (towards 0)"
    zero_at_zero: ClassVar[bool] = False
    initializer: ClassVar[str] = "he_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # One comparison instead of `maximum` and `abs`, whose slopes at 0 do not add up to 1/2.
        xp, positive = namespace(x), x > 0
        return xp.where(positive, x, 0.0) + xp.log1p(xp.exp(xp.where(positive, -x, x)))


class SiLU(Activation):
    """Sigmoid-weighted linear unit, also called swish.

        f(x) = x s(x),  s(x) = 1 / (1 + exp(-x))

    A smooth ReLU that dips to -0.28 at x = -1.28; often a little better than ReLU in deep networks.

    Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
    reinforcement learning", 2018, equation 3.

    >>> import jax.numpy as jnp
    >>> SiLU()(jnp.array([-100.0, 0.0, 100.0])).tolist()
    [-0.0, 0.0, 100.0]
    """

    name: ClassVar[str] = "silu"
    aliases: ClassVar[tuple[str, ...]] = ("swish",)
    range: ClassVar[tuple[float, float]] = (-0.278464543, math.inf)
    saturates: ClassVar[str] = "for x < -10 (towards 0)"
    initializer: ClassVar[str] = "he_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        return x * sigmoid(x)


class GELU(Activation):
    """Gaussian error linear unit.

        f(x) = x P(Z < x) = x (1 + erf(x / sqrt 2)) / 2                           (exact)
        f(x) = x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2                  (tanh)

    The usual choice in transformers. The tanh form differs by less than 0.0005; use it for models trained with it.

    Source: Hendrycks and Gimpel, "Gaussian error linear units (GELUs)", 2016, section 2.

    >>> import jax.numpy as jnp
    >>> GELU()(jnp.array([-10.0, 0.0, 1.0])).round(3).tolist()
    [-0.0, 0.0, 0.8410000205039978]
    """

    name: ClassVar[str] = "gelu"
    range: ClassVar[tuple[float, float]] = (-0.169971085, math.inf)
    saturates: ClassVar[str] = "for x < -4 (towards 0)"
    initializer: ClassVar[str] = "he_normal"
    form: str = structure("exact", choices=("exact", "tanh"), help="by the error function, or its approximation")

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        if self.form == "exact":
            return 0.5 * x * (1.0 + erf(x * math.sqrt(0.5)))
        # Beyond 10 the hyperbolic tangent is 1; if the cube overflowed, the slope would be infinity times 0.
        xp = namespace(x)
        near = xp.clip(x, -10.0, 10.0)
        return 0.5 * x * (1.0 + xp.tanh(math.sqrt(2.0 / math.pi) * (near + 0.044715 * near**3)))


class Mish(Activation):
    """Self-regularised smooth rectifier.

        f(x) = x tanh(log(1 + exp(x)))

    Close to SiLU, with a dip to -0.31 at x = -1.19; RealMLP uses it for regressions. It costs an exponential and a division.

    Source: Misra, "Mish: a self regularized non-monotonic activation function", 2020, section 3.

    >>> import jax.numpy as jnp
    >>> [round(float(each), 4) for each in Mish()(jnp.array([-100.0, 0.0, 1.0]))]
    [-0.0, 0.0, 0.8651]
    """

    name: ClassVar[str] = "mish"
    range: ClassVar[tuple[float, float]] = (-0.308843413, math.inf)
    saturates: ClassVar[str] = "for x < -10 (towards 0)"
    initializer: ClassVar[str] = "he_normal"

    def __call__(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        # tanh(log(1 + n)) = m / (m + 2), m = n (n + 2), n = exp(x); from 40 on it is 1, and n must not overflow.
        xp = namespace(x)
        n = xp.exp(xp.where(x > 40.0, 40.0, x))
        m = n * (n + 2.0)
        return x * (m / (m + 2.0))
