"""Initial weights that rotate a signal without stretching it."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.factorise import qr
from fallline.core.field import Number, number
from fallline.core.random import Seed, normal
from fallline.initializers.base import Fans, Initializer


class Orthogonal(Initializer):
    """Weights with orthonormal columns, or rows where the layer widens, times a gain.

        A ~ N(0, 1),  A = Q R,  w = gain Q diag(sign R_ii)

    The sign makes Q uniform over all rotations. Every singular value equals the gain, so the length of every signal is
    preserved, not only the mean length; this suits very deep networks. Use a gain of sqrt(2) for ReLU. The factorisation
    costs more than a draw and, unlike with other initializers, a wide layer does not begin with a narrower layer's weights.

    Source: Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks", 2014, section 3; the sign after Mezzadri, 2007.

    >>> import jax
    >>> w = Orthogonal()(jax.random.key(0), (5, 3))
    >>> bool(jnp.allclose(w.T @ w, jnp.eye(3), atol=1e-6))
    True
    """

    name: ClassVar[str] = "orthogonal"
    by_place: ClassVar[bool] = False
    gain: Number = number(
        1.0, valid="(0, inf)", usual=(0.5, 2.0), scale="log", help="every singular value", source="Saxe et al. 2014"
    )

    def __call__(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> Float[Array, "*shape"]:
        if len(shape) < 2:  # a bias: a single unit vector
            return self(key, (*shape, 1), fans)[..., 0]
        rows, columns = shape[-2], shape[-1]
        a = normal(key, shape)
        q, r = qr(a if rows >= columns else jnp.swapaxes(a, -1, -2))
        q = q * jnp.where(jnp.diagonal(r, axis1=-2, axis2=-1) < 0, -1.0, 1.0)[..., None, :]
        return self.gain * (q if rows >= columns else jnp.swapaxes(q, -1, -2))

    def moments(self, inputs: float, outputs: float) -> tuple[Any, Any]:
        return 0.0, self.gain**2 / max(inputs, outputs)
