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
    """What walks leave: an entry for the start and one after every step, or the end alone.

    Arguments:
        points: the positions.
        values: the heights there.
        slopes: the length of the gradient there, without noise.
        gradients: how many gradients had been evaluated by then.
    """

    points: Float[Any, "... entries n"]
    values: Float[Any, "... entries"]
    slopes: Float[Any, "... entries"]
    gradients: Float[Any, "... entries"]


def walked(
    rule: Optimizer,
    surface: Surface,
    start: Float[Array, " n"],
    noise: Float[Array, ""],
    key: Array,
    steps: int,
    ends: bool,
) -> Track:
    """One walk of one rule, traced.

    The noise of a step depends on the key and the number of the step alone, so that all rules meet the same noise.

    Arguments:
        rule: the rule.
        surface: the surface.
        start: where it starts.
        noise: standard deviation of the noise on every coordinate of the gradient.
        key: of the noise.
        steps: number of steps.
        ends: whether the end alone is kept.
    """

    def step(carry: tuple[Array, Any, Array], t: Array) -> tuple[tuple[Array, Any, Array], Track | None]:
        w, state, count = carry
        time = Time(t, t, t / steps)
        now = at_time(rule, time)
        value, gradient, _, anew = evaluate(surface, w, state)
        own = jax.random.fold_in(key, t.astype(jnp.int32))
        seen = gradient + noise * jax.random.normal(own, w.shape, w.dtype)
        evidence = {"value": value, "objective": surface, "weight": 1.0, "anew": anew, "time": time, "key": own}
        delta, after = now.step(seen, state, w, **evidence)
        counted = now.evaluations(after)
        done = t + 1 if counted is None else counted.astype(w.dtype)
        entry = None if ends else Track(w, value, jnp.linalg.norm(gradient), count)
        return ((w + delta).astype(w.dtype), after, done), entry

    zero = jnp.zeros((), start.dtype)
    begun = at_time(rule, Time(zero, zero, zero)).begin(start)
    (last, _, count), way = jax.lax.scan(step, (start, begun, zero), jnp.arange(steps).astype(start.dtype))
    value, slope = jax.value_and_grad(surface)(last)
    end = Track(last, value, jnp.linalg.norm(slope), count)
    found: Track
    if ends:
        found = jax.tree.map(lambda leaf: leaf[None], end)
    else:
        found = jax.tree.map(lambda before, leaf: jnp.concatenate([before, leaf[None]]), way, end)
    return found


def walk_all(
    rules: Sequence[Optimizer],
    surface: Surface,
    starts: Float[np.ndarray, "starts n"],
    steps: int,
    noise: float = 0.0,
    seed: int = 0,
    *,
    ends: bool = False,
) -> Track:
    """Every rule from every start, in double precision: arrays with the axes rule, start, step.

    Rules of the same structure are one mapped rule; all structures are parts of one program. With `ends`, the only entry
    is the end, so that many walks need little memory.
    """
    groups = grouped(rules)
    with jax.enable_x64(True):
        stacked = [
            jax.tree.map(lambda *leaves: np.stack(leaves), *(as_arrays(rules[i], np.float64) for i in group))
            for group in groups
        ]
        keys = jax.random.split(jax.random.key(seed), len(starts))
        begun = jnp.asarray(starts, jnp.float64)
        found = _program(stacked, as_arrays(surface, np.float64), begun, float(noise), keys, steps, ends)
        found = jax.tree.map(np.asarray, found)
    order = np.argsort([i for group in groups for i in group])
    result: Track = jax.tree.map(lambda *parts: np.concatenate(parts)[order], *found)
    return result


def grouped(rules: Sequence[Optimizer]) -> list[list[int]]:
    """The places of the rules that are one program with other numbers.

    >>> from fallline.optimizers import SGD, Adam
    >>> grouped([SGD(0.1), Adam(0.1), SGD(0.2)])
    [[0, 2], [1]]
    """
    places: dict[Any, list[int]] = {}
    for place, rule in enumerate(rules):
        shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(rule))
        places.setdefault((jax.tree.structure(rule), shapes), []).append(place)
    return list(places.values())


def _all(
    stacked: list[Tree], surface: Surface, starts: Array, noise: Array, keys: Array, steps: int, ends: bool
) -> list[Track]:
    def one(rule: Any, start: Array, key: Array) -> Track:
        return walked(rule, surface, start, noise, key, steps, ends)

    over_starts = jax.vmap(one, in_axes=(None, 0, 0))
    return [jax.vmap(over_starts, in_axes=(0, None, None))(rules, starts, keys) for rules in stacked]


_program = jax.jit(_all, static_argnames=("steps", "ends"))
