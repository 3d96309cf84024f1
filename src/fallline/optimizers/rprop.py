"""Resilient propagation: only the sign of the gradient is used."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.field import Number, number, structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, as_step, per_leaf, rate, zeros_like


class Strides(NamedTuple):
    """Rprop's memory: each weight's step size, its last gradient and its last step."""

    size: Any
    g: Any
    d: Any


class Rprop(Optimizer):
    """A step size for every weight, which grows while the gradient's sign holds and shrinks when it flips.

        z <- min(grow z, longest)  if g g' > 0,     max(shrink z, shortest)  if g g' < 0,     g' the last gradient
        d = -sign(g) z,  but where the sign has flipped:
            flip = "backtrack"  d = -d', the last step is taken back, and g' <- 0    (the original)
            flip = "wait"       d = 0, and g' <- 0                                   (iRprop-, PyTorch)
            flip = "go_on"      d = -sign(g) z as ever                               (Rprop-)
        w <- w + d

    It needs hardly any tuning of the learning rate and is independent of the scale of the gradients. The sign of a
    minibatch's gradient is mostly noise, so it is for full batches only.

    Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993; the variants
    after Igel and Huesken, "Empirical evaluation of the improved Rprop learning algorithms", 2003.

    >>> rule = Rprop()
    >>> state = rule.init(jnp.array(0.0))
    >>> for g in (3.0, 1e-6, -1.0):
    ...     delta, state = rule.update(jnp.array(g), state)
    ...     print(f"{float(delta):.2f}")  # the start, 1.2 times that, and back
    -0.10
    -0.12
    0.12
    """

    name: ClassVar[str] = "rprop"
    own_rate: ClassVar[bool] = True
    full_batch: ClassVar[bool] = True
    large: ClassVar[str] = "taken"
    learning_rate: Number = rate(0.1, (1e-4, 1.0), "the size of the first step")
    grow: Number = number(1.2, valid="[1, inf)", usual=(1.1, 1.5), help="factor while the sign holds")
    shrink: Number = number(0.5, valid="(0, 1]", usual=(0.3, 0.8), help="factor when the sign flips")
    shortest: Number = number(
        1e-6, valid="[0, inf)", usual=(1e-8, 1e-3), scale="log", help="lower bound of a step size"
    )
    longest: Number = number(50.0, valid="(0, inf)", usual=(0.1, 50.0), scale="log", help="upper bound of a step size")
    flip: str = structure("backtrack", choices=("backtrack", "wait", "go_on"), help="the step at a flipped sign")

    def begin(self, params: Tree) -> Strides:
        size = jax.tree.map(lambda w: jnp.full_like(w, self.learning_rate), params)
        return Strides(size, zeros_like(params), zeros_like(params) if self.flip == "backtrack" else ())

    def step(self, gradient: Tree, state: Strides, params: Tree = None, **evidence: Evidence) -> tuple[Any, Strides]:
        def size(g: Array, last: Array, z: Array) -> tuple[Array, Array]:
            # Signs are multiplied instead of gradients: a product of small gradients would underflow to "no flip".
            held = jnp.sign(g) * jnp.sign(last)
            longer, shorter = jnp.minimum(self.grow * z, self.longest), jnp.maximum(self.shrink * z, self.shortest)
            return jnp.where(held > 0, longer, jnp.where(held < 0, shorter, z)), held < 0

        z, flipped = per_leaf(size, gradient, state.g, state.size)
        d = jax.tree.map(lambda g, z: -jnp.sign(g) * z, gradient, z)
        if self.flip == "go_on":
            return d, Strides(z, gradient, ())
        last = jax.tree.map(lambda f, g: jnp.where(f, 0, g), flipped, gradient)
        if self.flip == "wait":
            return jax.tree.map(lambda f, d: jnp.where(f, 0, d), flipped, d), Strides(z, last, ())
        d = jax.tree.map(lambda f, d, before: jnp.where(f, -before, d), flipped, d, state.d)
        return as_step(d), Strides(z, last, d)
