"""The search as a pure function: one compiled loop over as many iterations as a call has room for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.methods import Method, MethodState

CAPACITY = 256  # iterations of history that one compiled call can return


class BestSoFar(NamedTuple):
    """The best point so far, and the counts of evaluations and failures."""

    best_point: Float[Array, " d"]
    best: Float[Array, ""]
    evaluations: Int[Array, ""]
    failures: Int[Array, ""]


class Walk(NamedTuple):
    """The state of a search: the method's state, and the results seen so far."""

    state: MethodState
    seen: BestSoFar


class Row(NamedTuple):
    """The history of one iteration; `value` is the objective at the point itself, NaN if it was not evaluated."""

    evaluations: Array
    failures: Array
    lowest: Array
    value: Array
    best: Array


class Bounds(NamedTuple):
    """The limits of a search: its maximum number of evaluations, and the target value at which it stops."""

    evaluations: Int[Array, ""]
    target: Float[Array, ""]


def begun(point: Float[Array, " d"], value: object) -> BestSoFar:
    """The results before the first iteration: only the first point."""
    value = jnp.asarray(value, point.dtype)
    failed = ~jnp.isfinite(value)
    return BestSoFar(point, jnp.where(failed, jnp.inf, value), jnp.int32(1), failed.astype(jnp.int32))


def looks(method: Method, d: int) -> int:
    """Iterations between evaluations of the point itself, so that these take at most a tenth of all evaluations."""
    return max(1, -(-10 // method.candidates(d)))


def advance(
    values: Callable[[Array], Array], method: Method, walk: Walk, bounds: Bounds, count: Int[Array, ""]
) -> tuple[Walk, Row, Int[Array, ""]]:
    """Run at most `count` iterations; return the new state, a history row for each, and their number.

    Arguments:
        values: returns the values of rows, smaller-is-better.
        method: a traceable method with traced hyperparameters.
        walk: state of the search.
        bounds: limits of the search.
        count: maximum number of iterations, up to `CAPACITY`.
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

    found: tuple[Walk, Row, Int[Array, ""]] = lax.while_loop(more, body, (walk, room, jnp.int32(0)))
    return found


def goes_on(seen: BestSoFar, bounds: Bounds, n: int) -> Any:
    """Whether the target is not yet reached and evaluations remain for another iteration and the point itself."""
    return (seen.best > bounds.target) & (seen.evaluations + n + 1 <= bounds.evaluations)


def looking(seen: BestSoFar, bounds: Bounds, iteration: Array, n: int, every: int) -> Any:
    """Whether the point itself is evaluated after this iteration: every `every` iterations, and after the last."""
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
    seen, row = recorded(walk.seen, x, f, state.point, value, look)
    return Walk(state, seen), row


def recorded(
    seen: BestSoFar,
    x: Float[Array, "n d"],
    f: Float[Array, " n"],
    point: Float[Array, " d"],
    value: object,
    look: Array | bool,
) -> tuple[BestSoFar, Row]:
    """The results after an iteration, given its values and, if evaluated, the value at the point."""
    bad = jnp.append(~jnp.isfinite(f), look & ~jnp.isfinite(value))
    every = jnp.append(f, value)
    every = jnp.where(jnp.isfinite(every), every, jnp.inf)
    lowest = jnp.argmin(every)
    better = every[lowest] < seen.best
    best_point = jnp.where(better, jnp.concatenate([x, point[None]])[lowest], seen.best_point)
    best = jnp.where(better, every[lowest], seen.best)
    counts = seen.evaluations + f.shape[0] + look, seen.failures + jnp.sum(bad)
    new = BestSoFar(best_point, best, *(count.astype(jnp.int32) for count in counts))
    return new, Row(new.evaluations, new.failures, jnp.min(every[:-1]), jnp.asarray(value, best.dtype), best)
