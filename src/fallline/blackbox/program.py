"""The walk as a pure function: whole iterations in one compiled loop, as many as a call has room for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.methods import Method, State

CAPACITY = 256  # iterations of history that one compiled call can return


class Seen(NamedTuple):
    """The best point so far, and the count of evaluations and of failures among them."""

    best_point: Float[Array, " d"]
    best: Float[Array, ""]
    evaluations: Int[Array, ""]
    failures: Int[Array, ""]


class Walk(NamedTuple):
    """A method under way, and what it has seen."""

    state: State
    seen: Seen


class Row(NamedTuple):
    """What is shown of an iteration; `value` is the objective at the point itself, NaN where nobody looked."""

    evaluations: Array
    failures: Array
    lowest: Array
    value: Array
    best: Array


class Bounds(NamedTuple):
    """When a walk ends: before it needs more evaluations than these, and once a value is as low as the target."""

    evaluations: Int[Array, ""]
    target: Float[Array, ""]


def begun(point: Float[Array, " d"], value: object) -> Seen:
    """What is seen before the first iteration: the first point."""
    value = jnp.asarray(value, point.dtype)
    failed = ~jnp.isfinite(value)
    return Seen(point, jnp.where(failed, jnp.inf, value), jnp.int32(1), failed.astype(jnp.int32))


def looks(method: Method, d: int) -> int:
    """Every how many iterations the point itself is evaluated: at most a tenth of the evaluations goes there."""
    return max(1, -(-10 // method.candidates(d)))


def advance(
    values: Callable[[Array], Array], method: Method, walk: Walk, bounds: Bounds, count: Int[Array, ""]
) -> tuple[Walk, Row, Int[Array, ""]]:
    """At most `count` iterations, what each has shown, and how many there were.

    Arguments:
        values: of rows, smaller-is-better.
        method: traceable, its numbers traced.
        walk: where it stands.
        bounds: when it ends.
        count: at most `CAPACITY`.
    """
    d = walk.state.point.shape[0]
    n, every = method.candidates(d), looks(method, d)
    shown = jax.eval_shape(lambda walk: iteration(values, method, walk, bounds, n, every)[1], walk)
    room = jax.tree.map(lambda leaf: jnp.zeros(CAPACITY, leaf.dtype), shown)

    def more(carry: tuple[Walk, Row, Array]) -> Array:
        walk, _, done = carry
        return (done < count) & goes_on(walk.seen, bounds, n)

    def body(carry: tuple[Walk, Row, Array]) -> tuple[Walk, Row, Array]:
        walk, room, done = carry
        walk, row = iteration(values, method, walk, bounds, n, every)
        return walk, jax.tree.map(lambda leaf, value: leaf.at[done].set(value), room, row), done + 1

    return lax.while_loop(more, body, (walk, room, jnp.int32(0)))


def goes_on(seen: Seen, bounds: Bounds, n: int) -> Any:
    """Whether there is something left to reach, and the evaluations for another iteration and a look."""
    return (seen.best > bounds.target) & (seen.evaluations + n + 1 <= bounds.evaluations)


def looking(seen: Seen, bounds: Bounds, iteration: Any, n: int, every: int) -> Any:
    """Whether the point itself is evaluated after this iteration: now and then, and after the last."""
    last = seen.evaluations + 2 * n + 2 > bounds.evaluations
    return last | (iteration % every == 0)


def iteration(
    values: Callable[[Array], Array], method: Method, walk: Walk, bounds: Bounds, n: int, every: int
) -> tuple[Walk, Row]:
    """Ask, evaluate, tell, look."""
    x = method.ask(walk.state)
    f = values(x)
    state = method.tell(walk.state, f)
    look = looking(walk.seen, bounds, state.iteration, n, every)
    value = lax.cond(look, lambda w: values(w[None])[0], lambda w: jnp.full((), jnp.nan, w.dtype), state.point)
    seen, row = judged(walk.seen, x, f, state.point, value, look)
    return Walk(state, seen), row


def judged(
    seen: Seen, x: Float[Array, "n d"], f: Float[Array, " n"], point: Float[Array, " d"], value: object, look: Any
) -> tuple[Seen, Row]:
    """What is seen after an iteration's values and, if anybody looked, the value at the point."""
    bad = jnp.append(~jnp.isfinite(f), look & ~jnp.isfinite(value))
    every = jnp.append(f, value)
    every = jnp.where(jnp.isfinite(every), every, jnp.inf)
    lowest = jnp.argmin(every)
    better = every[lowest] < seen.best
    best_point = jnp.where(better, jnp.concatenate([x, point[None]])[lowest], seen.best_point)
    best = jnp.where(better, every[lowest], seen.best)
    counts = seen.evaluations + f.shape[0] + look, seen.failures + jnp.sum(bad)
    new = Seen(best_point, best, *(count.astype(jnp.int32) for count in counts))
    return new, Row(new.evaluations, new.failures, jnp.min(every[:-1]), jnp.asarray(value, best.dtype), best)
