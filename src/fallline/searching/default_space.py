"""The default space of a recipe without distributions, made of the usual ranges that its fields declare."""

from collections.abc import Collection
from typing import Any

from fallline.core.block import Block, get, replace, size_field, walk
from fallline.core.distribution import Distribution, distributions
from fallline.core.errors import FalllineError
from fallline.core.field import Field
from fallline.core.schedule import Schedule
from fallline.distributions import Integer, LogInteger, LogUniform, Uniform
from fallline.strategies.space import Space


def usual_range(declared: Field) -> Distribution | None:
    """The distribution over a number's usual range, on the number's own scale.

    >>> from fallline.core.block import declared_fields
    >>> from fallline.penalties import L2
    >>> usual_range(declared_fields(L2)["strength"])
    LogUniform(low=1e-06, high=0.1)
    """
    if declared.usual is None or declared.role != "number":
        return None
    kinds: dict[tuple[bool, bool], type[Distribution]] = {
        (False, False): Uniform,
        (False, True): LogUniform,
        (True, False): Integer,
        (True, True): LogInteger,
    }
    return kinds[declared.integer, declared.scale == "log"](*declared.usual)


def default_space(recipe: Block, fixed: Collection[str] = ()) -> Space:
    """The space of the recipe's own distributions if it has any; otherwise the usual ranges of the numbers to tune first.

    A field declares with `searched=True` that it is one of them, as learning rates, momentum, weight decay, dropout and
    the strengths of penalties do. All of them are numbers, so one compiled program serves the whole search. The first
    trial is the recipe itself.

    Arguments:
        recipe: a recipe, with or without distributions.
        fixed: paths of numbers that keep the recipe's value, if it has no distributions.

    Raises: FalllineError if nothing is left to search.

    >>> from fallline.training.recipe import Recipe
    >>> default_space(Recipe()).names
    ('model.dropout', 'optimizer.learning_rate.peak', 'penalty.strength')
    >>> default_space(Recipe(), fixed=["optimizer.learning_rate"]).names
    ('model.dropout', 'penalty.strength')
    """
    if any(True for _ in distributions(recipe)):
        return Space(recipe)
    found: dict[str, Distribution] = {}
    defaults: dict[str, Any] = {}
    for path, declared, value in walk(recipe):
        if not declared.searched or value is None:
            continue
        # A schedule is searched by its size, over the range of the number that it schedules.
        size = size_field(type(value)) if isinstance(value, Schedule) else ""
        distribution = usual_range(declared)
        if distribution is None or size is None:
            continue
        searched = f"{path}.{size}" if size else path
        if path not in fixed and searched not in fixed:
            found[searched], defaults[searched] = distribution, get(recipe, searched)
    if fixed and not found:
        raise FalllineError(
            "nothing is left to search: all numbers that are searched by default were given; leave one of them out"
        )
    return Space(replace(recipe, found), defaults)
