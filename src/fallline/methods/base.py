"""The base classes of gradient-free methods."""

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, structure
from fallline.core.random import Seed, named, normal
from fallline.core.schedule import Time, at_time


class MethodState(NamedTuple):
    """The state that a method carries between iterations. Candidates are drawn again instead of stored.

    Arguments:
        point: the current point; all computations use its dtype.
        key: random key of the directions, together with the iteration.
        iteration: number of iterations so far.
        iterations: total number of iterations, if known.
        memory: the method's own memory.
    """

    point: Float[Array, " d"]
    key: Seed
    iteration: Int[Array, ""]
    iterations: Float[Array, ""] | None
    memory: Any


class Method(Block):
    """Minimises a function from its values alone; the hyperparameters are the fields.

        state = start(point, key);  repeat: candidates = ask(state), state = tell(state, f(candidates))

    Values are smaller-is-better. A NaN or infinite value is a failed evaluation, and its candidate is left out of the
    step. Schedules in fields count iterations: `step` and `epoch` are the iteration, `progress` its share of `iterations`.
    """

    family: ClassVar[str] = "method"
    facts: ClassVar[tuple[str, ...]] = ("own_rate",)
    traceable: ClassVar[bool] = False  # whether the three functions are pure and can be traced and mapped
    own_rate: ClassVar[bool] = False  # whether its steps shrink by themselves, so that no schedule should lower them

    @abstractmethod
    def candidates(self, d: int) -> int:
        """Number of points it asks for per iteration, in d dimensions."""

    @abstractmethod
    def start(self, point: Float[Array, " d"], key: Seed, iterations: object = None) -> MethodState:
        """The state before the first iteration; `iterations` is needed by schedules that use `progress`."""

    @abstractmethod
    def ask(self, state: MethodState) -> Float[Array, "n d"]:
        """The points of this iteration, determined by the state."""

    @abstractmethod
    def tell(self, state: MethodState, values: Float[Array, " n"]) -> MethodState:
        """The state after an iteration, given the values of its points."""


class Traceable(Method):
    """A method whose functions are pure: random numbers depend on the key, the iteration and the index.

    `tell` can therefore draw the same numbers again as `ask`. A subclass defines `propose` and `move`, in which every
    field is a number.
    """

    traceable: ClassVar[bool] = True

    def begin(self, point: Float[Array, " d"]) -> Any:
        """The memory at the start."""
        return ()

    @abstractmethod
    def propose(self, state: MethodState) -> Float[Array, "n d"]:
        """The points to evaluate."""

    @abstractmethod
    def move(self, state: MethodState, values: Float[Array, " n"]) -> tuple[Float[Array, " d"], Any]:
        """The step to add to the point, and the new memory. Steps that are not finite are discarded."""

    def start(self, point: Float[Array, " d"], key: Seed, iterations: object = None) -> MethodState:
        found: MethodState = _start(self, point, key, iterations)
        return found

    def ask(self, state: MethodState) -> Float[Array, "n d"]:
        return _ask(self, state)

    def tell(self, state: MethodState, values: Float[Array, " n"]) -> MethodState:
        found: MethodState = _tell(self, state, values)
        return found


# Compiled once for all hyperparameter values of a method, so that loops in Python are fast too.
@jax.jit
def _start(method: Traceable, point: Float[Array, " d"], key: Seed, iterations: object) -> MethodState:
    point, zero = jnp.asarray(point), jnp.zeros((), jnp.int32)
    last = None if iterations is None else jnp.asarray(iterations, point.dtype)
    state = MethodState(point, key, zero, last, ())
    return state._replace(memory=at_time(method, _clock(state)).begin(point))


@jax.jit
def _ask(method: Traceable, state: MethodState) -> Float[Array, "n d"]:
    return at_time(method, _clock(state)).propose(state)


@jax.jit
def _tell(method: Traceable, state: MethodState, values: Float[Array, " n"]) -> MethodState:
    w = state.point
    step, memory = at_time(method, _clock(state)).move(state, jnp.asarray(values, w.dtype))
    step = jnp.where(jnp.all(jnp.isfinite(step)), step, 0).astype(w.dtype)
    return MethodState(w + step, state.key, state.iteration + 1, state.iterations, memory)


class Directions(NamedTuple):
    """The values of an iteration, on both sides along its directions.

    Arguments:
        d: the directions.
        above: f(w + nu d); 0 for failed directions.
        below: f(w - nu d); 0 for failed directions.
        good: whether each direction succeeded.
    """

    d: Float[Array, "N d"]
    above: Float[Array, " N"]
    below: Float[Array, " N"]
    good: Bool[Array, " N"]


class Antithetic(Traceable):
    """A method that evaluates both sides of random directions: candidates w + nu d_1 ... w + nu d_N, then w - nu d_1 ...

    A subclass defines the step, given the values above and below.
    """

    noise: eqx.AbstractVar[Number]
    directions: eqx.AbstractVar[int]

    def __check_init__(self) -> None:
        if isinstance(self.directions, bool) or not isinstance(self.directions, int) or self.directions < 1:
            owner = type(self).__name__
            raise FalllineError(
                f"{owner}.directions = {self.directions!r} is not a number of directions: expected 1 or more"
            )

    def candidates(self, d: int) -> int:
        return 2 * self.directions

    def drawn(self, state: MethodState) -> Float[Array, "N d"]:
        """The directions of this iteration: standard normal numbers from the key, the iteration and the index."""
        key = named(state.key, "directions", state.iteration)
        return normal(key, (self.directions, state.point.shape[0])).astype(state.point.dtype)

    def width(self, state: MethodState) -> Any:
        """The value of nu in this iteration."""
        return self.noise

    def propose(self, state: MethodState) -> Float[Array, "n d"]:
        shift = jnp.asarray(self.width(state), state.point.dtype) * self.drawn(state)
        # A concatenation would make the CPU backend draw the numbers one by one, several times as slowly.
        sides = jnp.array([1, -1], state.point.dtype)[:, None, None]
        return (state.point + sides * shift).reshape(2 * self.directions, state.point.shape[0])

    def move(self, state: MethodState, values: Float[Array, " n"]) -> tuple[Float[Array, " d"], Any]:
        above, below = values[: self.directions], values[self.directions :]
        good = jnp.isfinite(above) & jnp.isfinite(below)
        # A failed direction has no difference and no weight in any sum.
        above, below = jnp.where(good, above, 0), jnp.where(good, below, 0)
        return self.step_from(state, Directions(self.drawn(state), above, below, good))

    @abstractmethod
    def step_from(self, state: MethodState, seen: Directions) -> tuple[Float[Array, " d"], Any]:
        """The step, and the new memory.

        Arguments:
            state: the state in which the candidates were proposed.
            seen: the values along its directions.
        """


class _Open:
    """The time in a method whose number of iterations is unknown."""

    def __init__(self, iteration: Array) -> None:
        self.step = self.epoch = iteration

    @property
    def progress(self) -> Array:
        """Not known."""
        raise FalllineError(
            "a schedule asks for the progress, which a method without an end does not know: pass iterations to start"
        )


def _clock(state: MethodState) -> Any:
    t = state.iteration.astype(state.point.dtype)
    return _Open(t) if state.iterations is None else Time(t, t, (t + 0.5) / state.iterations)


def step_field(default: float, usual: tuple[float, float] = (1e-3, 1.0), source: str = "") -> Any:
    """The declaration of a step size."""
    return number(
        default, valid="[0, inf)", usual=usual, scale="log", size=True, help="a, the size of a step", source=source
    )


def noise_field(default: float, usual: tuple[float, float] = (1e-3, 1.0), source: str = "") -> Any:
    """The declaration of the size of the perturbations."""
    help = "nu, standard deviation of the perturbations"
    return number(default, valid="(0, inf)", usual=usual, scale="log", help=help, source=source)


def directions_field(default: int, source: str = "") -> Any:
    """The declaration of a number of directions."""
    return structure(default, unit="per iteration", help="N, directions, each looked at both ways", source=source)


def share(good: Bool[Array, " N"]) -> Float[Array, ""]:
    """1 / the number of good directions; 1 if there are none.

    >>> float(share(jnp.array([True, False, True])))
    0.5
    """
    return 1 / jnp.maximum(jnp.sum(good), 1)
