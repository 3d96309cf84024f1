"""Wrappers that average the weights over time, or the gradients over several minibatches."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.field import Number, number
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, decay_rate, needed, without_count, zeros_like
from fallline.optimizers.wrappers import Wrapper, or_stay


class Averaged(NamedTuple):
    """The weighted sum of the params so far, the sum of the weights, and the inner rule's memory."""

    w: Any
    total: Float[Array, ""]
    memory: Any


class WeightAverage(Wrapper):
    """An exponential average of the weights for validation and prediction; training itself does not use it.

        u <- decay u + (1 - decay) w            evaluation params = u / c,  c <- decay c + (1 - decay)

    Averages out the noise of the last steps, as a decayed learning rate does, but at any time. With a decay too close to 1
    it returns outdated weights. The running statistics of a batch normalisation are not averaged.

    Source: Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992, with equal weights.

    >>> from fallline.optimizers import SGD
    >>> rule, w = WeightAverage(SGD(1.0), decay=0.5), jnp.array(0.0)
    >>> state = rule.init(w)
    >>> for g in (-1.0, -1.0):
    ...     delta, state = rule.update(jnp.array(g), state, w)
    ...     w = w + delta
    >>> float(w), round(float(rule.evaluation_params(w, state)), 4)  # (0.25 * 1 + 0.5 * 2) / 0.75
    (2.0, 1.6667)
    """

    name: ClassVar[str] = "weight_average"
    aliases: ClassVar[tuple[str, ...]] = ("ema", "polyak_averaging", "averaged_weights")
    decay: float = decay_rate(0.999, (0.9, 0.9999), "share of the average kept")

    def begin(self, params: Tree) -> Averaged:
        return Averaged(zeros_like(params), jnp.zeros(()), self.rule.init(params))

    def step(self, gradient: Tree, state: Averaged, params: Tree = None, **evidence: Evidence) -> tuple[Any, Averaged]:
        params, decay = needed("params", self, {"params": params}), self.decay
        delta, memory = self.rule.update(gradient, state.memory, params, **evidence)
        w = jax.tree.map(lambda u, w, d: (decay * u + (1 - decay) * (w + d)).astype(u.dtype), state.w, params, delta)
        total = (decay * state.total + (1 - decay)).astype(state.total.dtype)
        return delta, Averaged(w, total, memory)

    def inner(self, state: Tree) -> Any:
        return state.memory

    def evaluation_params(self, params: Tree, state: Tree) -> Any:
        state = without_count(state)
        c = jnp.maximum(state.total, 1e-30)
        average = lambda u, w: jnp.where(state.total > 0, u / c, w).astype(w.dtype)  # noqa: E731
        return jax.tree.map(average, state.w, self.rule.evaluation_params(params, state.memory))


class Accumulated(NamedTuple):
    """Minibatches since the last step, their weight, weighted gradients and values, and the inner rule's memory."""

    count: Int[Array, ""]
    weight: Float[Array, ""]
    g: Any
    value: Float[Array, ""]
    memory: Any


class Accumulate(Wrapper):
    """One step of the rule from the gradients of several minibatches: the step of one large batch.

        G <- G + n g,  N <- N + n               n the minibatch's examples (their weight), 1 if not given
        at every `every`-th minibatch:          w <- w + d(G / N),  G <- 0,  N <- 0

    Large batches in the memory of small ones. For a loss that is a mean over examples, the step is that of the large batch
    up to rounding. Layers that use the whole minibatch, such as batch normalisation, still see the small ones.

    Source: the linearity of the gradient.

    >>> from fallline.optimizers import SGD
    >>> rule = Accumulate(SGD(1.0), every=2)
    >>> state = rule.init(jnp.array(0.0))
    >>> for g in (1.0, 3.0):
    ...     delta, state = rule.update(jnp.array(g), state)
    ...     print(float(delta))
    0.0
    -2.0
    """

    name: ClassVar[str] = "accumulate"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_accumulation",)
    every: Number = number(4, valid="[1, 1e6]", usual=(2, 32), integer=True, unit="minibatches", help="k, in one step")

    def begin(self, params: Tree) -> Accumulated:
        zero = jnp.zeros(())
        return Accumulated(jnp.zeros((), jnp.int32), zero, zeros_like(params), zero, self.rule.init(params))

    def step(
        self, gradient: Tree, state: Accumulated, params: Tree = None, **evidence: Evidence
    ) -> tuple[Any, Accumulated]:
        n = evidence.pop("weight", 1.0)
        evidence.pop("objective", None)  # the objective of one minibatch is not that of the step
        value = (state.value + n * evidence.pop("value", jnp.nan)).astype(state.value.dtype)
        count, weight = state.count + 1, (state.weight + n).astype(state.weight.dtype)
        g = jax.tree.map(lambda sum, g: sum + (n * g).astype(sum.dtype), state.g, gradient)
        full = count >= self.every

        def mean(g: Array) -> Array:
            return g / jnp.maximum(weight, 1e-30).astype(g.dtype)

        def clear(sum: Array) -> Array:
            return jnp.where(full, jnp.zeros_like(sum), sum)

        def go() -> tuple[Any, Any]:
            return self.rule.update(jax.tree.map(mean, g), state.memory, params, **evidence, value=mean(value))

        delta, memory = or_stay(full, go, state.memory)
        return delta, Accumulated(clear(count), clear(weight), jax.tree.map(clear, g), clear(value), memory)

    def inner(self, state: Tree) -> Any:
        return state.memory
