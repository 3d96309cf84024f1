"""Walks as one compiled program: rules of one structure are stacked and mapped, and every rule is mapped over the starts."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.block import as_arrays
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.optimizers import Optimizer, evaluate
from fallline.surfaces import Surface


class Track(NamedTuple):
    """What one walk leaves: an entry for the start and one after every step.

    Arguments:
        points: the positions.
        values: the heights there.
        slopes: the length of the gradient there, without noise.
        gradients: how many gradients had been evaluated by then.
    """

    points: Float[Any, "... steps+1 n"]
    values: Float[Any, "... steps+1"]
    slopes: Float[Any, "... steps+1"]
    gradients: Float[Any, "... steps+1"]


def walked(
    rule: Optimizer,
    surface: Surface,
    start: Float[Array, " n"],
    noise: Float[Array, ""],
    key: Array,
    steps: int,
) -> Track:
    """One walk of one rule, traced.

    The noise of a step depends on the key and the number of the step alone, so that all rules meet the same noise.
    """

    def step(carry: tuple[Array, Any], t: Array) -> tuple[tuple[Array, Any], tuple[Array, Array, Array, Array]]:
        w, state = carry
        time = Time(t, t, t / steps)
        now = at_time(rule, time)
        value, gradient, _, anew = evaluate(surface, w, state)
        seen = gradient + noise * jax.random.normal(jax.random.fold_in(key, t.astype(jnp.int32)), w.shape, w.dtype)
        evidence = {"value": value, "objective": surface, "weight": 1.0, "anew": anew, "time": time}
        delta, after = now.step(seen, state, w, **evidence, key=jax.random.fold_in(key, t.astype(jnp.int32)))
        count = now.evaluations(after)
        done = t + 1 if count is None else count.astype(w.dtype)
        return ((w + delta).astype(w.dtype), after), (w, value, jnp.linalg.norm(gradient), done)

    begun = at_time(rule, Time(*(jnp.zeros((), start.dtype),) * 3)).begin(start)
    (last, _), (w, f, g, done) = jax.lax.scan(step, (start, begun), jnp.arange(steps).astype(start.dtype))
    end, slope = jax.value_and_grad(surface)(last)
    zero = jnp.zeros((1,), start.dtype)
    return Track(
        jnp.concatenate([w, last[None]]),
        jnp.append(f, end),
        jnp.append(g, jnp.linalg.norm(slope)),
        jnp.concatenate([zero, done]),
    )


def walk_all(
    rules: Sequence[Optimizer],
    surface: Surface,
    starts: Float[np.ndarray, "starts n"],
    steps: int,
    noise: float,
    seed: int,
) -> Track:
    """Every rule from every start, in double precision: arrays with the axes rule, start, step.

    Rules of the same structure are one mapped rule; all structures are parts of one program.
    """
    groups = grouped(rules)
    with jax.enable_x64(True):
        stacked = [
            jax.tree.map(lambda *leaves: np.stack(leaves), *(as_arrays(rules[i], np.float64) for i in group))
            for group in groups
        ]
        keys = jax.random.split(jax.random.key(seed), len(starts))
        found = _program(
            stacked, as_arrays(surface, np.float64), jnp.asarray(starts, jnp.float64), float(noise), keys, steps
        )
        found = jax.tree.map(np.asarray, found)
    order = np.argsort([i for group in groups for i in group])
    return jax.tree.map(lambda *parts: np.concatenate(parts)[order], *found)


def grouped(rules: Sequence[Optimizer]) -> list[list[int]]:
    """The places of the rules that are one program with other numbers."""
    places: dict[Any, list[int]] = {}
    for place, rule in enumerate(rules):
        shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(rule))
        places.setdefault((jax.tree.structure(rule), shapes), []).append(place)
    return list(places.values())


def _all(stacked: list[Tree], surface: Surface, starts: Array, noise: Array, keys: Array, steps: int) -> Any:
    def one(rule: Any, start: Array, key: Array) -> Track:
        return walked(rule, surface, start, noise, key, steps)

    over_starts = jax.vmap(one, in_axes=(None, 0, 0))
    return [jax.vmap(over_starts, in_axes=(0, None, None))(rules, starts, keys) for rules in stacked]


_program = jax.jit(_all, static_argnames="steps")
