"""Schedules: `(time) -> value`. They stand in any numeric field, so that a momentum or a dropout rate follows time."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import number
from fallline.core.schedule import Schedule, Time


class Constant(Schedule):
    """The same value at all times.

    >>> float(Constant(0.1)(Time(*map(jnp.float32, (5, 0.5, 0.05)))))
    0.10000000149011612
    """

    name: ClassVar[str] = "constant"
    value: float = number(usual=(1e-5, 1.0), scale="log", help="the value")

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.asarray(self.value, time.progress.dtype)


class Cosine(Schedule):
    """Linear warm-up, then half a cosine down to `floor`.

        q = progress / warmup                                   value = peak q,    while q < 1
        r = (progress - warmup) / (1 - warmup)                  value = floor + (peak - floor) (1 + cos(pi r)) / 2

    The default for the learning rate: warm-up lets Adam's averages settle, and the long decay ends in small steps
    whatever the peak was, which makes the result forgiving of the peak's choice.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5, with one
    period; warm-up after Goyal et al., 2017, section 2.2.

    >>> half = Time(*map(jnp.float32, (50, 5, 0.5)))
    >>> round(float(Cosine(1.0)(half)), 3)
    0.5
    """

    name: ClassVar[str] = "cosine"
    peak: float = number(1e-3, valid="[0, inf)", usual=(1e-4, 1e-1), scale="log", help="the highest value")
    warmup: float = number(0.0, valid="[0, 1)", usual=(0.0, 0.2), unit="share of the run", help="length of the rise")
    floor: float = number(0.0, valid="[0, inf)", usual=(0.0, 1e-4), help="the value at the end")

    def __call__(self, time: Time) -> Float[Array, ""]:
        rise = self.peak * time.progress / jnp.maximum(self.warmup, 1e-12)
        r = jnp.clip((time.progress - self.warmup) / (1.0 - self.warmup), 0.0, 1.0)
        fall = self.floor + (self.peak - self.floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * r))
        return jnp.where(time.progress < self.warmup, rise, fall)
