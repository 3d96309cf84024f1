"""Evolution strategies: a gradient estimate from the ranks of many values, used by any update rule."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fallline.core.field import Number, part, structure
from fallline.methods.base import Antithetic, Directions, MethodState, directions_field, noise_field, share
from fallline.optimizers import Adam, Optimizer

SHAPINGS = ("ranks", "none")


class OpenAIES(Antithetic):
    """An evolution strategy: N pairs of opposite directions, ranks instead of values, and an update rule's step.

        d_k ~ N(0, I),  k = 1 .. N
        u = (rank of f - 1) / (2 N - 1) - 1/2, over all 2 N values, equal values sharing their mean rank
        g = 1 / (2 N nu)  sum_k (u(w + nu d_k) - u(w - nu d_k)) d_k
        w <- w + the optimizer's step for the gradient g

    Ranks make it robust to outliers and invariant to monotone transformations of f. With `shaping = "none"` the values
    themselves are used, and g is the smoothed gradient of f. Adam's momentum averages over iterations, which suits many
    dimensions and noisy values. Typical N are tens to thousands. If every direction fails, the iteration changes nothing.

    Source: Salimans, Ho, Chen, Sidor and Sutskever, "Evolution strategies as a scalable alternative to reinforcement
    learning", 2017, algorithm 1 and section 2.1.

    >>> method = OpenAIES(optimizer=Adam(0.1), directions=8)
    >>> state = method.start(jnp.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(100):
    ...     x = method.ask(state)
    ...     state = method.tell(state, jnp.sum(x**2, axis=1))
    >>> bool(jnp.sum(state.point**2) < 0.05)
    True
    """

    name: ClassVar[str] = "openai_es"
    aliases: ClassVar[tuple[str, ...]] = ("evolution_strategies", "es")
    optimizer: Optimizer = part(Adam(1e-2), family="optimizer", help="what is done with the gradient")
    noise: Number = noise_field(0.05, source="Salimans et al., 2017: 0.02 for their policies")
    directions: int = directions_field(32)
    shaping: str = structure("ranks", choices=SHAPINGS, help="whether ranks or the values themselves are used")

    def begin(self, point: Float[Array, " d"]) -> Any:
        return self.optimizer.init(point)

    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        d, above, below, good = seen
        if self.shaping == "ranks":
            above, below = ranks(jnp.stack([above, below]), good)
        g = share(good) / (2 * self.noise) * ((above - below) @ d)
        step, memory = self.optimizer.update(g.astype(d.dtype), state.memory, state.point)
        some = jnp.any(good)
        kept = jax.tree.map(lambda new, old: jnp.where(some, new, old), memory, state.memory)
        return jnp.where(some, step, 0), kept


def ranks(values: Float[Array, "2 N"], good: Bool[Array, " N"]) -> Float[Array, "2 N"]:
    """Centred ranks from -1/2 to 1/2 among the good directions' values; 0 for the others.

    >>> ranks(jnp.array([[3.0, 4.0], [1.0, 4.0]]), jnp.array([True, False])).tolist()
    [[0.5, 0.0], [-0.5, 0.0]]
    """
    flat = jnp.where(good, values, jnp.inf).reshape(-1)
    ordered = jnp.sort(flat)
    first, last = jnp.searchsorted(ordered, flat, side="left"), jnp.searchsorted(ordered, flat, side="right")
    count = 2 * jnp.sum(good)
    # Integers until the last division, so that equal values give exactly 0 however this is compiled.
    centred = (first + last - count).astype(values.dtype) / (2 * jnp.maximum(count - 1, 1))
    return jnp.where(good, centred.reshape(values.shape), 0).astype(values.dtype)
