"""Schedules with a rise and a half cosine: one fall, several with restarts, one cycle."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number, structure
from fallline.core.schedule import Schedule, Time, reached_by

ALMOST = 1e-30  # a rise from 0 begins half a step above it


def warmed_up(warmup: Number, values: tuple[float, ...]) -> tuple[float, ...]:
    """The values that a schedule takes, including those of its warm-up."""
    return (ALMOST, *values) if any(reached_by(warmup)) else values


class Cosine(Schedule):
    """Linear warm-up, then half a cosine down to `floor`.

        q = progress / warmup                                   value = peak q,    while q < 1
        r = (progress - warmup) / (1 - warmup)                  value = floor + (peak - floor) (1 + cos(pi r)) / 2

    The default for the learning rate. The warm-up lets Adam's averages settle. The long decay ends in small steps whatever
    the peak, which makes the result less sensitive to the choice of the peak.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, equation 5, with one
    period; warm-up after Goyal et al., 2017, section 2.2.

    >>> half = Time(*map(jnp.float32, (50, 5, 0.5)))
    >>> round(float(Cosine(1.0)(half)), 3)
    0.5
    """

    name: ClassVar[str] = "cosine"
    aliases: ClassVar[tuple[str, ...]] = ("cosine_annealing", "cosine_decay")
    peak: Number = number(1e-3, valid="[0, inf)", usual=(1e-4, 1e-1), scale="log", size=True, help="the highest value")
    warmup: Number = number(0.0, valid="[0, 1)", usual=(0.0, 0.2), unit="share of the run", help="length of the rise")
    floor: Number = number(0.0, valid="[0, inf)", usual=(0.0, 1e-4), help="the value at the end")

    def __call__(self, time: Time) -> Float[Array, ""]:
        rise = self.peak * time.progress / jnp.maximum(self.warmup, 1e-12)
        r = jnp.clip((time.progress - self.warmup) / (1.0 - self.warmup), 0.0, 1.0)
        fall = self.floor + (self.peak - self.floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * r))
        return jnp.where(time.progress < self.warmup, rise, fall)

    def reached(self) -> tuple[float, ...]:
        return warmed_up(self.warmup, reached_by(self.peak, self.floor))


class CosineRestarts(Schedule):
    """Linear warm-up, then several half cosines, each `growth` times as long as the one before.

        r in [0, 1) is the share of the time after the warm-up, n the cycles, m the growth
        the first cycle's length is  T = (m - 1) / (m^n - 1),  or 1 / n if m = 1
        cycle i = floor(log_m(1 + (m - 1) r / T)),  begins at  T (m^i - 1) / (m - 1),  and lasts T m^i
        value = floor + (peak - floor) (1 + cos(pi r_i)) / 2,  r_i the share of cycle i that has passed

    Each restart can leave a minimum for a wider one, and each cycle ends with a usable model. A single cosine of the
    same length more often ends lower.

    Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017, section 3.

    >>> restarts = CosineRestarts(1.0, cycles=2, growth=3.0)  # a quarter of the run, then three
    >>> [round(float(restarts(Time(*map(jnp.float32, (0, 0, p))))), 3) for p in (0.0, 0.125, 0.2499, 0.25, 0.625)]
    [1.0, 0.5, 0.0, 1.0, 0.5]
    """

    name: ClassVar[str] = "cosine_restarts"
    aliases: ClassVar[tuple[str, ...]] = ("sgdr", "warm_restarts")
    peak: Number = number(1e-3, valid="[0, inf)", usual=(1e-4, 1e-1), scale="log", size=True, help="the highest value")
    warmup: Number = number(0.0, valid="[0, 1)", usual=(0.0, 0.2), unit="share of the run", help="length of the rise")
    floor: Number = number(0.0, valid="[0, inf)", usual=(0.0, 1e-4), help="the value at a cycle's end")
    cycles: Number = number(3, valid="[1, 1000]", usual=(1, 6), integer=True, help="n, how many falls")
    growth: Number = number(1.0, valid="[1, 100]", usual=(1.0, 3.0), help="m, how much longer each cycle is")

    def __call__(self, time: Time) -> Float[Array, ""]:
        rise = self.peak * time.progress / jnp.maximum(self.warmup, 1e-12)
        r = jnp.clip((time.progress - self.warmup) / (1.0 - self.warmup), 0.0, 1.0)
        n = jnp.asarray(self.cycles, r.dtype)
        even = jnp.asarray(self.growth, r.dtype) - 1 < 1e-3
        m = jnp.where(even, 2.0, self.growth).astype(r.dtype)
        T = (m - 1) / (m**n - 1)
        # The logarithm rounds, so a few float epsilons are added to start each cycle on time.
        i = jnp.floor(jnp.log1p((m - 1) * r / T) / jnp.log(m) + 4 * jnp.finfo(r.dtype).eps)
        begin, length = T * (m**i - 1) / (m - 1), T * m**i
        passed = jnp.where(even, n * r - jnp.floor(n * r), (r - begin) / length)
        passed = jnp.where(r >= 1, 1.0, jnp.clip(passed, 0.0, 1.0))
        fall = self.floor + (self.peak - self.floor) * 0.5 * (1.0 + jnp.cos(jnp.pi * passed))
        return jnp.where(time.progress < self.warmup, rise, fall)

    def reached(self) -> tuple[float, ...]:
        return warmed_up(self.warmup, reached_by(self.peak, self.floor))


class OneCycle(Schedule):
    """One rise and one fall: from `start` times the peak to the peak, and down to `end` times the peak.

        q = progress / rise                     value = peak (start + (1 - start) h(q)),   while q < 1
        r = (progress - rise) / (1 - rise)      value = peak (1 + (end - 1) h(r))
        h(x) = (1 - cos(pi x)) / 2,  or x (shape = "line")

    It tolerates a larger peak than a plain decay, and large rates regularise. Runs cannot be extended, because the end is
    fixed at the start. For a momentum that moves in the opposite direction: OneCycle(0.85, start=0.95 / 0.85,
    end=0.95 / 0.85).

    Source: Smith, "A disciplined approach to neural network hyper-parameters", 2018; the defaults are PyTorch's.

    >>> cycle = OneCycle(1.0, rise=0.5)
    >>> [round(float(cycle(Time(*map(jnp.float32, (0, 0, p))))), 3) for p in (0.0, 0.25, 0.5, 1.0)]
    [0.04, 0.52, 1.0, 0.0]
    """

    name: ClassVar[str] = "one_cycle"
    aliases: ClassVar[tuple[str, ...]] = ("super_convergence",)
    peak: Number = number(
        1e-2, valid="[0, inf)", usual=(1e-3, 1.0), scale="log", size=True, help="the value at the turn"
    )
    rise: Number = number(0.3, valid="(0, 1)", usual=(0.1, 0.5), unit="share of the run", help="length of the rise")
    start: Number = number(0.04, valid="[0, inf)", usual=(0.01, 0.2), scale="log", unit="peaks", help="the first value")
    end: Number = number(4e-6, valid="[0, inf)", usual=(1e-6, 1e-2), scale="log", unit="peaks", help="the last value")
    shape: str = structure("cosine", choices=("cosine", "line"), help="the shape of the rise and of the fall")

    def __call__(self, time: Time) -> Float[Array, ""]:
        def h(x: Float[Array, ""]) -> Float[Array, ""]:
            return 0.5 * (1.0 - jnp.cos(jnp.pi * x)) if self.shape == "cosine" else x

        q = jnp.clip(time.progress / self.rise, 0.0, 1.0)
        r = jnp.clip((time.progress - self.rise) / (1.0 - self.rise), 0.0, 1.0)
        up, down = self.start + (1.0 - self.start) * h(q), 1.0 + (self.end - 1.0) * h(r)
        return self.peak * jnp.where(time.progress < self.rise, up, down)

    def reached(self) -> tuple[float, ...]:
        peaks, shares = reached_by(self.peak), (1.0, *reached_by(self.start, self.end))
        return tuple(peak * share for peak in peaks for share in shares)
