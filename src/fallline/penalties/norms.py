"""Penalties on the size of the weights: squares, absolute values, or both."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.field import Number, number, structure
from fallline.core.tree import Tree
from fallline.penalties.base import Penalty, check_layers, weights


class L2(Penalty):
    """Ridge penalty: half the sum of squares.

        p(w) = 1/2 strength sum w^2,  dp/dw = strength w

    Spreads the weights over many inputs; the usual choice unless inputs should be selected.

    Source: Krogh and Hertz, "A simple weight decay can improve generalization", 1991, equation 2.

    >>> float(L2(0.1)({"dense_1": {"weight": jnp.array([[1.0, 2.0]]), "bias": jnp.array([9.0])}}))
    0.25
    """

    name: ClassVar[str] = "l2"
    aliases: ClassVar[tuple[str, ...]] = ("ridge", "tikhonov")
    strength: Number = number(1e-4, valid="[0, inf)", usual=(1e-6, 1e-1), scale="log", searched=True, help="lambda")
    layers: tuple[str, ...] | None = structure(None, optional=True, help="layers that it acts on, by name; None: all")
    acts_on: str = structure("weights", choices=("weights", "all"), help="weights, or biases and normalisations too")

    def __check_init__(self) -> None:
        check_layers(self)

    def __call__(self, params: Tree) -> Float[Array, ""]:
        # `vdot` instead of `sum(w ** 2)`: XLA's CPU backend vectorises the dot product, but not the sum.
        return 0.5 * self.strength * sum(jnp.vdot(w, w) for w in weights(params, self.layers, self.acts_on))


class L1(Penalty):
    """Lasso penalty: the sum of absolute values.

        p(w) = strength sum |w|,  dp/dw = strength sign(w),  0 at w = 0

    Pulls every weight towards 0 with the same force, so that useless weights end within one step of 0. Use it if only few
    inputs matter.

    Source: Tibshirani, "Regression shrinkage and selection via the lasso", 1996.

    >>> float(L1(0.5)({"dense_1": {"weight": jnp.array([[1.0, -2.0]]), "bias": jnp.array([9.0])}}))
    1.5
    """

    name: ClassVar[str] = "l1"
    aliases: ClassVar[tuple[str, ...]] = ("lasso",)
    strength: Number = number(1e-5, valid="[0, inf)", usual=(1e-7, 1e-2), scale="log", searched=True, help="lambda")
    layers: tuple[str, ...] | None = structure(None, optional=True, help="layers that it acts on, by name; None: all")
    acts_on: str = structure("weights", choices=("weights", "all"), help="weights, or biases and normalisations too")

    def __check_init__(self) -> None:
        check_layers(self)

    def __call__(self, params: Tree) -> Float[Array, ""]:
        return self.strength * absolute_sum(weights(params, self.layers, self.acts_on))


class ElasticNet(Penalty):
    """Lasso and ridge, mixed.

        p(w) = strength sum (alpha |w| + (1 - alpha) w^2),  dp/dw = strength (alpha sign(w) + 2 (1 - alpha) w)

    Selects inputs as L1 does, but keeps correlated inputs together. alpha = 1 is L1; alpha = 0 is L2 of twice the strength.

    Source: Zou and Hastie, "Regularization and variable selection via the elastic net", 2005, equation 3.

    >>> float(ElasticNet(1.0, alpha=0.5)({"dense_1": {"weight": jnp.array([[1.0, -2.0]]), "bias": jnp.array([9.0])}}))
    4.0
    """

    name: ClassVar[str] = "elastic_net"
    strength: Number = number(1e-5, valid="[0, inf)", usual=(1e-7, 1e-2), scale="log", searched=True, help="lambda")
    alpha: Number = number(0.5, valid="[0, 1]", usual=(0.0, 1.0), help="share of the absolute values")
    layers: tuple[str, ...] | None = structure(None, optional=True, help="layers that it acts on, by name; None: all")
    acts_on: str = structure("weights", choices=("weights", "all"), help="weights, or biases and normalisations too")

    def __check_init__(self) -> None:
        check_layers(self)

    def __call__(self, params: Tree) -> Float[Array, ""]:
        found = weights(params, self.layers, self.acts_on)
        squares = sum(jnp.vdot(w, w) for w in found)
        return self.strength * (self.alpha * absolute_sum(found) + (1.0 - self.alpha) * squares)


def absolute_sum(arrays: list[Array]) -> Any:
    """Sum of absolute values, as a dot product for the reason given in `L2`; its slope at 0 is 0."""
    return sum(jnp.vdot(jnp.sign(w), w) for w in arrays)
