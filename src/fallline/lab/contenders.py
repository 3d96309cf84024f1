"""What a comparison compares: a recipe with one thing varied, each over its own range of learning rates."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, get, lookup, replace
from fallline.core.errors import FalllineError, nearest
from fallline.core.plain import parse
from fallline.core.schedule import Schedule
from fallline.data.table import Table
from fallline.doctor.fork import values_for
from fallline.lab.rates import rate_place
from fallline.lab.subjects import rules_of
from fallline.optimizers import Adam, Optimizer
from fallline.training.recipe import Recipe

RULES = (
    "sgd", "momentum", "nesterov", "averaged_momentum", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam",
)  # fmt: skip
PATHS = {
    "activation": "model.activation",
    "initializer": "model.initializer",
    "batch_size": "batch_size",
    "schedule": "optimizer",
}
BY_RULE = ("optimizer", "rules", "schedule")  # what gives contenders that differ in their rule alone
USUAL: dict[str, tuple[Any, ...]] = {
    "activation": ("relu", "leaky_relu", "elu", "selu", "silu", "gelu", "mish", "softplus", "sigmoid", "tanh"),
    "initializer": ("glorot_uniform", "lecun_normal", "he_normal", "orthogonal", "small_normal"),
    "batch_size": (8, 16, 32, 64, 128, 256),
    "schedule": ("constant", "cosine", "one_cycle", "exponential", "inverse_time", "inverse_sqrt", "polynomial"),
}


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to train, with the learning rates that it is tried at; its own rate is in their middle."""

    label: str
    recipe: Recipe
    rates: Float[np.ndarray, " rates"]

    def recipes(self) -> list[Recipe]:
        """The recipe at every rate."""
        return [rated(self.recipe, float(each)) for each in self.rates]


def usual_rules() -> dict[str, Optimizer]:
    """The eleven update rules that train by minibatches and have a learning rate.

    >>> list(usual_rules())[:3]
    ['sgd', 'momentum', 'nesterov']
    """
    rules: dict[str, Any] = {name: lookup("optimizer", name)() for name in RULES}
    return rules | {"amsgrad": Adam(amsgrad="raw")}


def contenders_of(
    recipe: Recipe, data: Table, vary: str, values: Sequence[Any] | None, rates: int, decades: float
) -> list[Contender]:
    """The recipe with every value of what is varied, each over its own range of rates.

    Raises: FalllineError for what cannot be varied, for an unknown value, and for fewer than two contenders.
    """
    varied = (
        _by_rule(recipe, values) if vary in ("optimizer", "rules") else _by_value(recipe, data, vary.strip(), values)
    )
    if len(varied) < 2:
        raise FalllineError(f"a comparison of {vary} needs two or more values: expected such as {vary}=A,B")
    factors = np.geomspace(10 ** (-decades / 2), 10 ** (decades / 2), rates)
    return [Contender(label, each, rate_of(each) * factors) for label, each in varied.items()]


def _by_rule(recipe: Recipe, values: Sequence[Any] | None) -> dict[str, Recipe]:
    known = usual_rules()
    if values is None:
        named = known
    else:
        named = {}
        for each in values:
            named |= {each: known[each]} if isinstance(each, str) and each in known else rules_of([each])
    own = get(recipe, f"optimizer.{rate_place(recipe.optimizer)}")
    found = {}
    for label, rule in named.items():
        if rule.full_batch:
            raise FalllineError(f"rule {label!r} needs all rows at every step: a comparison trains by minibatches")
        if type(rule) is type(recipe.optimizer) and label == recipe.optimizer.name:
            rule = recipe.optimizer  # with the numbers that the recipe gives it
        path = rate_place(rule)
        rate = get(rule, path)
        if isinstance(own, Schedule) and not rule.own_rate and not isinstance(rate, Schedule):
            rule = replace(rule, {path: own.sized(rate)})
        found[label] = replace(recipe, {"optimizer": rule})
    return found


def _by_value(recipe: Recipe, data: Table, vary: str, values: Sequence[Any] | None) -> dict[str, Recipe]:
    if vary.startswith("optimizer.") and vary == f"optimizer.{rate_place(recipe.optimizer)}":
        raise FalllineError("the learning rate is tried in any case: vary another field")
    path = PATHS.get(vary, vary)
    if values is None:
        values = USUAL.get(vary) or values_for(recipe, path)
        if vary == "batch_size":
            values = [each for each in values if each <= len(data.dataset.train)]
    if vary == "schedule":
        return {str(getattr(each, "name", each)): _scheduled(recipe, each) for each in values}
    if "." not in path and path not in vars(recipe):
        raise FalllineError(
            f"{vary!r} cannot be varied: {nearest(vary, ['optimizer', *PATHS])}, or a field such as model.dropout"
        )
    return {
        str(getattr(each, "name", each)): replace(recipe, {path: each})
        if isinstance(each, Block)
        else parse(recipe, path, each)
        for each in values
    }


def _scheduled(recipe: Recipe, schedule: Any) -> Recipe:
    path = f"optimizer.{rate_place(recipe.optimizer)}"
    made: Any = lookup("schedule", schedule)() if isinstance(schedule, str) else schedule
    return replace(recipe, {path: made.sized(rate_of(recipe))})


def rate_of(recipe: Recipe) -> float:
    """The learning rate of a recipe; the size of its schedule if it has one.

    Raises: FalllineError for a rule without a learning rate, or with one that is not above 0.

    >>> rate_of(Recipe())
    0.003
    """
    value = get(recipe, f"optimizer.{rate_place(recipe.optimizer)}")
    rate = value.size if isinstance(value, Schedule) else value
    if not isinstance(rate, int | float) or not 0 < rate < float("inf"):
        raise FalllineError(f"the learning rate {rate!r} has no range around it: expected a number above 0")
    return float(rate)


def rated(recipe: Recipe, rate: float) -> Recipe:
    """The recipe at another learning rate; the shape of its schedule stays the same.

    >>> rated(Recipe(), 0.1).optimizer.learning_rate.peak
    0.1
    """
    path = f"optimizer.{rate_place(recipe.optimizer)}"
    old = get(recipe, path)
    return replace(recipe, {path: old.sized(rate) if isinstance(old, Schedule) else rate})
