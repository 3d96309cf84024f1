"""A gradient-free method as a network's update rule."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Int

from fallline.core.errors import FalllineError
from fallline.core.field import part
from fallline.core.tree import Tree
from fallline.methods.base import Method, MethodState
from fallline.methods.search import ARS
from fallline.optimizers import Optimizer, as_rule
from fallline.optimizers.base import Evidence, needed, without_count


class Wander(NamedTuple):
    """The rule's memory: iterations and evaluations of the objective so far, and the method's own memory."""

    count: Int[Array, ""]
    evaluations: Int[Array, ""]
    memory: Any


class WithoutGradient(Optimizer):
    """Training of a network from the values of its loss alone.

        w = all params as one vector;  candidates = ask(w),  f_k = objective(candidate k),  w <- tell(f)

    The gradient is ignored. All candidates of a step see the same minibatch, dropout and penalty, so their values differ
    only through the params. A step costs one forward pass per candidate, and its direction gets worse with the number of
    params: use it for perceptrons, small networks, and losses without a gradient. In a run the directions come from the
    run's key; elsewhere from key 0 and the step count.

    Source: the method's own.

    >>> rule, bowl = WithoutGradient(ARS(step=0.1, noise=0.1)), lambda w: jnp.sum(w["a"] ** 2)
    >>> w = {"a": jnp.array([3.0, -2.0])}
    >>> state = rule.init(w)
    >>> for _ in range(30):
    ...     delta, state = rule.update(None, state, w, objective=bowl)
    ...     w = jax.tree.map(jnp.add, w, delta)
    >>> bool(bowl(w) < 0.1), int(rule.evaluations(state))
    (True, 1920)
    """

    name: ClassVar[str] = "without_gradient"
    method: Method = part(ARS(), family="method", help="how the params move")

    def __check_init__(self) -> None:
        if not getattr(self.method, "traceable", True):
            raise FalllineError(
                f"method {self.method.name!r} cannot be compiled into a run: train with another method, or fit few "
                "numbers of a trained network with fallline.polish"
            )

    @property
    def learning_rate(self) -> Any:
        """The method's step, for the history."""
        inner = getattr(self.method, "optimizer", None)
        return getattr(self.method, "step", jnp.nan) if inner is None else getattr(inner, "learning_rate", jnp.nan)

    @property
    def own_rate(self) -> bool:  # type: ignore[override]
        """Same as the method's."""
        return self.method.own_rate

    def begin(self, params: Tree) -> Wander:
        w, _ = ravel_pytree(params)
        zero = jnp.zeros((), jnp.int32)
        return Wander(zero, zero, self.method.start(w, jax.random.key(0)).memory)

    def step(self, gradient: Tree, state: Wander, params: Tree = None, **evidence: Evidence) -> tuple[Any, Wander]:
        objective = needed("objective", self, evidence)
        w, tree = ravel_pytree(needed("params", self, {"params": params}))
        key = evidence.get("key")
        here = MethodState(w, jax.random.key(0) if key is None else key, state.count, None, state.memory)
        f = jax.vmap(lambda w: objective(tree(w)))(self.method.ask(here))
        after = self.method.tell(here, f)
        delta, evaluations = tree(after.point - w), state.evaluations + f.shape[0]
        return delta, Wander(state.count + 1, evaluations, after.memory)

    def evaluations(self, state: Tree) -> Int[Array, ""]:
        return without_count(state).evaluations


def as_optimizer(value: object) -> Any:
    """Wrap a method as an update rule, and an object with `init` and `update` in `FromOptax`; keep anything else.

    >>> as_optimizer(ARS(step=0.1)).method.step
    0.1
    """
    return WithoutGradient(value) if isinstance(value, Method) else as_rule(value)
