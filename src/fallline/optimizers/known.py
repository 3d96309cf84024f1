"""An evaluation that a rule remembers, so that its next step does not evaluate the same point again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int


class Known(NamedTuple):
    """The objective where a rule's last step has led; a part of the rule's memory.

    Arguments:
        holds: 1; 0 where nothing is known.
        params: the point.
        value, gradient: there.
        notes: what else was noted there, such as the loss without its penalty.
    """

    holds: Int[Array, ""]
    params: Any
    value: Float[Array, ""]
    gradient: Any
    notes: Any = ()


class Evaluation(NamedTuple):
    """Value, gradient and notes at a point, and whether they were evaluated for this or remembered."""

    value: Float[Array, ""]
    gradient: Any
    notes: Any
    anew: Bool[Array, ""]


def evaluate(
    objective: Callable[[Any], Any], params: Any, memory: Any, noting: Callable[[Any], Any] | None = None
) -> Evaluation:
    """The objective at the params: what the rule's memory knows of this very point, or evaluated anew.

    The objective must be the function of the step before: where it has changed, `forgotten(memory)` comes first. In a
    loop over a rule with a line search it saves the evaluation of every step's beginning.

    Arguments:
        objective: params -> number.
        params: where; compared with what is known to the last bit.
        memory: the rule's, within wrappers or not.
        noting: params -> (the objective's number, notes as in the memory), where there are notes.

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
        return Evaluation(value, gradient, notes, jnp.bool_(True))

    def look(carry: tuple[Array, Any]) -> tuple[Array, Any]:
        (value, notes), gradient = slope(params)
        alike = lambda new, old: jnp.asarray(new, old.dtype)  # noqa: E731
        return jnp.bool_(True), jax.tree.map(alike, (value, gradient, notes), carry[1])

    # A loop of one round or none. Of a branch, lanes of a population would compute both sides.
    here = _is_at(known, params)
    _, found = lax.while_loop(lambda carry: ~carry[0], look, (here, (known.value, known.gradient, known.notes)))
    value, gradient, notes = found
    return Evaluation(value, gradient, notes, ~here)


def _is_at(known: Known, params: Any) -> Bool[Array, ""]:
    here = known.holds > 0
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(known.params), strict=True):
        here = here & jnp.all(a == b)
    return here


def unknown(params: Any, dtype: Any) -> Known:
    """Before the first step."""
    zeros = lambda: jax.tree.map(jnp.zeros_like, params)  # noqa: E731
    return Known(jnp.zeros((), jnp.int32), zeros(), jnp.zeros((), dtype), zeros())


def known_in(memory: Any) -> Known | None:
    """What a memory knows, however deep in wrappers; None for rules that remember no evaluation."""
    return next((node for node in jax.tree.leaves(memory, is_leaf=_is_known) if _is_known(node)), None)


def forgotten(memory: Any) -> Any:
    """A memory that knows nothing of the objective, for a step on another one."""
    return _changed(memory, lambda known: known._replace(holds=jnp.zeros_like(known.holds)))


def with_notes(memory: Any, notes: Any) -> Any:
    """A memory that has room for notes of this structure."""
    return _changed(memory, lambda known: known._replace(notes=notes))


def _changed(memory: Any, change: Callable[[Known], Known]) -> Any:
    return jax.tree.map(lambda node: change(node) if _is_known(node) else node, memory, is_leaf=_is_known)


def _is_known(node: Any) -> bool:
    return isinstance(node, Known)
