"""Recipes that differ only in widths as lanes of one program; narrower networks are padded with zeros.

A padding unit has incoming and outgoing weights of zero. With f(0) = 0 its output is 0, so the gradients of both are 0, and
every update rule and penalty leaves them at 0. The lane therefore computes the same as its narrow run, and nothing needs
masking during training. Initial weights are drawn by position (`core.random`), so the draw of a wide network contains that
of the narrow one.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float, Int

from fallline.core.block import replace
from fallline.core.random import Seed, named
from fallline.core.tree import Tree
from fallline.layers import Sequential
from fallline.training.program import first_memory
from fallline.training.recipe import Recipe
from fallline.training.state import State

MOST_WASTE = 0.5  # largest arithmetic on padding, as a share of the lanes' own arithmetic
FILLS = 16  # lanes of one width that run as fast alone as padded with others (benchmarks/population.py widths)


def hidden_of(recipe: Recipe) -> tuple[int, ...]:
    """The hidden widths of a model that is given by them; empty for any other model."""
    return recipe.model.widths


def arithmetic(widths: Sequence[int], inputs: int, outputs: int) -> int:
    """Number of multiplications in a forward pass of one row."""
    sizes = [inputs, *widths, outputs]
    return sum(a * b for a, b in itertools.pairwise(sizes))


def widen(recipes: Sequence[Recipe], inputs: int, outputs: int, runs: int = 1) -> list[Recipe]:
    """The recipes, with those that differ only in widths made as wide as the widest of their bucket.

    Widths with enough lanes to fill a program are left unchanged. The others are put into buckets from the widest down, as
    long as the arithmetic on padding is at most `MOST_WASTE` of the lanes' own.

    Arguments:
        recipes: completed recipes.
        inputs, outputs: numbers of inputs and outputs of their networks.
        runs: number of lanes of every recipe, seeds x folds.

    >>> from fallline.models import MLP
    >>> recipes = [Recipe(model=MLP(hidden=(width,))) for width in (64, 60, 2)]
    >>> [recipe.model.hidden for recipe in widen(recipes, 10, 2)]
    [(64,), (64,), (2,)]
    """
    wide = list(recipes)
    for widths in _kinds(recipes):
        few = {hidden: indices for hidden, indices in widths.items() if len(indices) * runs < FILLS}
        cost = {hidden: arithmetic(hidden, inputs, outputs) for hidden in few}
        buckets: list[list[tuple[int, ...]]] = [[]]
        for hidden in sorted(few, key=cost.__getitem__, reverse=True):
            bucket = [*buckets[-1], hidden]
            lanes = sum(len(few[each]) for each in bucket)
            own = sum(len(few[each]) * cost[each] for each in bucket)
            if arithmetic(_widest(bucket), inputs, outputs) * lanes > (1 + MOST_WASTE) * own:
                buckets.append([hidden])
            else:
                buckets[-1] = bucket
        for bucket in buckets:
            for hidden in bucket:
                if hidden != _widest(bucket):
                    for index in few[hidden]:
                        wide[index] = replace(recipes[index], {"model.hidden": _widest(bucket)})
    return wide


def _kinds(recipes: Sequence[Recipe]) -> list[dict[tuple[int, ...], list[int]]]:
    """Recipes whose structure differs only in widths, as dicts from widths to the indices of the recipes with them."""
    kinds: dict[Any, dict[tuple[int, ...], list[int]]] = {}
    if len({hidden_of(recipe) for recipe in recipes}) < 2:
        return []
    for index, recipe in enumerate(recipes):
        if recipe.model.paddable:
            hidden = hidden_of(recipe)
            plain = replace(recipe, {"model.hidden": (1,) * len(hidden)})
            kinds.setdefault(jax.tree.structure(plain), {}).setdefault(hidden, []).append(index)
    return list(kinds.values())


def _widest(bucket: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(max(layer) for layer in zip(*bucket, strict=True))


def narrow(
    recipe: Recipe, network: Sequential, state: State, inputs: int, widths: Int[Array, " layers"], given: Tree = None
) -> State:
    """A new state of a wide network with the initial (or given) weights of a narrower one, and zeros beyond them."""
    params = narrow_params(network, named(state.key, "init"), inputs, widths) | (given or {})
    return dataclasses.replace(state, params=params, best_params=params, memory=first_memory(recipe, params))


def narrow_params(network: Sequential, key: Seed, inputs: int, widths: Int[Array, " layers"]) -> dict[str, Any]:
    """The initial parameters of a network with these hidden widths, in the arrays of a wider one."""
    params: dict[str, Any] = {}
    true, dense, same = jnp.int32(inputs), 0, True
    for name, layer, size, after in network.walk(inputs):
        if same and not layer.has_units:  # nothing is padded before the first layer with units
            drawn, true = layer.init(named(key, name), (size,))[0], jnp.int32(after)
        else:
            true_after = true
            if layer.has_units:
                true_after = widths[dense] if dense < len(widths) else jnp.int32(after)
                dense += 1
            fans = (true.astype(jnp.float32), true_after.astype(jnp.float32))
            drawn, _ = layer.init(named(key, name), (size,), fans)
            drawn = {part: _cut(leaf, true, true_after) for part, leaf in drawn.items()}
            true, same = true_after, False
        if drawn:
            params[name] = drawn
    return params


def padded_like(params: Tree, like: Tree) -> Any:
    """The arrays of a narrow network, padded with zeros to those of a wider one."""

    def pad(leaf: ArrayLike, wide: Array) -> np.ndarray:
        return np.pad(leaf, [(0, full - own) for full, own in zip(wide.shape, np.shape(leaf), strict=True)])

    return jax.tree.map(pad, params, {name: {part: like[name][part] for part in params[name]} for name in params})


def _cut(leaf: Float[Array, "*shape"], rows: Array, columns: Array) -> Float[Array, "*shape"]:
    """The array with zeros beyond the true number of inputs (last axis but one) and of units (last axis)."""
    leaf = jnp.where(jnp.arange(leaf.shape[-1]) < columns, leaf, 0.0)
    return leaf if leaf.ndim < 2 else jnp.where(jnp.arange(leaf.shape[-2])[:, None] < rows, leaf, 0.0)
