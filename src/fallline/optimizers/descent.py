"""Gradient descent and its momentum variants."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from fallline.core.field import Number, structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, as_step, decay_rate, per_leaf, rate, zeros_like

PLACES = ("inside", "outside")


class SGD(Optimizer):
    """Gradient descent.

        w <- w - a g

    It has one hyperparameter, and its noise is best understood. It is slow along the floor of a ravine, because the steep
    walls only allow a small learning rate.

    Source: Cauchy, 1847; with minibatches, Robbins and Monro, 1951.

    >>> rule = SGD(learning_rate=0.5)
    >>> delta, _ = rule.update(jnp.array(2.0), rule.init(jnp.array(1.0)))
    >>> float(delta)
    -1.0
    """

    name: ClassVar[str] = "sgd"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_descent", "stochastic_gradient_descent", "gd")
    learning_rate: Number = rate(1e-2, (1e-4, 1.0))

    def begin(self, params: Tree) -> Any:
        return ()

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        a = self.learning_rate
        return jax.tree.map(lambda g: -a * g, gradient), state


class Velocity(NamedTuple):
    """The memory of a momentum rule."""

    v: Any


class Momentum(Optimizer):
    """Gradient descent with a heavy ball's velocity.

        v <- mu v - a g                         v <- mu v + g           (rate_place = "outside": PyTorch, Optax)
        w <- w + v                              w <- w - a v

    The two differ only while the learning rate changes: inside, each gradient keeps the rate of its own step.

    It speeds up along directions whose gradients agree and damps directions in which they alternate. In a ravine it is
    about sqrt(condition number) times faster than SGD. It overshoots when mu is close to 1.

    Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964, equation 9.

    >>> rule = Momentum(learning_rate=1.0, momentum=0.5)
    >>> state = rule.init(jnp.array(0.0))
    >>> for _ in range(3):
    ...     delta, state = rule.update(jnp.array(1.0), state)
    >>> float(delta)  # -(1 + 1/2 + 1/4)
    -1.75
    """

    name: ClassVar[str] = "momentum"
    aliases: ClassVar[tuple[str, ...]] = ("heavy_ball", "polyak")
    averages: ClassVar[tuple[str, ...]] = ("v",)
    learning_rate: Number = rate(1e-2, (1e-4, 1.0))
    momentum: float = decay_rate(0.9, (0.5, 0.99), "mu, the share of the velocity kept", searched=True)
    rate_place: str = structure("inside", choices=PLACES, help="whether the learning rate is part of the velocity")

    def begin(self, params: Tree) -> Velocity:
        return Velocity(zeros_like(params))

    def step(self, gradient: Tree, state: Velocity, params: Tree = None, **evidence: Evidence) -> tuple[Any, Velocity]:
        a, mu = self.learning_rate, self.momentum
        if self.rate_place == "inside":
            v = jax.tree.map(lambda g, v: mu * v - a * g, gradient, state.v)
            return as_step(v), Velocity(v)
        v = jax.tree.map(lambda g, v: mu * v + g, gradient, state.v)
        return jax.tree.map(lambda v: -a * v, v), Velocity(v)


class Nesterov(Optimizer):
    """Momentum that looks ahead: the gradient is taken at the point that the velocity is about to reach.

        v <- mu v - a g(u + mu v)               with w = u + mu v, the point looked ahead to, as the params:
        u <- u + v                                  v <- mu v - a g(w)
                                                    w <- w + mu v - a g(w)

    With rate_place = "outside" (PyTorch, Optax) the velocity holds gradients alone, and -a stands before it.

    It brakes before a turn, whereas the heavy ball brakes after it, so it tolerates a larger mu. With noisy minibatches
    the difference from momentum is small.

    Source: Nesterov, 1983; Sutskever et al., "On the importance of initialization and momentum", 2013, equations 3, 4;
    with the params at the point looked ahead to: Bengio et al., "Advances in optimizing recurrent networks", 2012.

    >>> rule = Nesterov(learning_rate=1.0, momentum=0.5)
    >>> delta, state = rule.update(jnp.array(1.0), rule.init(jnp.array(0.0)))
    >>> float(delta), float(state.v)  # the step, and half of it again
    (-1.5, -1.0)
    """

    name: ClassVar[str] = "nesterov"
    aliases: ClassVar[tuple[str, ...]] = ("nag", "nesterov_momentum")
    averages: ClassVar[tuple[str, ...]] = ("v",)
    learning_rate: Number = rate(1e-2, (1e-4, 1.0))
    momentum: float = decay_rate(0.9, (0.5, 0.99), "mu, the share of the velocity kept", searched=True)
    rate_place: str = structure("inside", choices=PLACES, help="whether the learning rate is part of the velocity")

    def begin(self, params: Tree) -> Velocity:
        return Velocity(zeros_like(params))

    def step(self, gradient: Tree, state: Velocity, params: Tree = None, **evidence: Evidence) -> tuple[Any, Velocity]:
        a, mu = self.learning_rate, self.momentum

        def inside(g: Array, v: Array) -> tuple[Array, Array]:
            v = mu * v - a * g
            return mu * v - a * g, v

        def outside(g: Array, v: Array) -> tuple[Array, Array]:
            v = mu * v + g
            return -a * (mu * v + g), v

        delta, v = per_leaf(inside if self.rate_place == "inside" else outside, gradient, state.v)
        return delta, Velocity(v)


class Average(NamedTuple):
    """The memory of an averaged gradient: the step count and the average."""

    t: Int[Array, ""]
    v: Any


class AveragedMomentum(Optimizer):
    """Gradient descent along an exponentially weighted average of the gradients.

        v <- beta v + (1 - beta) g
        w <- w - a v                            w <- w - a v / (1 - beta^t)     (corrected)

    Without the correction it is the heavy ball at the rate a (1 - beta), so changing beta does not change the length of the
    steps. The average starts at zero, so the first 1 / (1 - beta) steps are short; the correction restores their length.

    Source: the average of Kingma and Ba, 2015, section 3, without its second moment.

    >>> g = jnp.array(1.0)
    >>> for rule in (AveragedMomentum(1.0), AveragedMomentum(1.0, corrected=True)):
    ...     print(round(float(rule.update(g, rule.init(g))[0]), 3))
    -0.1
    -1.0
    """

    name: ClassVar[str] = "averaged_momentum"
    averages: ClassVar[tuple[str, ...]] = ("v",)
    learning_rate: Number = rate(1e-1, (1e-3, 1.0))
    beta: float = decay_rate(0.9, (0.5, 0.99), "the share of the average kept")
    corrected: bool = structure(
        False, choices=(False, True), help="bias correction: whether the average's start at zero is corrected"
    )

    def begin(self, params: Tree) -> Average:
        return Average(jnp.zeros((), jnp.int32), zeros_like(params))

    def step(self, gradient: Tree, state: Average, params: Tree = None, **evidence: Evidence) -> tuple[Any, Average]:
        a, beta, t = self.learning_rate, self.beta, state.t + 1
        v = jax.tree.map(lambda g, v: beta * v + (1 - beta) * g, gradient, state.v)
        c = 1 / (1 - beta**t) if self.corrected else 1.0
        return jax.tree.map(lambda v: -(a * c) * v, v), Average(t, v)
