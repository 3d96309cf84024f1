"""The descent of `minimize` by an update rule: value and gradient of a function that JAX can trace, in compiled chunks."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Int

from fallline.blackbox.objectives import Mapped
from fallline.blackbox.optimum import Ending
from fallline.blackbox.origin import Origin
from fallline.blackbox.program import CAPACITY, BestSoFar, Bounds, Row
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time, at_time
from fallline.optimizers import Optimizer, evaluate

STILL, BROKEN = 1, 2  # why a descent ends by itself


class Descent(NamedTuple):
    """The state of a descent: the point, the rule's memory, the results so far, and whether it goes on.

    Arguments:
        ended: 0 while it goes on; STILL at rest (no slope and no step), BROKEN where the value or the step is not finite.
    """

    point: Array
    memory: Any
    seen: BestSoFar
    key: Array
    ended: Int[Array, ""]


class Descender:
    """Chunks of steps of an update rule, with the interface of the chunks of a method."""

    def __init__(
        self, f: Callable[[Any], Any], rule: Optimizer, origin: Origin, maximize: bool, bounds: Bounds, seed: int
    ) -> None:
        try:
            function = Mapped(f, origin, maximize)
        except FalllineError:
            raise
        except Exception as error:  # any error from NumPy or Python's control flow on a tracer
            reason = f"{type(error).__name__}: {error}".split("\n")[0].rstrip(". ")
            raise FalllineError(
                f"the objective cannot be traced by JAX, so {rule.name or type(rule).__name__} has no gradient ({reason}): write "
                "it with jax.numpy, or choose a method without gradients, such as 'ars'"
            ) from None
        self.function, self.bounds = function, bounds
        w = jnp.asarray(origin.vector)
        self.rule = as_arrays(rule, origin.dtype)
        memory = at_time(self.rule, Time(*(jnp.zeros((), w.dtype),) * 3)).begin(w)
        zero = jnp.int32(0)
        self.walk = Descent(
            w, memory, BestSoFar(w, jnp.full((), jnp.inf, w.dtype), zero, zero), jax.random.key(seed), zero
        )
        self.rows: list[Row] = []
        self._program = jax.jit(functools.partial(_advance, function.value))

    def advance(self, count: int) -> tuple[Row, Any]:
        """Take at most `count` steps; return a row of history for each, and their number."""
        self.walk, rows, done = self._program(self.rule, self.walk, self.bounds, jnp.int32(count))
        return rows, done

    def ending(self) -> Ending | None:
        """Why the descent is over; None while it goes on."""
        seen = self.walk.seen
        if seen.best <= self.bounds.target:
            return "target"
        if int(self.walk.ended) == BROKEN:
            return "diverged" if np.isfinite(seen.best) else "failed"
        if int(self.walk.ended) == STILL:
            return "at_rest"
        return None if goes_on(self.walk, self.bounds) else "evaluations"


def _advance(
    f: Callable[[Array], Array], rule: Optimizer, walk: Descent, bounds: Bounds, count: Int[Array, ""]
) -> tuple[Descent, Row, Int[Array, ""]]:
    """Take at most `count` steps; return the new state, a history row for each, and their number."""
    shown = jax.eval_shape(lambda walk: _step(f, rule, walk, bounds)[1], walk)
    room = jax.tree.map(lambda leaf: jnp.zeros(CAPACITY, leaf.dtype), shown)

    def more(carry: tuple[Descent, Row, Array]) -> Bool[Array, ""]:
        walk, _, done = carry
        return (done < count) & goes_on(walk, bounds)

    def body(carry: tuple[Descent, Row, Array]) -> tuple[Descent, Row, Array]:
        walk, room, done = carry
        walk, row = _step(f, rule, walk, bounds)
        return walk, jax.tree.map(lambda leaf, value: leaf.at[done].set(value), room, row), done + 1

    found: tuple[Descent, Row, Int[Array, ""]] = lax.while_loop(more, body, (walk, room, jnp.int32(0)))
    return found


def goes_on(walk: Descent, bounds: Bounds) -> Any:
    """Whether the target is not yet reached, evaluations remain, and another step would move the point."""
    return (walk.seen.best > bounds.target) & (walk.seen.evaluations < bounds.evaluations) & (walk.ended == 0)


def _step(f: Callable[[Array], Array], rule: Optimizer, walk: Descent, bounds: Bounds) -> tuple[Descent, Row]:
    """Evaluate value and gradient at the point, note the value, and step.

    Progress is the share of the evaluations. A line search's evaluations count, as far as the rule reports them.
    """
    w, seen = walk.point, walk.seen
    t = seen.evaluations.astype(w.dtype)
    time = Time(t, t, jnp.minimum(t / bounds.evaluations, 1.0).astype(w.dtype))
    now = at_time(rule, time)
    value, gradient, _, anew = evaluate(f, w, walk.memory)
    key, own = jax.random.split(walk.key)
    evidence = {"value": value, "objective": f, "weight": 1.0, "anew": anew, "time": time, "key": own}
    delta, memory = now.step(gradient, walk.memory, w, **evidence)
    counted = now.evaluations(memory)
    evaluations = seen.evaluations + 1 if counted is None else counted
    is_broken = ~jnp.isfinite(value) | ~jnp.all(jnp.isfinite(delta))
    # A line search at a stationary point takes no step and evaluates nothing.
    is_still = jnp.all(delta == 0) & (jnp.all(gradient == 0) | (evaluations == seen.evaluations))
    better = jnp.isfinite(value) & (value < seen.best)
    new = BestSoFar(
        jnp.where(better, w, seen.best_point),
        jnp.where(better, value, seen.best),
        evaluations.astype(jnp.int32),
        (seen.failures + is_broken).astype(jnp.int32),
    )
    ended = jnp.where(is_broken, BROKEN, jnp.where(is_still, STILL, 0)).astype(jnp.int32)
    point = jnp.where(is_broken, w, (w + delta).astype(w.dtype))
    return Descent(point, memory, new, key, ended), Row(new.evaluations, new.failures, value, value, new.best)


def check_rule(rule: Optimizer, processes: Any, limit: Any) -> None:
    """Raise a FalllineError for options that only concern calls in processes."""
    if processes is not None or limit is not None:
        raise FalllineError(
            f"{rule.name or type(rule).__name__} takes the gradient of a traced function in this process: leave processes and "
            "limit out, or choose a method without gradients, such as 'ars'"
        )
