"""The contract of methods without gradients: repeatable candidates, tolerance of failures, and descent."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from numpy.typing import DTypeLike

from fallline.methods import Antithetic, Method, MethodState
from fallline.testing.base import demand, of
from fallline.testing.compare import draw, finite, in_both_precisions, quick, same_bits

ITERATIONS, D = 300, 5


def bowl(x: Array) -> Any:
    """The sum of squares around 1/4, for every row."""
    return jnp.sum((x - 0.25) ** 2, axis=-1)


def begun(method: Method, seed: int = 0, dtype: DTypeLike = "float32") -> MethodState:
    """A state before the first iteration."""
    return method.start(jnp.asarray(draw(seed, D), dtype), jax.random.key(seed), 10)


def walked(method: Method, state: MethodState, iterations: int) -> tuple[MethodState, Any]:
    """The state after some iterations on the bowl, and the value after each."""

    def iteration(state: MethodState, _: None) -> tuple[MethodState, Any]:
        state = method.tell(state, bowl(method.ask(state)))
        return state, bowl(state.point)

    found: tuple[MethodState, Any] = jax.lax.scan(iteration, state, None, iterations)
    return found


@of("method", concerns=lambda method: method.traceable)
def dtypes(method: Method) -> None:
    """Candidates are rows of the point's dtype, as many as it says, and a state keeps its shapes and dtypes."""

    def both(dtype: str) -> tuple[Any, Any]:
        state = jax.eval_shape(lambda: begun(method, dtype=dtype))
        x = jax.eval_shape(method.ask, state)
        after = jax.eval_shape(method.tell, state, jax.ShapeDtypeStruct(x.shape[:1], x.dtype))
        n = method.candidates(D)
        return [x, after._replace(key=())], [jax.ShapeDtypeStruct((n, D), dtype), state._replace(key=())]

    in_both_precisions(both, "candidates and state")


@of("method", concerns=lambda method: method.traceable)
def drawn_again(method: Method) -> None:
    """The same state gives the same candidates; another key or another iteration gives others."""
    state = begun(method)
    ask = jax.jit(method.ask)
    first = ask(state)
    same_bits(ask(state), first, "candidates asked for again")
    others = [ask(state._replace(key=jax.random.key(1))), ask(state._replace(iteration=state.iteration + 1))]
    demand(
        all(not np.array_equal(first, each) for each in others),
        "another key or another iteration gives the same candidates",
    )


@of("method", concerns=lambda method: method.traceable)
def flat(method: Method) -> None:
    """Where all values are equal there is no step."""
    state = begun(method)
    tell = jax.jit(lambda state: method.tell(state, jnp.full(method.candidates(D), 0.1, jnp.float32)))
    same_bits(tell(state).point, state.point, "the point after equal values")


@of("method", concerns=lambda method: isinstance(method, Antithetic))
def failures(method: Method) -> None:
    """A failed evaluation leaves its direction out, whatever the other side's value; where all fail there is no step."""
    state = begun(method)
    tell = jax.jit(method.tell)
    values, n = np.asarray(bowl(method.ask(state))), method.candidates(D)
    ends = []
    for side, other, failure in ((0, n // 2, np.nan), (n // 2, 0, np.inf), (0, n // 2, -np.inf)):
        broken = values.copy()
        broken[side], broken[other] = failure, 1e6
        ends.append(tell(state, broken))
    finite([(each.point, each.memory) for each in ends], "the state after a failure")
    for each in ends[1:]:
        same_bits(each.point, ends[0].point, "the point after another failure of the same direction")
    nothing = tell(state, np.full(n, np.nan, np.float32))
    same_bits(nothing.point, state.point, "the point after failures alone")


@of("method", concerns=lambda method: method.traceable)
def descends(method: Method) -> None:
    """Three hundred iterations go down a bowl, to a finite place with a finite memory."""
    state = begun(method)
    end, values = quick(lambda state: walked(method, state, ITERATIONS))(state)
    finite((end.point, end.memory, values), "the point, the memory or a value on the way")
    some = [float(each) for each in (bowl(state.point), values[ITERATIONS // 2], values[-1])]
    demand(some[2] < some[0], f"the values at the start, halfway and at the end: {some}")


def example(method: Method) -> Any:
    """The candidates, the point and the memory after some iterations with arbitrary values."""
    values = jnp.asarray(draw(1, 3, method.candidates(D)), jnp.float32)
    state, _ = jax.lax.scan(lambda state, f: (method.tell(state, f), None), begun(method), values)
    return method.ask(state), state.point, state.memory
