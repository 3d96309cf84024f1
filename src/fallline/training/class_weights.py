"""Class weights: the word or the pairs of a recipe become a weight for each class, and the weight of each row."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.table import Table

BALANCED = "balanced"
_FORM = "expected 'balanced', or a weight for each class, such as yes=3,no=1"


def as_pairs(given: object) -> Any:
    """Class weights as a field holds them: a mapping or list of pairs becomes a tuple of pairs (label, weight).

    >>> as_pairs({"yes": 3, "no": 1})
    (('yes', 3.0), ('no', 1.0))
    """
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(each, list | tuple) and len(each) == 2 for each in pairs
    ):
        return given
    return tuple((label, float(weight) if _real(weight) else weight) for label, weight in pairs)


def parse_class_weight(text: str) -> Any:
    """Class weights as written in a shell: `balanced`, or `yes=3,no=1`.

    >>> parse_class_weight("yes=3, no=1")
    (('yes', 3.0), ('no', 1.0))
    """
    if text.strip() in (BALANCED, "none"):
        return None if text.strip() == "none" else BALANCED
    pairs = []
    for each in text.split(","):
        label, equals, weight = each.rpartition("=")
        try:
            pairs.append((label.strip(), float(weight)))
        except ValueError:
            equals = ""
        if not equals:
            raise FalllineError(f"class weights {text!r} cannot be read at {each.strip()!r}: {_FORM}")
    return tuple(pairs)


def check_class_weight(value: Any) -> None:
    """Raises: FalllineError for anything but `balanced` or pairs of different labels and positive weights."""
    if value is None or value == BALANCED:
        return
    if not isinstance(value, tuple) or not value or not all(isinstance(e, tuple) and len(e) == 2 for e in value):
        raise FalllineError(f"Recipe.class_weight = {value!r} is not readable: {_FORM}")
    for label, weight in value:
        if not isinstance(label, str | int | float):
            raise FalllineError(f"Recipe.class_weight names the class {label!r}: expected a label of the data")
        if not _real(weight) or not 0 < weight < math.inf:
            raise FalllineError(
                f"Recipe.class_weight gives the class {label!r} the weight {weight!r}: expected a positive number"
            )
    labels = [str(label) for label, _ in value]
    if twice := next((each for each in labels if labels.count(each) > 1), None):
        raise FalllineError(f"Recipe.class_weight names the class {twice!r} twice: give it one weight")


def with_class_weights(recipe: Any, table: Table) -> Any:
    """The recipe with a weight for every class of the table, in the order of the classes.

    Balanced weights are  w_c = n / (C n_c)  over the n training rows, n_c of class c of C, so that every class weighs the
    same. Classes that are not named weigh 1.

    Raises: FalllineError for a task without classes, and for a class that the table does not have.
    """
    asked, classes = recipe.class_weight, table.classes
    if asked is None:
        return recipe
    if classes is None:
        raise FalllineError(f"class_weight is for a classification; the target makes this a {table.task}")
    if asked == BALANCED:
        counts = np.bincount(table.dataset.y[table.dataset.train], minlength=len(classes))
        weights = len(table.dataset.train) / (len(classes) * np.maximum(counts, 1))
    else:
        indices = {str(label): index for index, label in enumerate(classes)}
        weights = np.ones(len(classes))
        for label, weight in asked:
            if str(label) not in indices:
                raise FalllineError(
                    f"class_weight names {label!r}, which is not a class of the target: {nearest(str(label), classes)}"
                )
            weights[indices[str(label)]] = weight
    pairs = tuple((label, float(weight)) for label, weight in zip(classes, weights, strict=True))
    return dataclasses.replace(recipe, class_weight=pairs)


def weighed(table: Table, recipe: Any) -> Table:
    """The table in which every training and validation row also has the weight of its class; test rows keep their own.

    `recipe` has passed `with_class_weights`. Without class weights the table itself is returned.
    """
    if recipe.class_weight is None:
        return table
    data = table.dataset
    each = np.array([weight for _, weight in recipe.class_weight], np.float32)
    weight = np.ones(len(data.x), np.float32) if data.weight is None else data.weight.astype(np.float32)
    rows = np.concatenate([data.train, data.valid])
    weight[rows] = weight[rows] * each[data.y[rows]]
    return dataclasses.replace(table, dataset=dataclasses.replace(data, weight=weight))


def _real(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
