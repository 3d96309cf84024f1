"""Schedules given by their values: a constant, a straight line, a table."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block, replace
from fallline.core.errors import FalllineError
from fallline.core.field import Field, Number, number, required, structure
from fallline.core.schedule import Schedule, Time, reached_by


class Constant(Schedule):
    """The same value at all times.

        value = value

    Source: the fixed stepsize of Bottou, Curtis and Nocedal, "Optimization methods for large-scale machine learning",
    2018, theorem 4.6: SGD then reaches a neighbourhood of the minimum, but comes no nearer.

    >>> float(Constant(0.1)(Time(*map(jnp.float32, (5, 0.5, 0.05)))))
    0.10000000149011612
    """

    name: ClassVar[str] = "constant"
    value: Number = number(1e-3, usual=(1e-5, 1.0), scale="log", size=True, help="the value")

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.asarray(self.value, time.step.dtype)

    def reached(self) -> tuple[float, ...]:
        return reached_by(self.value)


class Linear(Schedule):
    """A straight line from `start` to `end`, then `end`.

        r = min(progress / over, 1)             value = start + (end - start) r

    For annealing: a momentum from 0.5 to 0.99, a dropout rate from 0.5 to 0.

    Source: Sutskever et al., "On the importance of initialization and momentum", 2013, section 3, in spirit.

    >>> half = Time(*map(jnp.float32, (50, 5, 0.5)))
    >>> round(float(Linear(0.5, 0.99)(half)), 3), round(float(Linear(0.5, 0.99, over=0.5)(half)), 3)
    (0.745, 0.99)
    """

    name: ClassVar[str] = "linear"
    start: Number = number(1e-3, usual=(1e-5, 1.0), size=True, help="the value at the start")
    end: Number = number(0.0, usual=(0.0, 1.0), help="the value at the end")
    over: Number = number(1.0, valid="(0, 1]", usual=(0.1, 1.0), unit="share of the run", help="length of the change")

    def __call__(self, time: Time) -> Float[Array, ""]:
        return self.start + (self.end - self.start) * jnp.clip(time.progress / self.over, 0.0, 1.0)

    def reached(self) -> tuple[float, ...]:
        return reached_by(self.start, self.end)


class Milestone(Block):
    """A value that applies from a given moment on."""

    family: ClassVar[str] = "milestone"
    name: ClassVar[str] = "milestone"
    at: Number = required(number(valid="[0, inf)", usual=(0.0, 100.0), help="the moment, in the table's unit"))
    value: Number = required(number(usual=(1e-5, 1.0), scale="log", help="the value from then on"))


def _milestones(pairs: Iterable[Any]) -> Any:
    try:
        return tuple(each if isinstance(each, Milestone) else Milestone(*each) for each in pairs)
    except TypeError:
        raise FalllineError(
            f"Milestones.milestones = {pairs!r} is not a table: expected ((0, 0.1), (30, 0.01))"
        ) from None


class Milestones(Schedule):
    """Values given by hand: each applies from its moment on, or they are joined by straight lines.

        value = value_i for at_i <= t < at_(i+1);  the first before its moment, the last for ever after
        between = "line": value_i + (value_(i+1) - value_i) (t - at_i) / (at_(i+1) - at_i)

    For schedules prescribed by a paper or by inspecting curves. Moments and values are ordinary numbers: a search may vary
    them, and only their count determines the program.

    Source: for example 0.1, divided by 10 at two given steps, in He et al., "Deep residual learning for image recognition",
    2016, section 4.2.

    >>> table = Milestones(((0, 0.1), (30, 0.01), (60, 0.001)))
    >>> [round(float(table(Time(*map(jnp.float32, (0, epoch, 0))))), 4) for epoch in (0, 29.9, 30, 99)]
    [0.1, 0.1, 0.01, 0.001]
    """

    name: ClassVar[str] = "table"
    milestones: tuple[Milestone, ...] = eqx.field(
        default=((0.0, 1e-2), (20.0, 1e-3), (40.0, 1e-4)),
        converter=_milestones,
        metadata={
            "fallline": Field("block", "moments and values, in the order of time", family="milestone", several=True)
        },
    )
    unit: str = structure("epoch", choices=("epoch", "step", "progress"), help="what the moments count")
    between: str = structure("hold", choices=("hold", "line"), help="the value between two moments")

    def __check_init__(self) -> None:
        moments = [each.at for each in self.milestones]
        if not moments:
            raise FalllineError("Milestones.milestones is empty: expected at least one (moment, value)")
        if all(isinstance(each, float) for each in moments) and moments != sorted(set(moments)):
            raise FalllineError(f"Milestones.milestones are at {moments}: expected moments that increase")

    def __call__(self, time: Time) -> Float[Array, ""]:
        t = getattr(time, self.unit)
        if self.between == "line":

            def row(name: str) -> Array:
                return jnp.stack([jnp.asarray(getattr(m, name), t.dtype) for m in self.milestones])

            return jnp.interp(t, row("at"), row("value"))
        now = jnp.asarray(self.milestones[0].value, t.dtype)
        for each in self.milestones[1:]:
            now = jnp.where(t >= each.at, each.value, now)
        return now

    @property
    def size(self) -> Any:
        """The highest of its values."""
        return max(each.value for each in self.milestones)

    def sized(self, size: Number) -> Self:
        """The table with all values scaled, so that `size` is the highest."""
        factor = size / self.size
        return replace(self, {f"milestones.{i}.value": each.value * factor for i, each in enumerate(self.milestones)})

    def reached(self) -> tuple[float, ...]:
        return reached_by(*(each.value for each in self.milestones))
