"""Schedules that fall from a peak: in steps, exponentially, as 1/t, as 1/sqrt(t), as a polynomial."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number, structure
from fallline.core.schedule import Schedule, Time, reached_by


def peak(default: float = 1e-2, help: str = "a0, the value at the start") -> Any:
    """The declaration of the highest value."""
    return number(default, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", size=True, help=help)


def floor(help: str = "the lowest value") -> Any:
    """The declaration of the lowest value."""
    return number(0.0, valid="[0, inf)", usual=(0.0, 1e-4), help=help)


def unit() -> Any:
    """The declaration of the time unit."""
    return structure("epoch", choices=("epoch", "whole_epoch", "step"), help="what t counts; epochs are fractional")


def elapsed(time: Time, unit: str) -> Float[Array, ""]:
    """Time since the start, in a unit; whole epochs change only between two epochs."""
    if unit == "step":
        return time.step
    return time.epoch if unit == "epoch" else jnp.floor(time.epoch)


class Decay(Schedule):
    """A schedule that falls from `peak` towards `floor`."""

    peak: eqx.AbstractVar[Any]
    floor: eqx.AbstractVar[Any]

    def reached(self) -> tuple[float, ...]:
        return reached_by(self.peak, self.floor)


class Step(Decay):
    """A drop by a factor after every `every` epochs.

        value = peak factor^floor(t / every)

    The classic schedule of image networks: after each drop, the loss settles at a lower level. The right time of the drops
    must be known.

    Source: Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning", 2018, section 4.2.

    >>> tenth_every_20 = Step(1.0, factor=0.1, every=20)
    >>> [round(float(tenth_every_20(Time(*map(jnp.float32, (0, epoch, 0))))), 3) for epoch in (0, 19.9, 20, 45)]
    [1.0, 1.0, 0.1, 0.01]
    """

    name: ClassVar[str] = "step"
    aliases: ClassVar[tuple[str, ...]] = ("step_decay", "multistep")
    peak: float = peak()
    factor: Number = number(0.1, valid="(0, 1]", usual=(0.05, 0.8), help="what the value is multiplied by")
    every: Number = number(20, valid="(0, inf)", usual=(5, 50), scale="log", unit="epochs", help="time between falls")
    floor: float = floor()
    unit: str = unit()

    def __call__(self, time: Time) -> Float[Array, ""]:
        falls = jnp.floor(elapsed(time, self.unit) / self.every)
        return jnp.maximum(self.peak * self.factor**falls, self.floor)


class Exponential(Decay):
    """Exponential decay with a rate.

        value = peak e^(-k t)

    One smooth decay without times to choose. If k is too large, training stalls while it could still improve.

    Source: Senior et al., "An empirical study of learning rates in deep neural networks for speech recognition", 2013
    (their exponential schedule is to the base 10).

    >>> by_epoch, by_step = Exponential(1.0, rate=0.5), Exponential(1.0, rate=0.5, unit="step")
    >>> [round(float(decay(Time(*map(jnp.float32, (10, 1, 0.1))))), 4) for decay in (by_epoch, by_step)]
    [0.6065, 0.0067]
    """

    name: ClassVar[str] = "exponential"
    aliases: ClassVar[tuple[str, ...]] = ("exponential_decay",)
    peak: float = peak()
    rate: Number = number(0.05, valid="[0, inf)", usual=(1e-3, 0.5), scale="log", unit="per epoch", help="k")
    floor: float = floor()
    unit: str = unit()

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.maximum(self.peak * jnp.exp(-self.rate * elapsed(time, self.unit)), self.floor)


class Geometric(Decay):
    """Exponential decay with a factor per epoch; `Exponential` with k = -ln d.

        value = peak d^t

    Usual factors are 0.95 to 0.98 per epoch; they are easier to state than a rate. The right factor depends on the number
    of epochs.

    Source: Szegedy et al., "Rethinking the inception architecture for computer vision", 2016, section 8: 0.94 every two
    epochs.

    >>> round(float(Geometric(1.0, decay=0.95)(Time(*map(jnp.float32, (20, 2, 0.1))))), 4)
    0.9025
    """

    name: ClassVar[str] = "geometric"
    peak: float = peak()
    decay: Number = number(0.95, valid="(0, 1]", usual=(0.8, 0.999), unit="per epoch", help="d")
    floor: float = floor()
    unit: str = unit()

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.maximum(self.peak * self.decay ** elapsed(time, self.unit), self.floor)


class InverseTime(Decay):
    """Decay as 1/t.

        value = peak / (1 + k t)

    Falls slowly enough to reach any point and fast enough to settle, as the convergence of SGD requires. Most of the fall
    comes early, while larger steps would still help.

    Source: Robbins and Monro, "A stochastic approximation method", 1951.

    >>> round(float(InverseTime(1.0, rate=0.5)(Time(*map(jnp.float32, (20, 2, 0.1))))), 4)
    0.5
    """

    name: ClassVar[str] = "inverse_time"
    aliases: ClassVar[tuple[str, ...]] = ("time_decay",)
    peak: float = peak()
    rate: Number = number(0.1, valid="[0, inf)", usual=(1e-3, 1.0), scale="log", unit="per epoch", help="k")
    floor: float = floor()
    unit: str = unit()

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.maximum(self.peak / (1 + self.rate * elapsed(time, self.unit)), self.floor)


class InversePower(Decay):
    """Decay as a power of the examples seen.

        value = peak / (1 + offset + k t)^power

    With k the number of training rows and t in whole epochs, 1 + k t counts the examples: this is scikit-learn's
    'invscaling'. It falls a hundredfold within the first epochs of most data sets; use `InverseTime` for a gentler decay.

    Source: the learning rates of Robbins and Monro, 1951, with a power between 1/2 and 1.

    >>> decay = InversePower(1.0, rate=99.0, power=0.5)
    >>> [round(float(decay(Time(*map(jnp.float32, (0, epoch, 0))))), 4) for epoch in (0, 0.9, 1)]
    [1.0, 1.0, 0.1]
    """

    name: ClassVar[str] = "inverse_power"
    peak: float = peak()
    rate: Number = number(1.0, valid="[0, inf)", usual=(1e-3, 1e5), scale="log", unit="per epoch", help="k")
    power: Number = number(0.5, valid="[0, inf)", usual=(0.25, 1.0), help="how fast it falls")
    offset: Number = number(0.0, valid="(-inf, inf)", usual=(0.0, 1e5), help="what was counted before t = 0")
    floor: float = floor()
    unit: str = structure("whole_epoch", choices=("epoch", "whole_epoch", "step"), help="what t counts")

    def __call__(self, time: Time) -> Float[Array, ""]:
        counted = jnp.maximum(1 + self.offset + self.rate * elapsed(time, self.unit), 1)
        return jnp.maximum(self.peak / counted**self.power, self.floor)


class InverseSqrt(Decay):
    """Decay as the inverse square root of the epoch number, which counts from 1.

        value = k / sqrt(1 + t)

    Falls so slowly that it suits runs of any length. It does not end in small steps, so noise remains at the end.

    Source: Zinkevich, "Online convex programming and generalized infinitesimal gradient ascent", 2003, theorem 1.

    >>> [round(float(InverseSqrt(1.0)(Time(*map(jnp.float32, (0, epoch, 0))))), 4) for epoch in (0, 1, 3)]
    [1.0, 0.7071, 0.5]
    """

    name: ClassVar[str] = "inverse_sqrt"
    peak: float = peak(help="k, the value at epoch 1")
    floor: float = floor()
    unit: str = unit()

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.maximum(self.peak / jnp.sqrt(1 + elapsed(time, self.unit)), self.floor)


class Polynomial(Decay):
    """A power of the remaining share of the run.

        value = floor + (peak - floor) (1 - progress)^power

    Ends in small steps exactly at the end of the run. A run cannot be extended, because the end is fixed at the start.

    Source: the policy "poly" in Chen et al., "DeepLab: semantic image segmentation with deep convolutional nets, atrous
    convolution, and fully connected CRFs", 2018.

    >>> round(float(Polynomial(1.0, power=2.0)(Time(*map(jnp.float32, (50, 5, 0.5))))), 4)
    0.25
    """

    name: ClassVar[str] = "polynomial"
    aliases: ClassVar[tuple[str, ...]] = ("polynomial_decay",)
    peak: float = peak()
    power: Number = number(1.0, valid="(0, inf)", usual=(0.5, 3.0), help="1: a straight line; 2: ends more gently")
    floor: float = floor("the value at the end")

    def __call__(self, time: Time) -> Float[Array, ""]:
        left = 1.0 - jnp.clip(time.progress, 0.0, 1.0)
        return self.floor + (self.peak - self.floor) * left**self.power
