"""RMSProp: the gradient divided by its running root mean square."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, structure
from fallline.core.tree import Tree
from fallline.optimizers.adagrad import root_of
from fallline.optimizers.base import Evidence, Optimizer, as_step, decay_rate, per_leaf, rate, small, zeros_like
from fallline.optimizers.descent import PLACES


class Size(NamedTuple):
    """RMSProp's memory: the step count, the averages of g^2 and (centred) of g, the velocity."""

    t: Int[Array, ""]
    s: Any
    m: Any
    v: Any


class RMSProp(Optimizer):
    """Gradient descent with every coordinate divided by its recent root mean square.

        s <- decay s + (1 - decay) g^2
        r = g / (sqrt(s) + epsilon)             r = g / sqrt(s + epsilon)           (epsilon_place = "inside")
        w <- w - a r

    centred: s - m^2 in place of s, with m <- decay m + (1 - decay) g; this is the gradient's variance.
    corrected: s / (1 - decay^t) in place of s; the first step is then the sign and not sign / sqrt(1 - decay). It cannot be
    combined with centred: the corrected variance of a single gradient is zero, and the first step would be g / epsilon.
    momentum: v <- mu v - a r, w <- w + v; with rate_place = "outside" (PyTorch) v <- mu v + r, w <- w - a v.

    It is AdaGrad with a decaying memory, so it keeps moving on long runs and with recurrent networks. Without the
    correction its first steps are 1 / sqrt(1 - decay) times too large. Adam adds averaged gradients.

    Source: Hinton, "Neural networks for machine learning", lecture 6e, 2012; centred, with momentum: Graves,
    "Generating sequences with recurrent neural networks", 2013, equations 38 to 41.

    >>> rule = RMSProp(learning_rate=0.1)
    >>> g = jnp.array([1e-3, -50.0])
    >>> delta, _ = rule.update(g, rule.init(g))
    >>> [round(each, 3) for each in delta.tolist()]  # 1 / sqrt(1 - 0.9) = 3.16 learning rates
    [-0.316, 0.316]
    """

    name: ClassVar[str] = "rmsprop"
    learning_rate: Number = rate(1e-3)
    decay: float = decay_rate(0.9, (0.8, 0.999), "share of the squares' average kept")
    momentum: float | None = decay_rate(
        None, (0.5, 0.99), "mu, the share of the velocity kept; None: no velocity", searched=True
    )
    epsilon: float = small(1e-8)
    centred: bool = structure(
        False, choices=(False, True), help="whether the squared mean is subtracted from the mean square"
    )
    corrected: bool = structure(
        False, choices=(False, True), help="bias correction: whether the averages' start at zero is corrected"
    )
    epsilon_place: str = structure("outside", choices=("outside", "inside"), help="epsilon beside or under the root")
    rate_place: str = structure("inside", choices=PLACES, help="whether the learning rate is part of the velocity")

    def __check_init__(self) -> None:
        if self.centred is True and self.corrected is True:
            raise FalllineError(
                "RMSProp with centred and corrected divides its first step by a variance of zero: leave one out"
            )

    def begin(self, params: Tree) -> Size:
        zeros = zeros_like(params)
        m = zeros if self.centred else ()
        return Size(jnp.zeros((), jnp.int32), zeros, m, () if self.momentum is None else zeros)

    def step(self, gradient: Tree, state: Size, params: Tree = None, **evidence: Evidence) -> tuple[Any, Size]:
        a, decay, t = self.learning_rate, self.decay, state.t + 1
        c = 1 / (1 - decay**t) if self.corrected else 1.0
        root = root_of(self.epsilon_place, self.epsilon)

        def plain(g: Array, s: Array) -> tuple[Array, Array]:
            s = decay * s + (1 - decay) * g**2
            return g / root(c * s), s

        def centred(g: Array, s: Array, m: Array) -> tuple[Array, Array, Array]:
            s, m = decay * s + (1 - decay) * g**2, decay * m + (1 - decay) * g
            # Rounding can take a variance below zero.
            return g / root(jnp.maximum(s - m**2, 0)), s, m

        if self.centred:
            r, s, m = per_leaf(centred, gradient, state.s, state.m)
        else:
            (r, s), m = per_leaf(plain, gradient, state.s), ()
        if self.momentum is None:
            return jax.tree.map(lambda r: -a * r, r), Size(t, s, m, ())
        mu = self.momentum
        if self.rate_place == "inside":
            v = jax.tree.map(lambda r, v: mu * v - a * r, r, state.v)
            return as_step(v), Size(t, s, m, v)
        v = jax.tree.map(lambda r, v: mu * v + r, r, state.v)
        return jax.tree.map(lambda v: -a * v, v), Size(t, s, m, v)
