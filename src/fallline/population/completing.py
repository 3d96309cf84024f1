"""Completing many recipes: those that differ in numbers alone are completed once and get their numbers back."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax

from fallline.training.recipe import Recipe

TRACED = tuple(each.name for each in dataclasses.fields(Recipe) if not each.metadata.get("static", False))


def complete_alike(recipes: Sequence[Recipe], complete: Callable[[Recipe], Recipe]) -> tuple[Recipe, ...]:
    """Each recipe completed, as `complete` does it, which is called once for every structure.

    Completion reads a recipe's structure and words such as "auto", and fills fields that were left open. The fields that
    it filled or changed for the first recipe of a structure are copied to the others where they began alike. Other recipes
    are completed by themselves.

    >>> from fallline.core.block import replace
    >>> rates = [replace(Recipe(), {"optimizer.beta1": beta}) for beta in (0.8, 0.9)]
    >>> calls = []
    >>> found = complete_alike(rates, lambda recipe: calls.append(1) or replace(recipe, {"batch_size": 32}))
    >>> [each.optimizer.beta1 for each in found], [each.batch_size for each in found], len(calls)
    ([0.8, 0.9], [32, 32], 1)
    """
    firsts: dict[Any, tuple[Recipe, Recipe]] = {}
    found = []
    for recipe in recipes:
        leaves, structure = jax.tree.flatten(recipe)
        kind = (structure, tuple(each for each in leaves if isinstance(each, str)))
        if kind not in firsts:
            firsts[kind] = recipe, complete(recipe)
            found.append(firsts[kind][1])
        else:
            found.append(_copied(recipe, *firsts[kind]) or complete(recipe))
    return tuple(found)


def _copied(recipe: Recipe, first: Recipe, done: Recipe) -> Recipe | None:
    """The recipe with what completion changed in the first one; None if it may have changed it in another way here."""
    leaves: list[Any] = []
    for name in TRACED:
        own, before, after = getattr(recipe, name), getattr(first, name), getattr(done, name)
        changed = after is not before
        if changed and own is not before and own != before:
            return None
        leaves += jax.tree.leaves(after if changed else own)
    copied: Recipe = jax.tree.unflatten(jax.tree.structure(done), leaves)
    return copied
