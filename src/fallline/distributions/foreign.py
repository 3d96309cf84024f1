"""Conversion of other libraries' distributions: lists, scipy.stats objects, Optuna and hyperopt."""

from typing import Any

from fallline.core.distribution import Distribution
from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogInteger, LogUniform, Normal, Quantised, Uniform
from fallline.distributions.expressions import choice_of, of_expression


def converted(value: object, path: str = "value") -> Any:
    """Convert another library's distribution; a list becomes a choice, and any other value stays as it is.

    A dictionary is a block in the form of a recipe file. A choice among dictionaries stays a dictionary too, until the
    field it is set in determines the family.

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
        # The range extends half a step beyond the ends, so that the first and the last value are as likely as the others.
        half = 0.4999 * value.step
        return Quantised(Uniform(value.low - half, value.high + half), value.step)
    raise FalllineError(f"{path} = {value!r} has no counterpart here: expected one whose low is a multiple of its step")
