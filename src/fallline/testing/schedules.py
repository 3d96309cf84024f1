"""The contract of schedules: a number at every time of a run, within the declared range."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.schedule import Schedule, Time, at_time
from fallline.core.tree import Tree
from fallline.schedules import begun, observed, remembered
from fallline.schedules.decay import Decay
from fallline.testing.base import demand, of
from fallline.testing.compare import finite, in_both_precisions

EPOCHS, PER_EPOCH = 50, 4


def times(dtype: str = "float32") -> Time:
    """The times of a run's steps, with the progress taken at the middle of each step."""
    step = np.arange(EPOCHS * PER_EPOCH)
    both = step / PER_EPOCH, (step + 0.5) / (EPOCHS * PER_EPOCH)
    return Time(*(jnp.asarray(each, dtype) for each in (step, *both)))


def curve(schedule: Schedule, time: Time) -> Any:
    """The schedule's values in a run whose validation loss falls for ten epochs and then stays constant."""

    def epoch(memory: Tree, now: Time) -> tuple[Any, Any]:
        value = at_time(remembered(schedule, memory), now)
        loss = jnp.maximum(1.0 - 0.05 * now.epoch, 0.5).astype(jnp.float32)
        ends = now.step % PER_EPOCH == PER_EPOCH - 1
        after = observed(schedule, memory, loss, now)
        return jax.tree.map(lambda a, b: jnp.where(ends, a, b), after, memory), value

    return jax.lax.scan(epoch, begun(schedule), time)[1]


@of("schedule")
def dtypes(schedule: Schedule) -> None:
    """A value is a scalar of the time's dtype."""

    def both(dtype: str) -> tuple[Any, Any]:
        time = jax.tree.map(lambda t: jax.ShapeDtypeStruct((), jnp.dtype(dtype)), Time(0, 0, 0))
        known = remembered(schedule, begun(schedule))
        return jax.eval_shape(lambda t: jnp.asarray(at_time(known, t)), time), time.step

    in_both_precisions(both, "a value")


@of("schedule")
def whole_run(schedule: Schedule) -> None:
    """Values are finite at all times, beyond the end of the run too."""
    now = times()
    beyond = Time(now.step * 3, now.epoch * 3, now.progress * 3)
    value = jax.jit(curve)
    finite(value(schedule, now), "a value")
    finite(value(schedule, beyond), "a value beyond the end")


@of("schedule", concerns=lambda schedule: schedule.reached())
def reached(schedule: Schedule) -> None:
    """Values lie between the smallest and the largest that it is declared to come to."""
    low, high = min(schedule.reached()), max(schedule.reached())
    y = np.asarray(jax.jit(curve)(schedule, times()), np.float64)
    room = 1e-6 * max(abs(low), abs(high))
    demand(low - room <= y.min(), f"a value is {y.min():.6g}; `reached` says {low:g} to {high:g}")
    demand(y.max() <= high + room, f"a value is {y.max():.6g}; `reached` says {low:g} to {high:g}")


@of("schedule", concerns=lambda schedule: hasattr(schedule, "floor") and not hasattr(schedule, "warmup"))
def floor(schedule: Decay) -> None:
    """A field called `floor` is the lowest value, however long the run."""
    now = times()
    y = jax.jit(curve)(schedule, Time(now.step * 1e4, now.epoch * 1e4, now.progress))
    low = min(float(schedule.floor), float(getattr(schedule, "peak", jnp.inf)))
    demand(float(y.min()) >= low * (1 - 1e-6), f"a value is {float(y.min()):.6g}, below the floor of {low:.6g}")


def example(schedule: Schedule) -> Any:
    """A schedule's curve."""
    return curve(schedule, times())
