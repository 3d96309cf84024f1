"""L-BFGS: curvature estimated from the last few steps."""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, structure
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence, Optimizer, needed, rate, without_count
from fallline.optimizers.known import Known, unknown
from fallline.optimizers.line_search import LinePoint, strong_wolfe


class Pairs(NamedTuple):
    """L-BFGS's memory: the last steps and gradient changes (newest last), their count, and the evaluations."""

    s: Float[Array, "memory n"]
    y: Float[Array, "memory n"]
    count: Int[Array, ""]
    evaluations: Int[Array, ""]
    known: Known


class LBFGS(Optimizer):
    """Limited-memory BFGS with a strong Wolfe line search.

        q = g;  newest to oldest pair:  b_i = (s_i . q) / (s_i . y_i),  q <- q - b_i y_i
        r = (s . y) / (y . y) q, of the newest pair
        oldest to newest:               r <- r + (b_i - (y_i . r) / (s_i . y_i)) s_i
        w <- w - alpha r,  alpha from the line search, tried first at a (at a / |r|_1 without a pair)
        s = -alpha r,  y = g(w + s) - g(w), remembered if s . y > 0

    The method of choice for small data and full batches: it takes tens of steps where descent takes thousands, and needs
    no tuning. It mistakes the noise of minibatches or dropout for curvature, and fails on them.

    The line search has already evaluated its end point. `evaluate` takes that evaluation from the memory, so that a step
    costs little more than one evaluation.

    Source: Nocedal and Wright, "Numerical optimization", 2006, algorithms 7.4 and 7.5.

    >>> from fallline.optimizers import evaluate
    >>> valley = lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    >>> w, rule = jnp.array([-1.2, 1.0]), LBFGS()
    >>> state = rule.init(w)
    >>> @jax.jit
    ... def step(w, state):
    ...     value, gradient, _, anew = evaluate(valley, w, state)
    ...     delta, state = rule.update(gradient, state, w, value=value, objective=valley, anew=anew)
    ...     return w + delta, state
    >>> for _ in range(40):
    ...     w, state = step(w, state)
    >>> w.round(2).tolist()
    [1.0, 1.0]
    """

    name: ClassVar[str] = "lbfgs"
    aliases: ClassVar[tuple[str, ...]] = ("bfgs",)
    own_rate: ClassVar[bool] = True
    line_search: ClassVar[bool] = True
    full_batch: ClassVar[bool] = True
    learning_rate: Number = rate(1.0, (0.1, 1.0), "a, where the line search looks first")
    c1: Number = number(
        1e-4, valid="(0, 1)", usual=(1e-5, 1e-2), scale="log", help="smallest share of the predicted decrease"
    )
    c2: Number = number(0.9, valid="(0, 1)", usual=(0.1, 0.95), help="largest share of the slope that may remain")
    evaluations_per_step: Number = number(
        20, valid="[1, 1000]", usual=(10, 30), integer=True, help="largest number of evaluations in a line search"
    )
    memory: int = structure(10, help="number of remembered pairs, 3 to 100")

    def __check_init__(self) -> None:
        if not isinstance(self.memory, int) or not 1 <= self.memory <= 10_000:
            raise FalllineError(f"LBFGS.memory = {self.memory!r} is not a number of pairs: expected 1 to 10000")

    def begin(self, params: Tree) -> Pairs:
        w, _ = ravel_pytree(params)
        pairs = jnp.zeros((self.memory, w.size), w.dtype)
        return Pairs(pairs, pairs, jnp.zeros((), jnp.int32), jnp.zeros((), jnp.int32), unknown(params, w.dtype))

    def step(self, gradient: Tree, state: Pairs, params: Tree = None, **evidence: Evidence) -> tuple[Any, Pairs]:
        objective, notes = needed("objective", self, evidence), state.known.notes
        noting = evidence.get("noting", lambda params: (objective(params), notes))
        w, tree = ravel_pytree(needed("params", self, {"params": params}))
        g = ravel_pytree(gradient)[0].astype(w.dtype)
        value = evidence.get("value")
        f = (objective(params) if value is None else value).astype(w.dtype)
        r = inverse_curvature(state, g)
        downhill = jnp.vdot(r, g) > 0
        r = jnp.where(downhill, r, g)  # rounding can spoil the pairs
        fresh = (state.count == 0) | ~downhill
        first = self.learning_rate * jnp.where(fresh, 1 / jnp.maximum(jnp.sum(jnp.abs(r)), 1), 1).astype(w.dtype)

        def far(a: Array) -> Array:
            # `where` keeps XLA from fusing the product with the sum. A fused operation rounds differently, and the
            # evaluated point would differ from the caller's params + step.
            s = -a * r
            return jnp.where(jnp.isfinite(s), s, jnp.nan)

        def along(a: Array) -> tuple[Array, Array, Array, Any]:
            (f, notes), g = jax.value_and_grad(lambda w: noting(tree(w)), has_aux=True)(w + far(a))
            return f.astype(w.dtype), -jnp.vdot(g, r), g, notes

        start = LinePoint(jnp.zeros((), w.dtype), f, -jnp.vdot(r, g), g, notes)
        # At a stationary point, or where the gradient is not finite, there is no line to search.
        most = jnp.where(start.slope < 0, self.evaluations_per_step, 0)
        end, count, _ = strong_wolfe(along, start, jnp.asarray(first, w.dtype), c1=self.c1, c2=self.c2, most=most)
        s, y = jnp.where(end.a > 0, far(end.a), 0), end.g - g
        learnt = jnp.vdot(s, y) > jnp.finfo(w.dtype).eps * jnp.vdot(y, y)

        def push(rows: Array, row: Array) -> Array:
            return jnp.where(learnt, jnp.concatenate([rows[1:], row[None]]), rows)

        pairs = jnp.where(learnt, jnp.minimum(state.count + 1, self.memory), state.count)
        # No lower point on the line: restart from the gradient's direction.
        pairs = jnp.where(end.a > 0, pairs, 0)
        # If the step is zero, the end is the start, whose gradient a wrapper may have changed: do not remember it.
        reached = (end.a > 0) & jnp.all(jnp.isfinite(end.g))
        there = Known(jnp.ones((), jnp.int32), tree(w + s), end.f, tree(end.g), end.notes)
        known = jax.tree.map(lambda new, old: jnp.where(reached, new, old), there, state.known)
        evaluations = state.evaluations + count + jnp.asarray(evidence.get("anew", True), jnp.int32)
        return tree(s), Pairs(push(state.s, s), push(state.y, y), pairs, evaluations, known)

    def evaluations(self, state: Tree) -> Int[Array, ""]:
        return without_count(state).evaluations


def inverse_curvature(state: Pairs, g: Float[Array, " n"]) -> Float[Array, " n"]:
    """The gradient times the inverse Hessian that the remembered pairs imply, by the two-loop recursion."""
    s, y, size = state.s, state.y, state.s.shape[0]
    known = jnp.arange(size) >= size - state.count
    sy = jnp.where(known, jnp.sum(s * y, axis=1), 1)

    def backward(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        q, b = carry
        i = size - 1 - i
        each = jnp.where(known[i], jnp.vdot(s[i], q) / sy[i], 0)
        return q - each * y[i], b.at[i].set(each)

    def forward(i: Array, r: Array) -> Array:
        return r + jnp.where(known[i], b[i] - jnp.vdot(y[i], r) / sy[i], 0) * s[i]

    q, b = lax.fori_loop(0, size, backward, (g, jnp.zeros(size, g.dtype)))
    scale = jnp.where(known[-1], sy[-1] / jnp.where(known[-1], jnp.vdot(y[-1], y[-1]), 1), 1)
    return lax.fori_loop(0, size, forward, scale * q)
