"""Adam and its relatives: averages of the gradient and of its square."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from fallline.core.field import number
from fallline.optimizers.base import Optimizer, per_leaf


class Moments(NamedTuple):
    """Adam's memory: the step count and the two averages."""

    t: Int[Array, ""]
    m: Any
    v: Any


class Adam(Optimizer):
    """Adaptive moments.

        m <- beta1 m + (1 - beta1) g            mhat = m / (1 - beta1^t)
        v <- beta2 v + (1 - beta2) g^2          vhat = v / (1 - beta2^t)
        w <- w - a mhat / (sqrt(vhat) + epsilon)

    The default: a step is about `a` in every coordinate whatever the gradient's scale, so one learning rate fits many
    networks. With a constant learning rate it can end less well than SGD with momentum; decay it.

    Source: Kingma and Ba, "Adam: a method for stochastic optimization", 2015, Algorithm 1.

    >>> rule = Adam(learning_rate=0.1)
    >>> g = jnp.array([1e-3, -50.0])
    >>> delta, _ = rule.update(g, rule.init(g))
    >>> [round(each, 4) for each in delta.tolist()]  # the first step is the learning rate times the sign
    [-0.1, 0.1]
    """

    name: ClassVar[str] = "adam"
    learning_rate: float = number(
        1e-3, valid="[0, inf)", usual=(1e-5, 1e-1), scale="log", unit="per step", help="a, the size of a step"
    )
    beta1: float = number(0.9, valid="[0, 1)", usual=(0.8, 0.99), help="share of the gradient's average kept")
    beta2: float = number(0.999, valid="[0, 1)", usual=(0.9, 0.9999), help="share of the square's average kept")
    epsilon: float = number(1e-8, valid="[0, inf)", usual=(1e-10, 1e-4), scale="log", help="keeps the division finite")

    def init(self, params: Any) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(
        self, gradient: Any, state: Moments, params: Any = None, **evidence: Any
    ) -> tuple[Any, Moments]:
        a, beta1, beta2, epsilon = self.learning_rate, self.beta1, self.beta2, self.epsilon
        t = state.t + 1
        # Both corrections as factors computed once per step, not as divisions in every coordinate.
        c1, c2 = 1 / (1 - beta1**t), 1 / (1 - beta2**t)

        def rule(g: Array, m: Array, v: Array) -> tuple[Array, Array, Array]:
            m = beta1 * m + (1 - beta1) * g
            v = beta2 * v + (1 - beta2) * g**2
            return -a * (m * c1) / (jnp.sqrt(v * c2) + epsilon), m, v

        delta, m, v = per_leaf(rule, gradient, state.m, state.v)
        return delta, Moments(t, m, v)
