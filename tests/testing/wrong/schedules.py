"""Schedules that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp

from fallline.core.field import number
from fallline.core.schedule import Schedule
from fallline.schedules import Cosine


class Stepped(Schedule):
    """A schedule that branches on a Python number."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")

    def __call__(self, time):
        return self.peak if time.progress < 0.5 else 0.1 * self.peak


class Overshooting(Cosine):
    """A schedule that comes to more than it says."""

    name: ClassVar = ""

    def __call__(self, time):
        return 1.5 * super().__call__(time)


class Sinking(Schedule):
    """A floor that does not hold."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")
    floor: float = number(0.01, valid="[0, inf)", help="the lowest value")

    def __call__(self, time):
        return self.floor + (self.peak - self.floor) * (1 - time.epoch / 40)


class Dividing(Schedule):
    """A decay that divides by what is left."""

    peak: float = number(0.1, valid="[0, inf)", help="the value at the start")

    def __call__(self, time):
        return self.peak / (time.epoch - 10.0)


class SingleTime(Schedule):
    """A value in single precision."""

    def __call__(self, time):
        return time.progress.astype(jnp.float32)


WRONG = [
    (Dividing(), "whole_run", "not finite"),
    (SingleTime(), "dtypes", "float64"),
    (Stepped(), "traced", "TracerBoolConversionError"),
    (Overshooting(), "reached", "`reached` says 0 to 0.001"),
    (Sinking(), "floor", "below the floor of 0.01"),
]
