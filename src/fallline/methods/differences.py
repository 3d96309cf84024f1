"""Slopes by finite differences along random directions."""

from typing import Any, ClassVar

from jaxtyping import Array, Float

from fallline.core.field import Number, number, structure
from fallline.core.random import bits, named
from fallline.methods.base import Antithetic, Directions, MethodState, directions_field, noise_field, share, step_field

FORMS = ("slope", "difference")


class FiniteDifference(Antithetic):
    """Finite-difference random search: a step along random directions, by the difference of the values on both sides.

        dw_k = nu d_k,  d_k ~ N(0, I),  k = 1 .. N,   w1 = w + dw_k,  w2 = w - dw_k
        w <- w - a / N  sum_k (f(w1) - f(w2)) / (2 nu) d_k      (form = "slope")
        w <- w - a / N  sum_k (f(w1) - f(w2)) dw_k              (form = "difference")

    Both forms take the same steps, with a in different units: the second's is 1 / (2 nu^2) times the first's. In the
    first, a is the learning rate of a gradient descent whose gradient has an error of about sqrt((d + 1) / N) of its
    length; on a bowl of curvature c it is stable for a < 2 / (c (1 + (d + 1) / N)). For smooth functions of a known scale;
    use ARS if the scale is unknown.

    Source: Matyas, "Random optimization", 1965; as a smoothed gradient, Nesterov and Spokoiny, "Random gradient-free
    minimization of convex functions", 2017, section 3.

    >>> import jax, jax.numpy as jnp
    >>> method = FiniteDifference(step=0.05, directions=4)
    >>> state = method.start(jnp.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(100):
    ...     x = method.ask(state)
    ...     state = method.tell(state, jnp.sum(x**2, axis=1))
    >>> bool(jnp.sum(state.point**2) < 1e-3)
    True
    """

    name: ClassVar[str] = "finite_difference"
    aliases: ClassVar[tuple[str, ...]] = ("finite_differences",)
    step: Number = step_field(0.05, (1e-3, 1.0))
    noise: Number = noise_field(0.01)
    directions: int = directions_field(16)
    form: str = structure("slope", choices=FORMS, help="whether the difference is divided by the distance, or moves dw")

    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        factor = 1 / (2 * self.noise) if self.form == "slope" else self.noise
        return -self.step * factor * share(seen.good) * ((seen.above - seen.below) @ seen.d), ()


class SPSA(Antithetic):
    """Simultaneous perturbation: all coordinates move at once by plus or minus c, with decreasing gains.

        a_t = a / (A + t)^alpha,  c_t = c / t^gamma,  t = 1, 2, ...
        D_k = +-1 in every coordinate,  k = 1 .. N
        w <- w - a_t / N  sum_k (f(w + c_t D_k) - f(w - c_t D_k)) / (2 c_t) D_k^-1

    It needs two evaluations per step and direction whatever the dimension, and its gains are designed to converge under
    noise. Set c to about the standard deviation of the noise in f, A to about a tenth of the iterations, and a so that the
    first steps have the desired size. alpha = 1, gamma = 1/6 are asymptotically optimal; the defaults are better in
    practice.

    Source: Spall, "Multivariate stochastic approximation using a simultaneous perturbation gradient approximation",
    1992, equation 2.1; the gains, "Implementation of the simultaneous perturbation algorithm for stochastic
    optimization", 1998, section III.

    >>> import jax, jax.numpy as jnp
    >>> method = SPSA(step=1.0)
    >>> state = method.start(jnp.array([3.0, -2.0]), jax.random.key(0))
    >>> for _ in range(100):
    ...     x = method.ask(state)
    ...     state = method.tell(state, jnp.sum(x**2, axis=1))
    >>> bool(jnp.sum(state.point**2) < 1e-2)
    True
    """

    name: ClassVar[str] = "spsa"
    own_rate: ClassVar[bool] = True
    step: Number = step_field(0.3, (1e-2, 10.0))
    noise: Number = noise_field(0.1, source="Spall, 1998: the noise of f")
    directions: int = directions_field(1, "Spall, 1992")
    stability: Number = number(
        100.0, valid="[0, inf)", usual=(1.0, 1e3), scale="log", unit="iterations", help="A, keeps the first steps short"
    )
    alpha: Number = number(0.602, valid="[0, 1]", usual=(0.5, 1.0), help="how fast steps fall", source="Spall, 1998")
    gamma: Number = number(0.101, valid="[0, 1]", usual=(0.05, 0.2), help="how fast c falls", source="Spall, 1998")

    def drawn(self, state: MethodState) -> Float[Array, "N d"]:
        """Plus or minus 1, each with probability 1/2."""
        key = named(state.key, "directions", state.iteration)
        signs = bits(key, (self.directions, state.point.shape[0])) >> 31
        return 1 - 2 * signs.astype(state.point.dtype)

    def width(self, state: MethodState) -> Any:
        return self.noise / (state.iteration.astype(state.point.dtype) + 1) ** self.gamma

    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        t = state.iteration.astype(seen.d.dtype) + 1
        a = self.step / (self.stability + t) ** self.alpha
        slopes = (seen.above - seen.below) / (2 * self.width(state))
        return -a * share(seen.good) * (slopes @ seen.d), ()  # 1 / D = D
