"""Newton's method, to show the benefit of curvature."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Int

from fallline.core.errors import FalllineError
from fallline.core.factorise import solve
from fallline.core.field import Number, number
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, needed, rate, without_count

LARGEST = 5000  # most params: a Hessian of 100 MB and about a second per step


class Solved(NamedTuple):
    """Newton's memory: gradient evaluations so far; a Hessian counts as one for every param."""

    evaluations: Int[Array, ""]


class Newton(Optimizer):
    """Newton's method with the whole Hessian.

        w <- w - a (H + damping I)^-1 g

    It reaches the minimum of a quadratic in one step, however ill-conditioned, and doubles the number of correct digits
    with every step near any minimum. It needs n^2 numbers and n^3 work for n params, and is attracted to saddle points as
    well as to minima.

    Raises: FalllineError if there are more than 5,000 params.

    Source: Nocedal and Wright, "Numerical optimization", 2006, section 3.3; damping: Levenberg, 1944.

    >>> bowl = lambda w: w[0] ** 2 + 1000 * w[1] ** 2
    >>> w, rule = jnp.array([3.0, -2.0]), Newton()
    >>> delta, _ = rule.update(jax.grad(bowl)(w), rule.init(w), w, objective=bowl)
    >>> (w + delta).round(4).tolist()
    [0.0, 0.0]
    """

    name: ClassVar[str] = "newton"
    aliases: ClassVar[tuple[str, ...]] = ("newtons_method",)
    own_rate: ClassVar[bool] = True
    full_batch: ClassVar[bool] = True
    learning_rate: Number = rate(1.0, (0.1, 1.0), "a, the share of the step taken")
    damping: Number = number(1e-6, valid="[0, inf)", usual=(1e-8, 1.0), scale="log", help="added to every curvature")

    def begin(self, params: Tree) -> Solved:
        count = sum(leaf.size for leaf in jax.tree.leaves(params))
        if count > LARGEST:
            raise FalllineError(
                f"Newton solves with a Hessian of {count:,} x {count:,} numbers, and {LARGEST:,} parameters are the most: "
                "make the network smaller, or take lbfgs, which estimates the curvature"
            )
        return Solved(jnp.zeros((), jnp.int32))

    def step(self, gradient: Tree, state: Solved, params: Tree = None, **evidence: Evidence) -> tuple[Any, Solved]:
        objective = needed("objective", self, evidence)
        w, tree = ravel_pytree(needed("params", self, {"params": params}))
        g, _ = ravel_pytree(gradient)
        H = jax.hessian(lambda w: objective(tree(w)))(w) + self.damping * jnp.eye(w.size, dtype=w.dtype)
        delta = -self.learning_rate * solve(H, g)
        return tree(delta.astype(w.dtype)), Solved(state.evaluations + 1 + w.size)

    def evaluations(self, state: Tree) -> Int[Array, ""]:
        return without_count(state).evaluations
