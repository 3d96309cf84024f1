"""A rectifier whose slope is trained."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.namespace import namespace
from fallline.core.random import Seed
from fallline.initializers import Fans
from fallline.layers.base import Layer, LayerCall, Params, Stats


class PReLU(Layer):
    """Rectified linear units whose slopes for negative sums are trained, one for each unit.

        f(x_j) = x_j for x_j > 0, else a_j x_j

    It may stand where an activation stands, as in MLP(activation=PReLU()). The penalties leave the slopes alone unless they
    act on all params: a penalty would turn the units into ReLUs. On small tables it overfits sooner than a fixed slope.

    Source: He et al., "Delving deep into rectifiers", 2015, section 2.1, from which the first slope of 0.25 comes.

    >>> layer = PReLU(0.5)
    >>> params, _ = layer.init(None, (3,))
    >>> layer.apply(params, {}, jnp.array([[-2.0, 0.0, 2.0]]), LayerCall(False))[0].tolist()
    [[-1.0, 0.0, 2.0]]
    """

    name: ClassVar[str] = "prelu"
    elementwise: ClassVar[bool] = True
    zero_at_zero: ClassVar[bool] = True
    initializer: ClassVar[str] = "he_normal"
    slope: Number = number(
        0.25, read="start", valid="[0, 1]", usual=(0.0, 0.5), help="first slope for x < 0", source="He et al. 2015"
    )

    def size(self, inputs: int) -> int:
        return inputs

    def init(self, key: Seed | None, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        return {"slope": jnp.full(shape[-1:], self.slope, jnp.float32)}, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        return namespace(x, params).where(x > 0, x, params["slope"] * x), stats

    def flat(self, x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """0 everywhere: a trained slope lets a gradient pass."""
        return jnp.zeros_like(x)
