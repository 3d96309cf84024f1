"""Half precision for averages of gradients, to save memory."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import jax

from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence
from fallline.optimizers.wrappers import Wrapper


class HalfMemory(Wrapper):
    """A rule with its averages of gradients (a velocity, Adam's m) in 16 bits; computations keep their precision.

        m <- half(beta1 full(m) + (1 - beta1) g)

    Saves a quarter to a half of the rule's memory, at a rounding error of 0.4 % in the direction (bfloat16). Averages of
    squares keep full precision: a step changes them by less than 16 bits can resolve, so they would never change.

    Source: Optax's `mu_dtype` and `accumulator_dtype`.

    >>> import jax.numpy as jnp
    >>> from fallline.optimizers import Adam
    >>> state = HalfMemory(Adam()).init(jnp.zeros(3))
    >>> state.m.dtype.name, state.v.dtype.name
    ('bfloat16', 'float32')
    """

    name: ClassVar[str] = "half_memory"
    dtype: str = structure("bfloat16", choices=("bfloat16", "float16"), help="how the averages are kept")

    def __check_init__(self) -> None:
        if getattr(self.rule, "averages", None) == ():
            raise FalllineError(
                f"HalfMemory.rule = {type(self.rule).__name__} remembers no average of gradients: put HalfMemory right "
                "around a rule with a momentum, or leave it out"
            )

    def begin(self, params: Tree) -> NamedTuple:
        found: NamedTuple = self._cast(
            super().begin(params), lambda tree: jax.tree.map(lambda m: m.astype(self.dtype), tree)
        )
        return found

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, NamedTuple]:
        full = lambda tree: jax.tree.map(lambda m, g: m.astype(g.dtype), tree, gradient)  # noqa: E731
        delta, state = self.rule.update(gradient, self._cast(state, full), params, **evidence)
        return delta, self._cast(state, lambda tree: jax.tree.map(lambda m: m.astype(self.dtype), tree))

    def _cast(self, state: Tree, cast: Callable[[Any], Any]) -> Any:
        return state._replace(**{name: cast(getattr(state, name)) for name in self.rule.averages})
