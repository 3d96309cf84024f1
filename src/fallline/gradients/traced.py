"""A function that JAX can trace, evaluated at many shifted points: mapped over the shifts and compiled."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Array, Float, Int

from fallline.core.operations import Jaxpr, bytes_of, equations, work
from fallline.core.runtime import configure
from fallline.core.tree import Tree
from fallline.gradients.function import CheckedFunction, value_of
from fallline.gradients.incremental import ONCE, WORK, dealt, evaluate
from fallline.gradients.point import Point

configure()

BYTES = 1 << 22  # most bytes of intermediate values in the lanes side by side; several times faster in the cache
LANES = 512
CALL = 512  # evaluations in a call of a program


class Traced(CheckedFunction):
    """A function that JAX can trace.

    A `jax.tree_util.Partial` compiles once for all the arrays in it; any other callable compiles once per check. For a
    large function, a shift evaluates only the values it changes (`incremental`), by one program per array of x.
    """

    def __init__(self, f: Callable[[Any], Any], point: Point) -> None:
        super().__init__(f, point)
        self.shape = (point.structure, point.shapes, point.places)
        self.others = [leaf for i, leaf in enumerate(point.leaves) if i not in point.places]
        shared = isinstance(f, Partial) and not self.others
        self.arguments = (f, _Static(self.shape)) if shared else (None, None)
        self.program = _shared if shared else jax.jit(lambda f, point, v, i, h: _shifted(self._of, v, i, h))
        self.alone = _shared_alone if shared else jax.jit(lambda f, point, v: value_of(self._of(v)))
        self.slopes = _shared_slopes if shared else jax.jit(lambda f, point, v: _slopes(self._of, v))
        self.within = _shared_within if shared else jax.jit(self._within, static_argnums=(1, 3))
        with jax.enable_x64(True):
            traced = self.alone.trace(*self.arguments, point.vector).jaxpr.jaxpr
        self.single = _rounds(traced)
        lane = bytes_of(traced) + 8 * len(point.vector)
        self.lanes = 1 << (max(1, min(LANES, BYTES // lane)).bit_length() - 1)
        self.work = work(traced)
        self.least = WORK if shared else ONCE * len(point.places)

    def close(self) -> None:
        for name in ("program", "alone", "slopes", "within", "mapped"):
            self.__dict__.pop(name, None)

    @functools.cached_property
    def mapped(self) -> Callable[[Array], Array]:
        """The program that evaluates f along directions."""
        lanes = jax.vmap(lambda shift: value_of(self._of(self.point.vector + shift)))
        found: Callable[[Array], Array] = jax.jit(lambda shifts: jax.lax.map(lanes, shifts))
        return found

    @functools.cached_property
    def incremental(self) -> bool:
        """Whether there is enough work for incremental programs to be worth compiling."""
        return (self.expected or 2 * len(self.point.vector)) * self.work >= self.least

    def _of(self, vector: Array) -> Any:
        return self.f(self.point.tree(self.point.parts(vector)))

    def _within(self, f: None, point: None, v: Array, which: int, counts: Array, at: Tree, h: Array) -> Array:
        return evaluate(
            lambda parts: value_of(self.f(self.point.tree(parts))), self.point.parts(v), which, counts, at, h
        )

    def shifted(self, indices: Int[np.ndarray, " shifts"], steps: np.ndarray) -> np.ndarray:
        if self.incremental and steps.dtype == np.float64:
            return self._by_change(indices, steps)
        return self._anew(indices, steps)

    def _by_change(self, indices: Int[np.ndarray, " shifts"], steps: np.ndarray) -> Float[np.ndarray, " shifts"]:
        """Evaluate only the values that a shift changes."""
        found = np.zeros(len(indices))
        for which, (cut, shape) in enumerate(zip(self.point.slices, self.point.shapes, strict=True)):
            mine = np.flatnonzero((cut.start <= indices) & (indices < cut.stop))
            if len(mine):
                program = functools.partial(self.within, *self.arguments, self.point.vector, which)
                with jax.enable_x64(True):
                    found[mine] = dealt(program, shape, indices[mine] - cut.start, steps[mine], self.count)
        # Infinity minus infinity is NaN, although f itself may be defined: evaluate these in full.
        odd = np.flatnonzero(~np.isfinite(found))
        if len(odd):
            found[odd] = self._anew(indices[odd], steps[odd])
        return found

    def _anew(self, indices: Int[np.ndarray, " shifts"], steps: np.ndarray) -> np.ndarray:
        """Evaluate all of f for every shift."""
        vector = self.point.vector.astype(steps.dtype)
        # One shape for calls of any length: padding a call costs less than compiling another program.
        together = min(CALL, max(16, 1 << (2 * len(vector) - 1).bit_length()))
        lanes = min(self.lanes, together)

        def program(i: np.ndarray, h: np.ndarray) -> Array:
            return self.program(*self.arguments, vector, i, h)

        return self._in_chunks(program, max(1, together // lanes), lanes, indices, steps)

    def along(self, directions: Float[np.ndarray, "shifts numbers"]) -> np.ndarray:
        return self._in_chunks(self.mapped, 1, min(self.lanes, len(directions)), directions)

    def _in_chunks(self, program: Callable[..., Array], chunks: int, lanes: int, *columns: np.ndarray) -> np.ndarray:
        """Run a mapped program over columns of any length, in calls of chunks of lanes; the last call is padded."""
        count, together = len(columns[0]), chunks * lanes
        found = []
        with jax.enable_x64(True):
            for begin in range(0, count, together):
                part = [column[begin : begin + together] for column in columns]
                fill = together - len(part[0])
                if fill:
                    part = [np.concatenate([each, np.repeat(each[-1:], fill, axis=0)]) for each in part]
                values = program(*(each.reshape(chunks, lanes, *each.shape[1:]) for each in part))
                found.append(np.asarray(values).reshape(-1))
                self.count(together - fill)
        return np.concatenate(found)[:count]

    def gradient(self) -> Any:
        with jax.enable_x64(True):
            value, found = self.slopes(*self.arguments, self.point.vector)
            self._value = float(value)
            return self.point.tree(self.point.parts(np.asarray(found)))

    def again(self) -> float:
        if not hasattr(self, "_value"):
            with jax.enable_x64(True):
                self._value = float(self.alone(*self.arguments, self.point.vector))
        return self._value


class _Static(tuple[Any, ...]):
    """The static part of a point: the structure, shapes and places of its arrays."""

    __slots__ = ()


def _shifted(of: Callable[[Array], Any], v: Array, i: Array, h: Array) -> Array:
    """f at shifted points: lanes side by side, and chunks of lanes one after another within one program."""
    lanes = jax.vmap(lambda i, h: value_of(of(v.at[i].add(h))))
    return jax.lax.map(lambda shift: lanes(*shift), (i, h))


def _slopes(of: Callable[[Array], Any], v: Array) -> tuple[Array, Array]:
    found: tuple[Array, Array] = jax.value_and_grad(lambda v: value_of(of(v)))(v)
    return found


def _shared_point(point: "_Static") -> Point:
    structure, shapes, indices = point
    return Point(np.zeros(0), (), shapes, structure, (None,) * len(indices), indices)


def _of_static(f: Partial, point: "_Static") -> Callable[[Array], Any]:
    here = _shared_point(point)
    return lambda v: f(here.tree(here.parts(v)))


# Compiled once for all the arrays in a Partial.
_shared = jax.jit(lambda f, point, v, i, h: _shifted(_of_static(f, point), v, i, h), static_argnums=1)
_shared_slopes = jax.jit(lambda f, point, v: _slopes(_of_static(f, point), v), static_argnums=1)
_shared_alone = jax.jit(lambda f, point, v: value_of(_of_static(f, point)(v)), static_argnums=1)


@functools.partial(jax.jit, static_argnums=(1, 3))
def _shared_within(f: Partial, point: "_Static", v: Array, which: int, counts: Array, at: Tree, h: Array) -> Array:
    here = _shared_point(point)
    return evaluate(lambda parts: value_of(f(here.tree(parts))), here.parts(v), which, counts, at, h)


def _rounds(jaxpr: Jaxpr) -> bool:
    """Whether a program converts float64 to a smaller floating-point type."""
    return any(
        each.primitive.name == "convert_element_type"
        and each.invars[0].aval.dtype == np.float64
        and jnp.issubdtype(each.outvars[0].aval.dtype, np.floating)
        and each.outvars[0].aval.dtype != np.float64
        for each in equations(jaxpr)
    )
