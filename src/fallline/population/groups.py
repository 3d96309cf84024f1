"""Groups: recipes of one structure share a program; leaves that differ between them get a lane axis.

Recipes are grouped by the tree structure of the completed recipe, which includes static fields and the kinds of its blocks.
A leaf that is equal in all recipes of a group has no lane axis, so everything that depends on it alone is computed once.
With equal scalers, for example, a minibatch is gathered and scaled once for all lanes, and the first layer is one large
product.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fallline.core.block import as_arrays
from fallline.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Group:
    """Recipes that share a program.

    Arguments:
        members: indices of the recipes in the list given by the user.
        structure: their common tree structure.
        differ: for every leaf, whether it differs between members.
        leaves: every leaf; a leaf that differs has a leading axis with one entry per member.
    """

    members: tuple[int, ...]
    structure: Any
    differ: tuple[bool, ...]
    leaves: tuple[np.ndarray, ...]

    def take(self, indices: Sequence[int]) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]:
        """(leaves with a lane axis, leaves without) for some members, given by their indices within the group."""
        chosen = np.asarray(indices)
        own = tuple(leaf[chosen] for leaf, differs in zip(self.leaves, self.differ, strict=True) if differs)
        common = tuple(leaf for leaf, differs in zip(self.leaves, self.differ, strict=True) if not differs)
        return own, common

    @property
    def scalers_differ(self) -> bool:
        """Whether lanes may scale the same rows differently, so that the scalers' statistics need a lane axis too."""
        recipe = jax.tree.unflatten(self.structure, self.differ)
        return any(jax.tree.leaves((recipe.scaler, recipe.target_scaler, recipe.encoding)))


def rebuild(structure: Any, differ: tuple[bool, ...], own: Sequence[Any], common: Sequence[Any]) -> Recipe:
    """The recipe of one lane, rebuilt from its own leaves and the common ones."""
    own_left, common_left = iter(own), iter(common)
    found: Recipe = jax.tree.unflatten(structure, [next(own_left) if each else next(common_left) for each in differ])
    return found


def group_recipes(recipes: Sequence[Recipe]) -> list[Group]:
    """Sort completed recipes into groups, in the order of their first members.

    >>> from fallline.core.block import replace
    >>> rates = [replace(Recipe(), {"optimizer.beta1": beta}) for beta in (0.8, 0.9)]
    >>> wider = replace(Recipe(), {"model.hidden": (256,)})
    >>> [group.members for group in group_recipes([*rates, wider])]
    [(0, 1), (2,)]
    """
    flat = [jax.tree.flatten(recipe) for recipe in recipes]
    by_structure: dict[Any, list[int]] = {}
    for index, (_, structure) in enumerate(flat):
        by_structure.setdefault(structure, []).append(index)
    groups = []
    for structure, members in by_structure.items():
        columns = [np.stack(as_arrays(column)) for column in zip(*(flat[m][0] for m in members), strict=True)]
        differ = tuple(bool((column != column[:1]).any()) for column in columns)
        leaves = tuple(column if each else column[0] for column, each in zip(columns, differ, strict=True))
        groups.append(Group(tuple(members), structure, differ, leaves))
    return groups
