"""The strong Wolfe line search, as one traced loop."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fallline.core.field import Number


class LinePoint(NamedTuple):
    """A point on the line: its distance, value, slope, gradient and notes."""

    a: Float[Array, ""]
    f: Float[Array, ""]
    slope: Float[Array, ""]
    g: Float[Array, " n"]
    notes: Any = ()


class Search(NamedTuple):
    """`lo` is the best point so far; acceptable points lie between it and `hi`, which is at infinity until bounded."""

    trial: Float[Array, ""]
    lo: LinePoint
    hi: LinePoint
    evaluations: Int[Array, ""]
    found: Bool[Array, ""]


def strong_wolfe(
    along: Callable[[Array], tuple[Any, ...]],
    start: LinePoint,
    trial: Float[Array, ""],
    *,
    c1: Number,
    c2: Number,
    most: Number,
) -> tuple[LinePoint, Int[Array, ""], Bool[Array, ""]]:
    """A point on the line with a sufficient decrease and a sufficiently flat slope.

        f(a) <= f(0) + c1 a f'(0)               |f'(a)| <= c2 |f'(0)|

    The trial doubles until an upper end is found; cubic interpolation then narrows the interval. If the evaluations run
    out, the result is the lowest point seen with a sufficient decrease, or the start if there was none.

    Arguments:
        along: distance -> (value, slope, gradient), followed by notes if the start has them.
        start: the point at distance 0, with a negative slope.
        trial: first distance to try.
        c1, c2: shares of the slope at the start, 0 < c1 < c2 < 1.
        most: maximum number of evaluations.

    Returns: the point, the number of evaluations, and whether both conditions hold there.

    Source: Nocedal and Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6; here they are one loop, since
    3.5 is 3.6 with the upper end at infinity.
    """

    def more(s: Search) -> Array:
        return ~s.found & (s.evaluations < most)

    def body(s: Search) -> Search:
        a = s.trial
        now = LinePoint(a, *along(a))
        # A value that is not finite counts as no decrease.
        fallen = (now.f <= start.f + c1 * a * start.slope) & ((now.f < s.lo.f) | (s.lo.a == 0))
        flat = jnp.abs(now.slope) <= -c2 * start.slope
        past = fallen & (now.slope * jnp.where(s.hi.a < s.lo.a, -1, 1) >= 0)  # the slope rises towards hi

        def pick(yes: Array, one: LinePoint, other: LinePoint) -> Any:
            return jax.tree.map(lambda x, y: jnp.where(yes, x, y), one, other)

        hi = pick(fallen, pick(past, s.lo, s.hi), now)
        lo = pick(fallen, now, s.lo)
        return Search(_between(lo, hi), lo, hi, s.evaluations + 1, fallen & flat)

    infinity = start._replace(a=jnp.full_like(start.a, jnp.inf))
    end = lax.while_loop(more, body, Search(trial, start, infinity, jnp.int32(0), jnp.bool_(False)))
    return end.lo, end.evaluations, end.found


def _between(lo: LinePoint, hi: LinePoint) -> Float[Array, ""]:
    """The next trial: the minimum of the cubic through both ends, kept away from them; 2 lo if hi is infinite.

    Source: Nocedal and Wright, 2006, equation 3.59.
    """
    width = jnp.where(jnp.isfinite(hi.a), hi.a, 0) - lo.a
    d1 = lo.slope + hi.slope - 3 * (hi.f - lo.f) / jnp.where(width == 0, 1, width)
    d2 = jnp.sign(width) * jnp.sqrt(jnp.maximum(d1**2 - lo.slope * hi.slope, 0))
    cubic = hi.a - width * (hi.slope + d2 - d1) / (hi.slope - lo.slope + 2 * d2)
    share = (cubic - lo.a) / jnp.where(width == 0, 1, width)
    share = jnp.where(jnp.isfinite(share), jnp.clip(share, 0.1, 0.9), 0.5)
    return jnp.where(jnp.isfinite(hi.a), lo.a + share * width, 2 * lo.a)
