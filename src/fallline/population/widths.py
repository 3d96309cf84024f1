"""Widths in the batch: recipes that differ only in widths as lanes of one program, the narrower ones padded with zeros.

A padded unit has incoming and outgoing weights of zero. With f(0) = 0 it puts out 0, so the gradients of both are 0, every
update rule and penalty leaves them at 0, and the lane computes what its narrow run computes: nothing has to be masked
while training. Initial weights are drawn by place (`core.random`), so a wide draw begins with the narrow one.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.block import replace
from fallline.core.random import Seed, named
from fallline.layers import Dense, Layer, Sequential
from fallline.models import MLP
from fallline.training.program import first_memory
from fallline.training.recipe import Recipe
from fallline.training.state import State

MOST_WASTE = 0.5  # arithmetic on padding, as a share of the arithmetic asked for


def paddable(recipe: Recipe) -> bool:
    """Whether a wider recipe can hold this one's network, padded with zeros."""
    model = recipe.model
    return (
        isinstance(model, MLP)
        and model.pieces is None
        and not model.layer_norm
        and model.activation.zero_at_zero
        and all(getattr(each, "by_place", True) for each in (model.initializer, model.output_initializer))
    )


def hidden_of(recipe: Recipe) -> tuple[int, ...]:
    """The hidden widths of an MLP; none for another model."""
    return getattr(recipe.model, "hidden", ())


def arithmetic(widths: Sequence[int], inputs: int, outputs: int) -> int:
    """Multiplications of one forward pass of one row."""
    sizes = [inputs, *widths, outputs]
    return sum(a * b for a, b in itertools.pairwise(sizes))


def widen(recipes: Sequence[Recipe], inputs: int, outputs: int) -> list[Recipe]:
    """The same recipes, those that differ only in widths made as wide as the widest of a bucket.

    Buckets are filled from the widest down, as long as the padding's arithmetic is at most `MOST_WASTE` of the lanes' own.

    >>> recipes = [Recipe(model=MLP(hidden=(width,))) for width in (64, 60, 2)]
    >>> [recipe.model.hidden for recipe in widen(recipes, 10, 2)]
    [(64,), (64,), (2,)]
    """
    wide = list(recipes)
    if len({hidden_of(recipe) for recipe in recipes}) < 2:
        return wide
    kinds: dict[Any, list[int]] = {}
    for place, recipe in enumerate(recipes):
        if paddable(recipe):
            plain = replace(recipe, {"model.hidden": (1,) * len(hidden_of(recipe))})
            kinds.setdefault(jax.tree.structure(plain), []).append(place)
    costs = [arithmetic(hidden_of(recipe), inputs, outputs) for recipe in recipes]
    for places in kinds.values():
        buckets: list[list[int]] = [[]]
        for place in sorted(places, key=lambda each: costs[each], reverse=True):
            bucket = [*buckets[-1], place]
            padded = arithmetic(_widest(bucket, recipes), inputs, outputs) * len(bucket)
            if padded > (1 + MOST_WASTE) * sum(costs[each] for each in bucket):
                buckets.append([place])
            else:
                buckets[-1].append(place)
        for bucket in buckets:
            widest = _widest(bucket, recipes)
            for each in bucket:
                if hidden_of(recipes[each]) != widest:
                    wide[each] = replace(recipes[each], {"model.hidden": widest})
    return wide


def _widest(places: list[int], recipes: Sequence[Recipe]) -> tuple[int, ...]:
    return tuple(max(layer) for layer in zip(*(hidden_of(recipes[p]) for p in places), strict=True))


def narrow(recipe: Recipe, network: Sequential, state: State, inputs: int, widths: Int[Array, " layers"]) -> State:
    """A new state of a wide network with the initial weights of a narrower one, and zeros beyond."""
    params = narrow_params(network, named(state.key, "init"), inputs, widths)
    return dataclasses.replace(state, params=params, best_params=params, memory=first_memory(recipe, params))


def narrow_params(network: Sequential, key: Seed, inputs: int, widths: Int[Array, " layers"]) -> dict[str, Any]:
    """The parameters that a network with these hidden widths would begin with, in the arrays of a wider one."""
    params: dict[str, Any] = {}
    size, true = inputs, jnp.int32(inputs)
    dense = 0
    for name, layer in zip(network.names(), network.layers, strict=True):
        if not isinstance(layer, Layer):
            continue
        after, true_after = layer.outputs(size), true
        if isinstance(layer, Dense):
            true_after = widths[dense] if dense < len(widths) else jnp.int32(after)
            dense += 1
        fans = (true.astype(jnp.float32), true_after.astype(jnp.float32))
        drawn, _ = layer.init(named(key, name), (size,), fans)
        if drawn:
            params[name] = {part: _cut(leaf, true, true_after) for part, leaf in drawn.items()}
        size, true = after, true_after
    return params


def _cut(leaf: Float[Array, "*shape"], rows: Array, columns: Array) -> Float[Array, "*shape"]:
    """Zeros beyond the true number of inputs (the axis before the last) and of units (the last)."""
    leaf = jnp.where(jnp.arange(leaf.shape[-1]) < columns, leaf, 0.0)
    return leaf if leaf.ndim < 2 else jnp.where(jnp.arange(leaf.shape[-2])[:, None] < rows, leaf, 0.0)
