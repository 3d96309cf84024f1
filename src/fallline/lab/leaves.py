"""Numbers of a recipe as the traced leaves of one program, so that thousands of values need no recipe each."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from fallline.core.block import as_arrays, get, replace
from fallline.core.errors import FalllineError
from fallline.core.schedule import Schedule
from fallline.training.recipe import Recipe


def number_at(recipe: Recipe, path: str, value: float) -> Recipe:
    """The recipe with a number at a path.

    Raises: FalllineError for a path that does not exist, and for a field that holds no such number.
    """
    get(recipe, path)
    found = replace(recipe, {path: value})
    if isinstance(get(found, path), int | Schedule):
        raise FalllineError(
            f"{path} holds no number that can be varied between runs: expected one such as optimizer.learning_rate"
        )
    return found


class Leaves:
    """A recipe whose numbers at some paths are arguments.

    Arguments:
        recipe: a completed recipe, with numbers at the paths.
        paths: the paths.
        others: another value for each path, by which its leaf is found.

    Raises: FalllineError for a path whose number is no leaf of the program, such as a width.
    """

    def __init__(self, recipe: Recipe, paths: Sequence[str], others: Sequence[float]) -> None:
        self.leaves, self.structure = jax.tree.flatten(as_arrays(recipe))
        self.places = []
        for path, value in zip(paths, others, strict=True):
            other, structure = jax.tree.flatten(as_arrays(replace(recipe, {path: float(value)})))
            if structure != self.structure:
                raise FalllineError(f"{path} changes the program itself: expected a number that only its values enter")
            differ = [i for i, (a, b) in enumerate(zip(self.leaves, other, strict=True)) if not np.array_equal(a, b)]
            if len(differ) != 1:
                raise FalllineError(
                    f"{path} is not one number of the program: expected one such as optimizer.learning_rate"
                )
            self.places.append(differ[0])

    def recipe(self, values: Sequence[Any]) -> Recipe:
        """The recipe with these values at the paths; they may be traced."""
        leaves = list(self.leaves)
        for place, value in zip(self.places, values, strict=True):
            leaves[place] = value
        found: Recipe = jax.tree.unflatten(self.structure, leaves)
        return found
