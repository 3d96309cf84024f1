"""Wrappers: optimizers that contain another and change its gradient or its step."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part, structure
from fallline.core.tree import Tree
from fallline.optimizers.adam import Adam
from fallline.optimizers.base import Evidence, Optimizer, needed, without_count
from fallline.optimizers.weights import on_weights


class Wrapper(Optimizer):
    """An optimizer around an inner rule. A wrapper without a memory of its own uses the rule's memory."""

    rule: Optimizer = part(Adam(), family="optimizer", help="the update rule within")

    def begin(self, params: Tree) -> Any:
        return self.rule.init(params)

    def inner(self, state: Tree) -> Any:
        """The inner rule's memory, given the wrapper's."""
        return state

    def evaluation_params(self, params: Tree, state: Tree) -> Any:
        return self.rule.evaluation_params(params, self.inner(without_count(state)))

    def evaluations(self, state: Tree) -> Int[Array, ""] | None:
        return self.rule.evaluations(self.inner(without_count(state)))

    @property
    def learning_rate(self) -> Any:
        """The inner rule's learning rate; NaN if it has none."""
        return getattr(self.rule, "learning_rate", jnp.nan)

    @property
    def full_batch(self) -> bool:  # type: ignore[override]
        """Same as the inner rule's."""
        return self.rule.full_batch

    @property
    def own_rate(self) -> bool:  # type: ignore[override]
        """Same as the inner rule's."""
        return self.rule.own_rate

    @property
    def line_search(self) -> bool:  # type: ignore[override]
        """Same as the inner rule's."""
        return self.rule.line_search

    @property
    def skips(self) -> bool:  # type: ignore[override]
        """Same as the inner rule's."""
        return self.rule.skips

    @property
    def large(self) -> str:  # type: ignore[override]
        """Same as the inner rule's."""
        return self.rule.large


class WeightDecay(Wrapper):
    """Decoupled weight decay around any rule: the weights shrink independently of the gradients.

        w <- w + d - a decay w                  (decay_by = "rate"; d is the rule's step, a its learning rate)
        w <- w + d - decay w                    (decay_by = "itself")

    Under SGD it is equivalent to an L2 penalty. Under rules that rescale gradients, it shrinks all weights alike, which an
    L2 penalty does not. With decay_by = "itself" it does not follow the learning rate's schedule.

    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", 2019, Algorithms 1 and 2.

    >>> from fallline.optimizers import SGD
    >>> rule = WeightDecay(SGD(0.1), weight_decay=0.5)
    >>> w = {"weight": jnp.array([2.0]), "bias": jnp.array([2.0])}
    >>> delta, _ = rule.update({"weight": jnp.array([1.0]), "bias": jnp.array([1.0])}, rule.init(w), w)
    >>> [round(float(delta[name][0]), 3) for name in ("weight", "bias")]
    [-0.2, -0.1]
    """

    name: ClassVar[str] = "weight_decay"
    weight_decay: Number = number(
        1e-2, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", searched=True, help="lambda, the share lost"
    )
    decay_by: str = structure("rate", choices=("rate", "itself"), help="whether the learning rate multiplies the decay")
    decayed: str = structure("weights", choices=("weights", "all"), help="weights alone, or biases and scales as well")

    def __check_init__(self) -> None:
        rule = self.rule
        while isinstance(rule, Wrapper):
            rule = rule.rule
        if self.decay_by == "rate" and isinstance(rule, Optimizer) and not hasattr(rule, "learning_rate"):
            raise FalllineError(f"{type(rule).__name__} has no learning rate for a decay by it: set decay_by='itself'")

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        params = needed("params", self, {"params": params})
        delta, state = self.rule.update(gradient, state, params, **evidence)
        share = self.weight_decay * self.learning_rate if self.decay_by == "rate" else self.weight_decay
        return on_weights(lambda d, w: d - share * w, delta, params, everywhere=self.decayed == "all"), state


class Skipped(NamedTuple):
    """The number of skipped steps, and the inner rule's memory."""

    count: Int[Array, ""]
    memory: Any


class SkipNonfinite(Wrapper):
    """No step, and no change of the rule's memory, if the gradient is not finite.

    One bad minibatch (an overflow, a broken row) costs one step instead of the run. If every gradient is bad, the run
    makes no progress; the memory counts the skipped steps.

    Source: Micikevicius et al., "Mixed precision training", 2018, section 3.2.

    >>> rule = SkipNonfinite(Adam(0.1))
    >>> delta, state = rule.update(jnp.array(jnp.nan), rule.init(jnp.array(1.0)))
    >>> float(delta), int(state.count), float(state.memory.m)
    (0.0, 1, 0.0)
    """

    name: ClassVar[str] = "skip_nonfinite"
    skips: ClassVar[bool] = True

    def begin(self, params: Tree) -> Skipped:
        return Skipped(jnp.zeros((), jnp.int32), self.rule.init(params))

    def step(self, gradient: Tree, state: Skipped, params: Tree = None, **evidence: Evidence) -> tuple[Any, Skipped]:
        finite = jnp.bool_(True)
        for leaf in jax.tree.leaves(gradient):
            finite = finite & jnp.all(jnp.isfinite(leaf))
        go = lambda: self.rule.update(gradient, state.memory, params, **evidence)  # noqa: E731
        delta, memory = or_stay(finite, go, state.memory)
        return delta, Skipped(state.count + ~finite, memory)

    def inner(self, state: Tree) -> Any:
        return state.memory


def or_stay(condition: Array, go: Array, memory: Tree) -> tuple[Any, Any]:
    """The result of `go() -> delta, memory` if the condition holds; otherwise a zero step and the unchanged memory."""
    delta, _ = jax.eval_shape(go)

    def stay() -> tuple[Any, Any]:
        return jax.tree.map(lambda d: jnp.zeros(d.shape, d.dtype), delta), memory

    found: tuple[Any, Any] = lax.cond(condition, go, stay)
    return found
