"""Gradient descent and its momentum."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from fallline.core.field import number
from fallline.optimizers.base import Optimizer, per_leaf


class SGD(Optimizer):
    """Gradient descent.

        w <- w - a g

    One number to choose, and the best-understood noise. Slow along the floor of a ravine, where the learning rate
    that its walls allow is too small.

    Source: Cauchy, 1847; with minibatches, Robbins and Monro, 1951.

    >>> rule = SGD(learning_rate=0.5)
    >>> delta, _ = rule.update(jnp.array(2.0), rule.init(jnp.array(1.0)))
    >>> float(delta)
    -1.0
    """

    name: ClassVar[str] = "sgd"
    learning_rate: float = number(
        1e-2, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", unit="per step", help="a, the size of a step"
    )

    def init(self, params: Any) -> Any:
        return ()

    def update(self, gradient: Any, state: Any, params: Any = None, **evidence: Any) -> tuple[Any, Any]:
        a = self.learning_rate
        return jax.tree.map(lambda g: -a * g, gradient), state


class Momentum(Optimizer):
    """Gradient descent with a heavy ball's velocity.

        v <- mu v - a g
        w <- w + v

    Speeds up along directions whose gradients agree and damps those that alternate; in a ravine about
    sqrt(condition number) times faster than SGD. Overshoots when mu is close to 1.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, equation 9.

    >>> rule = Momentum(learning_rate=1.0, momentum=0.5)
    >>> state = rule.init(jnp.array(0.0))
    >>> for _ in range(3):
    ...     delta, state = rule.update(jnp.array(1.0), state)
    >>> float(delta)  # -(1 + 1/2 + 1/4)
    -1.75
    """

    name: ClassVar[str] = "momentum"
    learning_rate: float = number(
        1e-2, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", unit="per step", help="a, the size of a step"
    )
    momentum: float = number(0.9, valid="[0, 1)", usual=(0.5, 0.99), help="mu, the share of the velocity kept")

    def init(self, params: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    def update(self, gradient: Any, state: Any, params: Any = None, **evidence: Any) -> tuple[Any, Any]:
        a, mu = self.learning_rate, self.momentum
        (v,) = per_leaf(lambda g, v: (mu * v - a * g,), gradient, state)
        return v, v
