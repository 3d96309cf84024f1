"""Penalties that lack a property, and what their check says of each."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from fallline.penalties import L2, Penalty
from wrong.squares import squares


class Everything(Penalty):
    """A ridge on biases too."""

    def __call__(self, params):
        return 0.5 * sum((jnp.vdot(w, w) for w in jax.tree.leaves(params)), start=jnp.zeros(()))


class Offset(L2):
    """A penalty that costs something at zero."""

    name: ClassVar = ""

    def __call__(self, params):
        return super().__call__(params) + 1.0


class Lengthening(L2):
    """A bound that makes weights longer."""

    name: ClassVar = ""

    def project(self, params):
        return jax.tree.map(lambda w: 1.1 * w, params)


class WrongPenalty(L2):
    """A ridge with half of its gradient."""

    name: ClassVar = ""

    def __call__(self, params):
        return sum((squares(w).sum() for w in jax.tree.leaves(params) if w.ndim > 1), start=jnp.zeros(()))


class Rewarding(L2):
    """A ridge turned upside down."""

    name: ClassVar = ""

    def __call__(self, params):
        return -super().__call__(params)


class PerLayer(L2):
    """A penalty for each layer."""

    name: ClassVar = ""

    def __call__(self, params):
        return jnp.stack([super().__call__(params)] * 2)


WRONG = [
    (WrongPenalty(), "gradient", "beside central differences"),
    (Rewarding(), "grows", "at 0.5, 1, 2 and 10^6 times"),
    (PerLayer(), "dtypes", "penalty and bounded params"),
    (Everything(), "weights_alone", "other biases"),
    (Offset(), "zero_at_zero", "the penalty of zero weights is 1"),
    (Lengthening(), "bound", "applied twice"),
]
