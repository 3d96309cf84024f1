"""Methods without gradients that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp

from fallline.methods import BRS


class HalfSeen(BRS):
    """One candidate fewer than it says."""

    name: ClassVar = ""

    def candidates(self, d):
        return super().candidates(d) + 1


class Forgetful(BRS):
    """The same directions in every iteration."""

    name: ClassVar = ""

    def drawn(self, state):
        return super().drawn(state._replace(iteration=0))


class Drifting(BRS):
    """A step that needs no difference."""

    name: ClassVar = ""

    def step_from(self, state, seen):
        return super().step_from(state, seen)[0] + 1e-3, ()


class Trusting(BRS):
    """A failed direction's value taken for 0."""

    name: ClassVar = ""

    def move(self, state, values):
        return super().move(state, jnp.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0))


class Climbing(BRS):
    """The other way."""

    name: ClassVar = ""

    def step_from(self, state, seen):
        return super().step_from(state, seen._replace(above=seen.below, below=seen.above))


WRONG = [
    (HalfSeen(), "dtypes", "candidates and state"),
    (Forgetful(), "drawn_again", "the same candidates"),
    (Drifting(), "flat", "the point after equal values"),
    (Trusting(), "failures", "the point after another failure of the same direction"),
    (Climbing(), "descends", "the values at the start, halfway and at the end"),
]
