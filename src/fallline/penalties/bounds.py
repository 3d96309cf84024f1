"""A bound on the weights, and the combination of several penalties."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fallline.core.field import Number, number, part, required, structure
from fallline.core.tree import Tree
from fallline.penalties.base import Penalty, check_layers, chosen


class MaxNorm(Penalty):
    """A bound on the length of each unit's incoming weights, restored after every step.

        w_j <- w_j min(1, limit / ||w_j||),  w_j the weights into unit j

    It has no effect while a unit stays inside the bound, and unlike a penalty it allows large learning rates. It is often
    combined with dropout.

    Source: Srebro and Shraibman, "Rank, trace-norm and max-norm", 2005; in networks: Srivastava et al., 2014,
    section 5.1.

    >>> MaxNorm(1.0).project({"dense_1": {"weight": jnp.array([[3.0, 0.0], [4.0, 0.5]])}})["dense_1"]["weight"].tolist()
    [[0.6000000238418579, 0.0], [0.800000011920929, 0.5]]
    """

    name: ClassVar[str] = "max_norm"
    limit: Number = number(
        3.0, valid="(0, inf)", usual=(0.5, 10.0), scale="log", help="greatest length", source="Srivastava et al. 2014"
    )
    layers: tuple[str, ...] | None = structure(None, optional=True, help="layers that it acts on, by name; None: all")

    def __check_init__(self) -> None:
        check_layers(self)

    def __call__(self, params: Tree) -> Float[Array, ""]:
        return jnp.zeros(())

    def project(self, params: Tree) -> Any:
        leaves, tree = jax.tree.flatten(params)
        mine = chosen(params, self.layers)
        return tree.unflatten([self._shorten(w) if act else w for w, act in zip(leaves, mine, strict=True)])

    def _shorten(self, w: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        length = jnp.sqrt(jnp.sum(w * w, axis=0))

        def plain() -> Array:
            return jnp.where(length > self.limit, w * (self.limit / jnp.maximum(length, 1e-30)), w)

        def scaled() -> Array:
            """Divide by the largest entry first, since the square of a length is out of the dtype's range."""
            # Clipped so that the inverse is not subnormal: XLA flushes subnormal numbers to 0.
            unit = 1 / jnp.clip(jnp.max(jnp.abs(w), axis=0), 1.0, 0.1 / jnp.finfo(w.dtype).tiny)
            root = jnp.sqrt(jnp.sum((w * unit) ** 2, axis=0))
            return jnp.where(root > self.limit * unit, w * unit * (self.limit / jnp.maximum(root, 1e-30)), w)

        return lax.cond(jnp.all(jnp.isfinite(length)), plain, scaled)


class Penalties(Penalty):
    """Several penalties at once: their sum, with their bounds applied one after another.

        p(w) = p_1(w) + p_2(w) + ...

    Source: the sum of lasso and ridge in Zou and Hastie, 2005, equation 3; of a penalty and a bound in Srivastava et al.,
    2014, section 5.1.

    >>> from fallline.penalties import L1, L2
    >>> float(Penalties((L2(0.2), L1(0.5)))({"dense_1": {"weight": jnp.array([[1.0, -2.0]])}}))
    2.0
    """

    name: ClassVar[str] = "penalties"
    parts: tuple[Penalty, ...] = required(part(family="penalty", several=True, help="the penalties, in order"))

    def __call__(self, params: Tree) -> Float[Array, ""]:
        return sum((each(params) for each in self.parts), start=jnp.zeros(()))

    def project(self, params: Tree) -> Any:
        for each in self.parts:
            params = each.project(params)
        return params
