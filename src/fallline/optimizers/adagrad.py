"""Steps divided by the root of past squared gradients: AdaGrad sums them, Adadelta averages them."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.field import Number, number, structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, decay_rate, per_leaf, rate, small, zeros_like


class AdaGrad(Optimizer):
    """A separate learning rate for every weight, divided by the root of its summed squared gradients.

        G <- G + g^2
        w <- w - a g / (sqrt(G) + epsilon)      w <- w - a g / sqrt(G + epsilon)    (epsilon_place = "inside")

    Good for sparse features, whose rare gradients keep their full rate. G only grows, so on a long run the steps
    become too small to reach the minimum.

    Source: Duchi, Hazan and Singer, "Adaptive subgradient methods", 2011, figure 1. PyTorch has epsilon outside and
    starts at 0; Keras and Optax have it inside and start at 0.1.

    >>> rule = AdaGrad(learning_rate=0.1)
    >>> g = jnp.array([1e-3, -50.0])
    >>> delta, G = rule.update(g, rule.init(g))
    >>> [round(each, 4) for each in delta.tolist()]  # the first step is the sign
    [-0.1, 0.1]
    >>> [round(each, 4) for each in rule.update(g, G)[0].tolist()]  # and the next by sqrt(2) less
    [-0.0707, 0.0707]
    """

    name: ClassVar[str] = "adagrad"
    learning_rate: Number = rate(1e-2, (1e-4, 1.0))
    epsilon: float = small(1e-8)
    start: Number = number(0.0, valid="[0, inf)", usual=(0.0, 0.1), help="the sum of squares before the first step")
    epsilon_place: str = structure("outside", choices=("outside", "inside"), help="epsilon beside or under the root")

    def begin(self, params: Tree) -> Any:
        return jax.tree.map(lambda w: jnp.full_like(w, self.start), params)

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        a, epsilon = self.learning_rate, self.epsilon
        root = root_of(self.epsilon_place, epsilon)

        def rule(g: Array, G: Array) -> tuple[Array, Array]:
            G = G + g**2
            return -a * g / root(G), G

        delta, G = per_leaf(rule, gradient, state)
        return delta, G


def root_of(place: str, epsilon: Number) -> Any:
    """A function for the root of a mean square, kept above zero: `sqrt(s) + epsilon`, or `sqrt(s + epsilon)`."""
    if place == "inside":
        return lambda s: jnp.sqrt(s + epsilon)
    return lambda s: jnp.sqrt(s) + epsilon


class Squares(NamedTuple):
    """Adadelta's memory: the averages of the squared gradients and of the squared steps."""

    g: Any
    d: Any


class Adadelta(Optimizer):
    """Steps in the unit of the weights: the root mean square of the steps so far over that of the gradients.

        G <- rho G + (1 - rho) g^2
        d = - sqrt(D + epsilon) / sqrt(G + epsilon) g
        D <- rho D + (1 - rho) d^2
        w <- w + a d

    It needs no learning rate (a = 1) and is independent of the loss's scale. Epsilon determines the size of the first
    steps, so the start is slow, and a run rarely ends as low as one with a well-chosen rate.

    Source: Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1. Keras multiplies by 0.001.

    >>> rule = Adadelta()
    >>> delta, _ = rule.update(jnp.array(3.0), rule.init(jnp.array(0.0)))
    >>> round(float(delta), 6)  # - sqrt(epsilon / (1 - rho)), whatever the gradient
    -0.004472
    """

    name: ClassVar[str] = "adadelta"
    own_rate: ClassVar[bool] = True
    learning_rate: Number = rate(1.0, (1e-1, 10.0), "a, a factor before the step; the rule itself has none")
    rho: float = decay_rate(0.95, (0.9, 0.99), "share of both averages kept")
    epsilon: float = small(1e-6, "under both roots; sets the size of the first steps")

    def begin(self, params: Tree) -> Squares:
        return Squares(zeros_like(params), zeros_like(params))

    def step(self, gradient: Tree, state: Squares, params: Tree = None, **evidence: Evidence) -> tuple[Any, Squares]:
        a, rho, epsilon = self.learning_rate, self.rho, self.epsilon

        def rule(g: Array, G: Array, D: Array) -> tuple[Array, Array, Array]:
            G = rho * G + (1 - rho) * g**2
            d = -jnp.sqrt((D + epsilon) / (G + epsilon)) * g
            return a * d, G, rho * D + (1 - rho) * d**2

        delta, G, D = per_leaf(rule, gradient, state.g, state.d)
        return delta, Squares(G, D)
