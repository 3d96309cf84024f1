"""Penalties: `(params) -> scalar`, added to the mean loss once per step and never divided by the batch."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.field import number


def weights(params: Any) -> list[Array]:
    """The arrays that a penalty acts on: every `weight`; never biases or a normalisation's scale and shift."""
    found = jax.tree_util.tree_flatten_with_path(params)[0]
    return [leaf for path, leaf in found if path and getattr(path[-1], "key", None) == "weight"]


class Penalty(Block):
    """A cost on the size of the weights."""

    family: ClassVar[str] = "penalty"

    @abstractmethod
    def __call__(self, params: Any) -> Float[Array, ""]:
        """The penalty of the params."""


class L2(Penalty):
    """Ridge penalty: half the sum of squares.

        p(w) = 1/2 strength sum w^2,  dp/dw = strength w

    Spreads weight over many inputs; the usual choice unless inputs should be selected.

    Source: Krogh and Hertz, "A simple weight decay can improve generalization", 1991, equation 2.

    >>> float(L2(0.1)({"dense_1": {"weight": jnp.array([[1.0, 2.0]]), "bias": jnp.array([9.0])}}))
    0.25
    """

    name: ClassVar[str] = "l2"
    strength: float = number(1e-4, valid="[0, inf)", usual=(1e-6, 1e-1), scale="log", help="lambda")

    def __call__(self, params: Any) -> Float[Array, ""]:
        # `vdot` and not `sum(w ** 2)`: XLA's CPU backend vectorises the dot product, not the sum.
        return 0.5 * self.strength * sum(jnp.vdot(w, w) for w in weights(params))
