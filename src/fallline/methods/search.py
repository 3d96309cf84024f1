"""Random search along directions, basic and augmented."""

from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number
from fallline.methods.base import Antithetic, Directions, MethodState, directions_field, noise_field, share, step_field

PAPER = "Mania, Guy and Recht, 2018, the range of their settings"


class BRS(Antithetic):
    """Basic random search.

        d_k ~ N(0, I),  k = 1 .. N
        w <- w - a / N  sum_k (f(w + nu d_k) - f(w - nu d_k)) d_k

    The difference is not divided by nu: the step is 2 a nu times a smoothed gradient, and grows with the scale of f. ARS
    augments this basic method; prefer ARS if the scale of f is unknown or changes during the search.

    Source: Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning", 2018,
    section 3.

    >>> import jax
    >>> method = BRS(step=2.0, noise=0.1, directions=8)
    >>> state = method.start(jnp.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(30):
    ...     x = method.ask(state)
    ...     state = method.tell(state, jnp.sum(x**2, axis=1))
    >>> bool(jnp.sum(state.point**2) < 1e-3)
    True
    """

    name: ClassVar[str] = "brs"
    aliases: ClassVar[tuple[str, ...]] = ("basic_random_search",)
    step: Number = step_field(0.02, (1e-3, 10.0))
    noise: Number = noise_field(0.03)
    directions: int = directions_field(32)

    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        return -self.step * share(seen.good) * ((seen.above - seen.below) @ seen.d), ()


class ARS(Antithetic):
    """Augmented random search: the best directions only, and steps in units of the spread of their values.

        d_k ~ N(0, I),  k = 1 .. N;  keep the b directions of the lowest min(f(w + nu d_k), f(w - nu d_k))
        sigma = standard deviation (ddof = 0) of the 2 b values kept
        w <- w - a / (b sigma)  sum over kept of (f(w + nu d_k) - f(w - nu d_k)) d_k

    With b = N it is the paper's V1, with b < N its V1-t; with normalised observations of a policy, V2 and V2-t. Ties
    between directions are broken by their order, so never more than b are kept. If all kept values are equal, the step is
    zero.

    Robust and simple for policies of hundreds to thousands of numbers, and for noisy objectives. f and c f + e give the
    same steps, so the steps do not shrink near the minimum: the point circles it at a radius set by a, so give `step` a
    decreasing schedule. It ignores curvature: on ill-conditioned functions CMA-ES needs a fraction of the evaluations.

    Source: Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning", 2018,
    algorithms 1 and 2.

    >>> import jax
    >>> method = ARS(step=0.1, noise=0.1, directions=8, kept=4)
    >>> state = method.start(jnp.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(60):
    ...     x = method.ask(state)
    ...     state = method.tell(state, jnp.sum(x**2, axis=1))
    >>> bool(jnp.sum(state.point**2) < 0.1)
    True
    """

    name: ClassVar[str] = "ars"
    aliases: ClassVar[tuple[str, ...]] = ("augmented_random_search",)
    step: Number = step_field(0.02, (0.005, 0.1), PAPER)
    noise: Number = noise_field(0.03, (0.005, 0.1), PAPER)
    directions: int = directions_field(32, PAPER)
    kept: Number = number(
        None,
        valid="[1, inf)",
        usual=(1, 32),
        scale="log",
        integer=True,
        optional=True,
        unit="directions",
        help="b, how many directions make the step; None: all",
        source=PAPER,
    )

    def __check_init__(self) -> None:
        if isinstance(self.kept, int) and self.kept > self.directions:
            raise FalllineError(
                f"ARS.kept = {self.kept} is more than the {self.directions} directions: expected at most as many, or None"
            )

    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        d, above, below, good = seen
        kept = good if self.kept is None else lowest(jnp.minimum(above, below), good, self.kept)
        b = jnp.maximum(jnp.sum(kept), 1).astype(d.dtype)
        both, weight = jnp.stack([above, below]), kept.astype(d.dtype)
        middle = jnp.sum(both * weight) / (2 * b)
        away = (both - middle) * weight
        # In units of the largest, so that squares of very large or very small values do not over- or underflow.
        unit = jnp.max(jnp.abs(away))
        away = away / jnp.where(unit > 0, unit, 1)
        sigma = jnp.sqrt(jnp.sum(away**2) / (2 * b))
        difference = jnp.where(unit > 0, (away[0] - away[1]) / jnp.where(unit > 0, sigma, 1), 0)
        return -self.step / b * (difference @ d), ()


def lowest(score: Float[Array, " N"], good: Bool[Array, " N"], b: Array | int) -> Bool[Array, " N"]:
    """A mask of the b lowest scores among the good directions; ties go to the first.

    >>> lowest(jnp.array([2.0, 1.0, 1.0, 0.0]), jnp.array([True, True, True, False]), 1).tolist()
    [False, True, False, False]
    """
    order = jnp.argsort(jnp.where(good, score, jnp.inf), stable=True)
    rank = jnp.argsort(order, stable=True)
    return (rank < b) & good
