"""Update rules that lack a property, and what their check says of each."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from fallline.core.field import number
from fallline.methods import WithoutGradient
from fallline.optimizers import LBFGS, SGD, Momentum


class Uphill(SGD):
    """Descent with the sign forgotten."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        delta, state = super().step(gradient, state, params, **evidence)
        return jax.tree.map(jnp.negative, delta), state


class TooLong(SGD):
    """Steps that a bowl throws out."""

    name: ClassVar = ""
    learning_rate: float = number(2.0, valid="[0, inf)", help="a")


class Restless(SGD):
    """A step even where there is no slope."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        return jax.tree.map(lambda g: -self.learning_rate * (g + 1e-3), gradient), state


class Single(SGD):
    """Steps in single precision."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        delta, state = super().step(gradient, state, params, **evidence)
        return jax.tree.map(lambda d: d.astype(jnp.float32), delta), state


class Rounded(Momentum):
    """A velocity whose share that is kept must be a Python number."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        if self.momentum > 0.95:
            return SGD(self.learning_rate).step(gradient, ()), state
        return super().step(gradient, state, params, **evidence)


class Neighbourly(SGD):
    """A rate divided by all of a population's gradients, where there is one."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        from jax.custom_batching import custom_vmap

        @custom_vmap
        def shared(rate):
            return rate

        @shared.def_vmap
        def _(size, batched, rate):
            return jnp.broadcast_to(jnp.mean(rate), rate.shape), True

        return jax.tree.map(lambda g: -shared(jnp.asarray(self.learning_rate)) * g, gradient), state


class Amplified(WithoutGradient):
    """A walk that multiplies its roundings, with steps that a population makes half a per cent longer."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        from jax.custom_batching import custom_vmap

        @custom_vmap
        def longer(delta):
            return delta

        @longer.def_vmap
        def _(size, batched, delta):
            return 1.005 * delta, True

        delta, state = super().step(gradient, state, params, **evidence)
        return jax.tree.map(longer, delta), state


class Needy(SGD):
    """A rule that expects an array."""

    name: ClassVar = ""

    def begin(self, params):
        return jax.tree.leaves(params)[0]


class OnceOnly(Momentum):
    """A memory that does not stay as it begins."""

    name: ClassVar = ""

    def begin(self, params):
        return ()

    def step(self, gradient, state, params=None, **evidence):
        return super().step(gradient, super().begin(params), params)


class Numberly(SGD):
    """A rate of a schedule that is not the schedule's."""

    name: ClassVar = ""

    def update(self, gradient, state, params=None, **evidence):
        delta, state = super().update(gradient, state, params, **evidence)
        return (delta if isinstance(self.learning_rate, jax.Array) else jax.tree.map(jnp.zeros_like, delta)), state


class Summed(Momentum):
    """A count of steps declared to be an average of gradients."""

    name: ClassVar = ""
    averages: ClassVar = ("v", "steps")


class Outdated(LBFGS):
    """A memory that takes the value of the line's beginning for that of its end."""

    name: ClassVar = ""

    def step(self, gradient, state, params=None, **evidence):
        delta, state = super().step(gradient, state, params, **evidence)
        return delta, state._replace(known=state.known._replace(value=evidence["value"]))


WRONG = [
    (Outdated(), "known", "value and gradient"),
    (Needy(), "empty", "IndexError"),
    (OnceOnly(), "dtypes", "step, memory and evaluation params"),
    (OnceOnly(), "skipped", "TypeError"),
    (Numberly(), "own_count", "steps of constants beside steps of numbers"),
    (Summed(), "half", "AttributeError"),
    (Uphill(), "descends", "the loss at the start, halfway and at the end"),
    (TooLong(), "descends", "the loss at the start, halfway and at the end"),
    (Restless(), "still", "the params after three steps"),
    (Single(), "dtypes", "float64"),
    (Rounded(), "traced", "TracerBoolConversionError"),
    (Neighbourly(), "traced", "a lane"),
    (Amplified(), "traced", "a lane"),
]
