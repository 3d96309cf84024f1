"""Regularisation by noise."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace
from fallline.core.random import bits
from fallline.core.schedule import Schedule
from fallline.layers.base import Layer, LayerCall, Params, Stats


class Dropout(Layer):
    """Each unit is dropped with probability `rate` while training, never when predicting.

        training:    y = x m / (1 - rate),  m ~ Bernoulli(1 - rate)        predicting: y = x               (inverted)
        training:    y = x m                                               predicting: y = x (1 - rate)     (vanilla)

    Units cannot rely on each other, which regularises a network that is large for its data. Both forms predict with the
    expected value of each unit. The inverted form leaves prediction unchanged, and its rate may follow a schedule.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 4
    (vanilla) and section 10 (inverted).

    >>> import jax
    >>> y, _ = Dropout(0.5).apply({}, {}, jnp.ones((1, 8)), LayerCall(True, jax.random.key(0)))
    >>> sorted(set(y[0].tolist()))
    [0.0, 2.0]
    """

    name: ClassVar[str] = "dropout"
    random: ClassVar[bool] = True
    rate: Number = number(
        0.5,
        valid="[0, 1)",
        usual=(0.0, 0.5),
        read="training",
        help="probability of dropping a unit",
        source="Srivastava et al. 2014",
    )
    form: str = structure("inverted", choices=("inverted", "vanilla"), help="scale while training, or when predicting")

    def __check_init__(self) -> None:
        if self.form == "vanilla" and isinstance(self.rate, Schedule):
            raise FalllineError(
                "Dropout.rate follows a schedule, and a vanilla dropout would predict with the rate of one moment: "
                "use form='inverted' or a fixed rate"
            )

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        if not call.training:
            return (x if self.form == "inverted" else (x * self._share(namespace(x, self.rate))).astype(x.dtype)), stats
        if call.key is None:
            raise FalllineError("dropout needs a random key while training")
        # 2^32 (1 - 2^-24) is the largest float32 below 2^32, so the conversion cannot overflow.
        threshold = jnp.minimum(jnp.asarray(self.rate, jnp.float32) * 2.0**32, 2.0**32 - 2.0**8).astype(jnp.uint32)
        kept = bits(call.key, x.shape) >= threshold
        scaled = x / self._share(jnp) if self.form == "inverted" else x
        return jnp.where(kept, scaled, 0.0).astype(x.dtype), stats

    def _share(self, xp: Any) -> Array:
        """The share of units kept, above 0 even if float32 rounds the rate to 1."""
        found: Array = xp.maximum(1.0 - self.rate, 2.0**-24)
        return found
