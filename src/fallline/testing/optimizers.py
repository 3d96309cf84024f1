"""The contract of update rules: any tree of params, no step without a gradient, and descent of a bowl."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from fallline.core.block import as_arrays
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.optimizers import Clocked, HalfMemory, Optimizer, SkipNonfinite
from fallline.optimizers.known import known_in
from fallline.schedules import Constant
from fallline.testing.base import demand, of
from fallline.testing.compare import close, draw, finite, in_both_precisions, quick, same_bits, same_spec

STEPS = 60


def tree(dtype: DTypeLike = "float32") -> Any:
    """Params of many shapes: nested, a scalar, an empty leaf, an empty layer, four axes."""
    return {
        "dense_1": {"weight": jnp.asarray(draw(0, 2, 3), dtype), "bias": jnp.asarray(draw(1, 3), dtype)},
        "nothing": {},
        "others": (
            jnp.asarray(draw(2, 0, 4), dtype),
            [jnp.asarray(draw(3), dtype), jnp.asarray(draw(4, 1, 2, 2), dtype)],
        ),
    }


def bowl(w: Tree) -> Any:
    """The sum of squares around 1/4."""
    return sum(jnp.sum((leaf - 0.25) ** 2) for leaf in jax.tree.leaves(w))


def flat(w: Tree) -> Any:
    """A loss without a slope."""
    return sum(jnp.sum(0 * leaf) for leaf in jax.tree.leaves(w))


def one(rule: Optimizer, w: Tree, state: Tree, f: Callable[..., Any] = bowl) -> tuple[Any, Any]:
    """One update with all the arguments that a run passes, except the time."""
    value, gradient = jax.value_and_grad(f)(w)
    return rule.update(gradient, state, w, value=value, objective=f, weight=1.0)


def path(rule: Optimizer, w: Tree, steps: int, f: Callable[..., Any] = bowl) -> tuple[Any, Any]:
    """The params and memory at the end of a walk, and the params after every step."""

    def step(carry: Tree, _: None) -> tuple[Any, Any]:
        w, state = carry
        delta, state = one(rule, w, state, f)
        w = jax.tree.map(jnp.add, w, delta)
        return (w, state), w

    found: tuple[Any, Any] = jax.lax.scan(step, (w, rule.init(w)), None, steps)
    return found


def layer() -> Any:
    """Params of one layer."""
    return {"weight": jnp.asarray(draw(5, 2, 3), jnp.float32), "bias": jnp.asarray(draw(6, 3), jnp.float32)}


@of("optimizer")
def dtypes(rule: Optimizer) -> None:
    """Steps have the params' shapes and dtypes, for any tree, and the memory keeps its own."""

    def both(dtype: str) -> tuple[Any, Any]:
        w, typed = tree(dtype), as_arrays(rule, np.dtype(dtype))
        found, expected = [], []
        for each in (rule, typed):
            state = jax.eval_shape(each.init, w)
            delta, after = jax.eval_shape(lambda w, s, r=each: one(r, w, s), w, state)
            found += [delta, after, jax.eval_shape(each.evaluation_params, w, state)]
            expected += [w, state, w]
        return found, expected

    in_both_precisions(both, "step, memory and evaluation params")


@of("optimizer")
def empty(rule: Optimizer) -> None:
    """Params without a single array are no trouble."""
    w: Any = {"nothing": {}}
    delta, _ = rule.update(w, rule.init(w), w, value=jnp.zeros(()), objective=lambda w: jnp.zeros(()), weight=1.0)
    demand(delta == w, f"the step is {delta!r}")


@of("optimizer")
def still(rule: Optimizer) -> None:
    """At zero and without a gradient there is no step, and the memory stays finite."""
    w = jax.tree.map(jnp.zeros_like, layer())
    (_, state), walked = quick(lambda w: path(rule, w, 3, flat))(w)
    same_bits(walked, jax.tree.map(lambda leaf: jnp.zeros((3, *leaf.shape)), w), "the params after three steps")
    finite(state, "the memory")


@of("optimizer")
def descends(rule: Optimizer) -> None:
    """Sixty steps go down a bowl, to a finite place with a finite memory."""
    w, walk = layer(), quick(lambda rule, w: path(rule, w, STEPS))
    for share in (1.0, 0.7):  # factor of every number in the rule
        numbers = jax.tree.map(
            lambda x, share=share: x if x.dtype.kind == "i" else x * np.float32(share), as_arrays(rule)
        )
        (end, state), walked = walk(numbers, w)
        finite((end, state), "a param or the memory")
        middle = jax.tree.map(lambda leaf: leaf[STEPS // 2], walked)
        values = [float(bowl(each)) for each in (w, middle, end)]
        demand(values[2] < values[0], f"the loss at the start, halfway and at the end: {values}")


@of("optimizer", concerns=lambda rule: any(isinstance(leaf, float) for leaf in jax.tree.leaves(rule)))
def own_count(rule: Optimizer) -> None:
    """A schedule in every field is resolved by the rule's own count of its steps: constants give the steps of numbers."""
    numbers = as_arrays(rule)  # in float32 from the start, since 1 - 0.999^t differs in double precision
    scheduled = jax.tree.map(lambda x: Constant(x) if x.dtype.kind == "f" else x, numbers)
    w = {"weight": jnp.array([[1.0, -2.0]])}
    (_, _), expected = quick(lambda r: path(r, w, 3))(numbers)
    (_, state), found = quick(lambda r: path(r, w, 3))(scheduled)
    close(found, expected, "steps of constants beside steps of numbers", rtol=2e-5, atol=1e-6)
    now = at_time(scheduled, Time(*map(jnp.float32, (0, 0, 0))))
    same_spec(jax.eval_shape(now.evaluation_params, w, state), w, "the evaluation params")


@of("optimizer", concerns=lambda rule: not isinstance(rule, Clocked))  # a clock goes around everything
def skipped(rule: Optimizer) -> None:
    """Within `SkipNonfinite`, a NaN in the gradient makes no step and leaves the memory as it was."""
    wrapped, w = SkipNonfinite(rule), {"weight": jnp.array([1.0, 2.0]), "bias": jnp.array([3.0])}
    broken = {"weight": jnp.array([1.0, jnp.nan]), "bias": jnp.array([1.0])}

    def two(w: Tree) -> Any:
        state = jax.tree.map(lambda leaf: leaf + 1, wrapped.init(w))  # any state other than the initial one
        return state, wrapped.update(broken, state, w, value=jnp.nan * bowl(w), objective=bowl, weight=1.0)

    state, (delta, after) = quick(two)(w)
    same_bits(delta, jax.tree.map(jnp.zeros_like, w), "the step after a NaN")
    same_bits(wrapped.inner(after), wrapped.inner(state), "the memory after a NaN")


@of("optimizer", concerns=lambda rule: rule.averages)
def half(rule: Optimizer) -> None:
    """Its averages of gradients, kept in bfloat16, give the same steps to two digits."""
    wrapped, w = HalfMemory(rule), jnp.array([1.0, -3.0, 0.01])
    state = wrapped.init(w)
    kinds = {str(leaf.dtype) for name in rule.averages for leaf in jax.tree.leaves(getattr(state, name))}
    demand(kinds == {"bfloat16"}, f"the averages are kept as {kinds}")

    def last(rule: Optimizer) -> Any:
        step = lambda state, _: (lambda delta, state: (state, delta))(*rule.update(w, state, w))  # noqa: E731
        return jax.lax.scan(step, rule.init(w), None, 20)[1][-1]

    full, halved = quick(lambda: (last(rule), last(wrapped)))()
    close(halved, full, "the step of a memory in bfloat16", rtol=4e-2)


def _remembers(rule: Optimizer) -> bool:
    """Whether a rule remembers an evaluation; a rule whose `init` fails is left to other checks."""
    try:
        return known_in(jax.eval_shape(rule.init, layer())) is not None
    except Exception:
        return False


@of("optimizer", concerns=_remembers)
def known(rule: Optimizer) -> None:
    """What its memory knows of the objective is so: the value and the gradient at the point that it names."""
    found = known_in(quick(lambda w: path(rule, w, 1))(layer())[0][1])
    assert found is not None
    value, gradient = jax.value_and_grad(bowl)(found.params)
    if found.holds:
        close((found.value, found.gradient), (value, gradient), "value and gradient", rtol=1e-5, atol=1e-6)


def example(rule: Optimizer) -> Any:
    """The first steps of a walk."""
    return path(rule, {"weight": layer()["weight"]}, 4)[1]
