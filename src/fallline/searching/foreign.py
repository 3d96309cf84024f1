"""Spaces that people bring: lists and scipy.stats objects as in scikit-learn, Optuna's distributions, hyperopt's expressions."""

from collections.abc import Mapping
from typing import Any

from fallline.core.block import replace
from fallline.core.distribution import Distribution
from fallline.core.errors import FalllineError
from fallline.core.plain import parse
from fallline.distributions import Choice, Integer, LogInteger, LogUniform, Normal, Quantised, Uniform
from fallline.searching.expressions import choice_of, of_expression
from fallline.searching.space import Space


def space_from(recipe: Any, values: Mapping[str, Any]) -> Space:
    """The space of a recipe in which dotted paths hold lists, distributions of ours, of scipy.stats, Optuna or hyperopt.

    An option may be a block as in a recipe file: `{"name": "sgd", "learning_rate": hp.loguniform("rate", -9, 0)}`. Whatever
    the source, a search answers with values, never with the index of an option.

    Raises: FalllineError naming the path, for a distribution that has no counterpart here.

    >>> from scipy import stats
    >>> from fallline.optimizers import Adam
    >>> space_from(Adam(), {"learning_rate": stats.loguniform(1e-4, 1e-1), "beta1": [0.9, 0.95]}).dimensions[0].distribution
    LogUniform(low=0.0001, high=0.1)
    """
    for path, value in values.items():
        ours = converted(value, path)
        recipe = parse(recipe, path, ours) if isinstance(ours, dict) else replace(recipe, {path: ours})
    return Space(recipe)


def converted(value: Any, path: str = "value") -> Any:
    """One of our distributions for another library's; a list is a choice; any other value is fixed.

    A dictionary is a block as in a recipe file; a choice among such is one, too, until its place says of which family.

    Raises: FalllineError for a distribution that has no counterpart.
    """
    if isinstance(value, Distribution):
        return value
    if isinstance(value, list):
        return choice_of([converted(each, path) for each in value])
    if isinstance(value, tuple):
        return tuple(converted(each, path) for each in value)
    if isinstance(value, dict):
        return {name: converted(each, f"{path}.{name}") for name, each in value.items()}
    home = type(value).__module__.partition(".")[0]
    if home == "scipy":
        return _of_scipy(value, path)
    if home == "optuna":
        return _of_optuna(value, path)
    if home == "hyperopt":
        return of_expression(value, path)
    return value


def _of_scipy(value: Any, path: str) -> Distribution:
    name = getattr(getattr(value, "dist", None), "name", type(value).__name__)
    if name in ("uniform", "loguniform", "reciprocal"):
        low, high = (float(each) for each in value.support())
        return Uniform(low, high) if name == "uniform" else LogUniform(low, high)
    if name == "randint":
        low, high = value.support()
        return Integer(int(low), int(high))
    if name == "norm":
        return Normal(float(value.mean()), float(value.std()))
    raise FalllineError(
        f"{path} = scipy.stats.{name} has no counterpart: expected uniform, loguniform, randint, norm or a list of values"
    )


def _of_optuna(value: Any, path: str) -> Distribution:
    name = type(value).__name__
    if name == "CategoricalDistribution":
        return Choice(tuple(value.choices))
    if name == "FloatDistribution" and value.step is None:
        return (LogUniform if value.log else Uniform)(value.low, value.high)
    if name == "IntDistribution" and value.step == 1:
        return (LogInteger if value.log else Integer)(value.low, value.high)
    if name in ("FloatDistribution", "IntDistribution") and (value.low / value.step).is_integer():
        # Half a step beyond the ends, so that the first and the last value are as likely as the others.
        half = 0.4999 * value.step
        return Quantised(Uniform(value.low - half, value.high + half), value.step)
    raise FalllineError(f"{path} = {value!r} has no counterpart here: expected one whose low is a multiple of its step")
