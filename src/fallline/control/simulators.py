"""Environments written in JAX, in which all rollouts of a generation are one program."""

import functools
from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt32

from fallline.control.environments import EnvironmentFacts
from fallline.control.network import PolicyNetwork
from fallline.control.rollouts import Rollout, Task, failed
from fallline.control.statistics import Scaling, Statistics
from fallline.core.errors import FalllineError, nearest
from fallline.core.random import Seed, normal, uniform
from fallline.core.runtime import configure

configure()


class Simulator(ABC):
    """An environment as traceable functions of its state, a vector.

    Arguments:
        name: its name, without the prefix `jax:`.
        observations: number of entries in an observation.
        outputs: number of policy outputs: the entries of the action, or one per discrete action.
        discrete: whether the action is the index of the largest output.
        horizon: maximum number of steps in an episode.
    """

    name: str
    observations: int
    outputs: int
    discrete: bool = False
    horizon: int

    @abstractmethod
    def reset(self, key: Seed) -> Float[Array, " state"]:
        """A random initial state."""

    def observe(self, state: Float[Array, " state"]) -> Float[Array, " observations"]:
        """The observation of a state; by default the whole state."""
        return state

    @abstractmethod
    def step(
        self, state: Float[Array, " state"], action: Array, key: Seed
    ) -> tuple[Float[Array, " state"], Float[Array, ""], Bool[Array, ""]]:
        """The next state, the reward, and whether the episode has ended."""


class LQR(Simulator):
    """The linear-quadratic regulator: three coupled, slightly unstable modes under noise.

        x' = A x + B u + w,  w ~ N(0, I),  x_0 ~ N(0, I),  reward = -(x^T Q x + u^T R u)

    A has 1.01 on the diagonal and 0.01 beside it, B = I, Q = I / 1000, R = I; 300 steps.

    Source: Dean, Mania, Matni, Recht, Tu, "On the sample complexity of the linear quadratic regulator", 2017, section 6.
    """

    name = "lqr"
    observations = outputs = 3
    horizon = 300
    A = np.diag([1.01] * 3) + np.diag([0.01] * 2, 1) + np.diag([0.01] * 2, -1)
    Q = 1e-3

    def reset(self, key: Seed) -> Float[Array, "3"]:
        return normal(key, (3,)).astype(float)

    def step(self, state: Array, action: Array, key: Seed) -> tuple[Array, Array, Array]:
        reward = -(self.Q * state @ state + action @ action)
        return self.A @ state + action + normal(key, (3,)), reward, jnp.bool_(False)


class CartPole(Simulator):
    """A pole on a cart that is pushed left or right; +1 for every step until the pole falls or the cart leaves the track.

    Source: Barto, Sutton, Anderson, "Neuronlike adaptive elements that can solve difficult learning control problems",
    1983, equations of the appendix, with the constants and Euler steps of Gymnasium's CartPole-v1.
    """

    name = "cartpole"
    observations, outputs, discrete = 4, 2, True
    horizon = 500
    gravity, cart, pole, half_length, force, seconds = 9.8, 1.0, 0.1, 0.5, 10.0, 0.02

    def reset(self, key: Seed) -> Float[Array, "4"]:
        return 0.1 * uniform(key, (4,)).astype(float) - 0.05

    def step(self, state: Array, action: Array, key: Seed) -> tuple[Array, Array, Array]:
        x, velocity, angle, spin = state
        mass = self.cart + self.pole
        sin, cos = jnp.sin(angle), jnp.cos(angle)
        push = (jnp.where(action == 1, self.force, -self.force) + self.pole * self.half_length * spin**2 * sin) / mass
        turn = (self.gravity * sin - cos * push) / (self.half_length * (4.0 / 3.0 - self.pole * cos**2 / mass))
        pull = push - self.pole * self.half_length * turn * cos / mass
        rates = jnp.stack([velocity, pull, spin, turn])
        state = state + self.seconds * rates
        over = (jnp.abs(state[0]) > 2.4) | (jnp.abs(state[2]) > 12 * 2 * jnp.pi / 360)
        return state, jnp.ones_like(x), over


SIMULATORS: dict[str, type[Simulator]] = {each.name: each for each in (LQR, CartPole)}


def simulator_named(name: str) -> Simulator:
    """The simulator with this name.

    Raises: FalllineError for an unknown name.
    """
    if name not in SIMULATORS:
        raise FalllineError(f"simulator 'jax:{name}' is unknown: {nearest(name, SIMULATORS)}")
    return SIMULATORS[name]()


class Simulations:
    """The counterpart of `Workers` for simulators: the rollouts of all tasks are one program in float64."""

    restarts = 0

    def __init__(self, simulator: Simulator, horizon: int | None = None) -> None:
        self.simulator = simulator
        self.horizon = min(horizon or simulator.horizon, simulator.horizon)
        self.facts = EnvironmentFacts(
            name=f"jax:{simulator.name}",
            observations=simulator.observations,
            outputs=simulator.outputs,
            discrete=simulator.discrete,
            bounded=False,
            horizon=simulator.horizon,
            threshold=None,
            versions={"jax": jax.__version__},
        )

    def __enter__(self) -> "Simulations":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Do nothing: there are no resources to release."""

    def collect(self, tasks: Iterable[Task]) -> list[Rollout]:
        """The rollouts of all tasks, in order; the tasks must share `network` and `observe`."""
        tasks = list(tasks)
        first = tasks[0]
        neutral = Scaling(np.zeros(self.facts.observations), np.ones(self.facts.observations))
        with jax.enable_x64(True):
            found = _generation(
                type(self.simulator),
                first.network,
                self.horizon,
                np.stack([each.point for each in tasks]),
                jax.tree.map(lambda *rows: np.stack(rows), *(each.scaling or neutral for each in tasks)),
                np.array([each.seed for each in tasks], np.uint32),
            )
            totals, steps, means, squares = (np.asarray(each) for each in found)
        return [
            Rollout(float(total), int(count), Statistics(int(count), mean, square) if first.observe else None)
            if np.isfinite(total)
            else failed("a reward was not finite")
            for total, count, mean, square in zip(totals, steps, means, squares, strict=True)
        ]


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _generation(kind: type[Simulator], network: PolicyNetwork, horizon: int, *columns: Any) -> tuple[Array, ...]:
    found: tuple[Array, ...] = jax.vmap(functools.partial(episode, kind(), network, horizon))(*columns)
    return found


def episode(
    simulator: Simulator,
    network: PolicyNetwork,
    horizon: int,
    point: Float[Array, " size"],
    scaling: Scaling | None,
    seed: UInt32[Array, ""],
) -> tuple[Array, ...]:
    """One rollout as a traceable function: its return, its steps, and the observations' mean and squared deviations.

    >>> with jax.enable_x64(True):
    ...     total, steps, *_ = episode(CartPole(), PolicyNetwork((4, 2)), 500, jnp.zeros(8), None, jnp.uint32(0))
    >>> float(total) == int(steps) < 20  # it always pushes to the left
    True
    """
    policy = network.at(point, scaling, jnp)

    def words(word: Array) -> Array:
        return jax.random.wrap_key_data(jnp.stack([seed, jnp.asarray(word, jnp.uint32)]))

    def advance(carry: tuple[Array, ...]) -> tuple[Array, ...]:
        state, total, steps, mean, squares, _ = carry
        x = simulator.observe(state)
        output = policy(x)
        action = jnp.argmax(output) if simulator.discrete else output
        state, reward, over = simulator.step(state, action, words(steps + 1))
        steps = steps + 1
        d = x - mean  # Welford 1962
        mean = mean + d / steps
        return state, total + reward, steps, mean, squares + d * (x - mean), over

    nothing = jnp.zeros(simulator.observations)
    start = (simulator.reset(words(0)), jnp.zeros(()), jnp.int32(0), nothing, nothing, jnp.bool_(False))
    ended = jax.lax.while_loop(lambda carry: ~carry[-1] & (carry[2] < horizon), advance, start)
    found: tuple[Array, ...] = ended[1:5]
    return found
