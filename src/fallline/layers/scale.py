"""A trained factor for every input."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.random import Seed
from fallline.initializers import Fans
from fallline.layers.base import Layer, LayerCall, Params, Stats


class Scale(Layer):
    """Every input times a trained factor of its own, which begins as 1.

        y = x (1 + rate u),  u = 0 at first

    Under rules that ignore the gradient's size, such as Adam, the factors move `rate` times as fast as other parameters. A
    penalty leaves them alone, unless it acts on all parameters; it then pulls them towards 1.

    Source: Holzmueller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted trees on tabular
    data", 2024: the scaling layer.

    >>> y, _ = Scale(rate=2.0).apply({"excess": jnp.array([0.0, 0.5])}, {}, jnp.ones((1, 2)), LayerCall(True))
    >>> y.tolist()
    [[1.0, 2.0]]
    """

    name: ClassVar[str] = "scale"
    rate: Number = number(
        1.0, valid="(0, inf)", usual=(1.0, 20.0), scale="log", help="factor of the learning rate of the scales"
    )

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        return {"excess": jnp.zeros(shape[-1])}, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch inputs"], Stats]:
        return x * (1.0 + self.rate * params["excess"]), stats
