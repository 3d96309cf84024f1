"""The last evaluation, remembered by a rule so that its next step does not evaluate the same point again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int
from numpy.typing import DTypeLike

from fallline.core.tree import Tree


class Known(NamedTuple):
    """The objective at the end of a rule's last step; a part of the rule's memory.

    Arguments:
        holds: 1 if an evaluation is known, otherwise 0.
        params: the point.
        value, gradient: of the objective at the point.
        notes: other results recorded there, such as the loss without its penalty.
    """

    holds: Int[Array, ""]
    params: Any
    value: Float[Array, ""]
    gradient: Any
    notes: Any = ()


class KnownEvaluation(NamedTuple):
    """Value, gradient and notes at a point; `anew` tells whether they were evaluated now or remembered."""

    value: Float[Array, ""]
    gradient: Any
    notes: Any
    anew: Bool[Array, ""]


def evaluate(
    objective: Callable[[Any], Any], params: Tree, memory: Tree, noting: Callable[[Any], Any] | None = None
) -> KnownEvaluation:
    """The objective at the params, from the rule's memory if it holds exactly this point, otherwise evaluated anew.

    The objective must be the same function as in the step before; if it has changed, use `forgotten(memory)`. In a loop
    over a rule with a line search, this saves the evaluation at the start of every step.

    Arguments:
        objective: params -> number.
        params: the point to evaluate; it must equal the remembered point to the last bit.
        memory: the rule's memory, possibly within those of wrappers.
        noting: params -> (the objective's number, notes as in the memory), if there are notes.

    >>> from fallline.optimizers import LBFGS, evaluate
    >>> bowl, w, rule = lambda w: jnp.sum((w - 3.0) ** 2), jnp.zeros(2), LBFGS()
    >>> state = rule.init(w)
    >>> for _ in range(3):
    ...     value, gradient, _, anew = evaluate(bowl, w, state)
    ...     delta, state = rule.update(gradient, state, w, value=value, objective=bowl, anew=anew)
    ...     w = w + delta
    ...     print(float(value), bool(anew))
    18.0 True
    12.5 False
    0.0 False
    """
    known = known_in(memory)
    notes = () if known is None else known.notes
    slope = jax.value_and_grad(noting or (lambda params: (objective(params), notes)), has_aux=True)
    if known is None:
        (value, notes), gradient = slope(params)
        return KnownEvaluation(value, gradient, notes, jnp.bool_(True))

    def look(carry: tuple[Array, Any]) -> tuple[Array, Any]:
        (value, notes), gradient = slope(params)
        alike = lambda new, old: jnp.asarray(new, old.dtype)  # noqa: E731
        return jnp.bool_(True), jax.tree.map(alike, (value, gradient, notes), carry[1])

    # A loop of at most one iteration: with a branch, the lanes of a population would compute both sides.
    here = _is_at(known, params)
    _, found = lax.while_loop(lambda carry: ~carry[0], look, (here, (known.value, known.gradient, known.notes)))
    value, gradient, notes = found
    return KnownEvaluation(value, gradient, notes, ~here)


def _is_at(known: Known, params: Tree) -> Bool[Array, ""]:
    here = known.holds > 0
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(known.params), strict=True):
        here = here & jnp.all(a == b)
    return here


def unknown(params: Tree, dtype: DTypeLike) -> Known:
    """The memory before the first step: nothing is known."""

    def zeros() -> Any:
        return jax.tree.map(jnp.zeros_like, params)

    return Known(jnp.zeros((), jnp.int32), zeros(), jnp.zeros((), dtype), zeros())


def known_in(memory: Tree) -> Known | None:
    """The evaluation in a memory, at any depth of wrappers; None for rules that remember no evaluation."""
    return next((node for node in jax.tree.leaves(memory, is_leaf=_is_known) if _is_known(node)), None)


def forgotten(memory: Tree) -> Any:
    """The memory without its evaluation, for a step on another objective."""
    return _changed(memory, lambda known: known._replace(holds=jnp.zeros_like(known.holds)))


def with_notes(memory: Tree, notes: Tree) -> Any:
    """The memory with room for notes of this structure."""
    return _changed(memory, lambda known: known._replace(notes=notes))


def _changed(memory: Tree, change: Callable[[Known], Known]) -> Any:
    return jax.tree.map(lambda node: change(node) if _is_known(node) else node, memory, is_leaf=_is_known)


def _is_known(node: object) -> bool:
    return isinstance(node, Known)
