"""Our dimensions and trials in Optuna's words: what the sampler and the export of a study share."""

from types import ModuleType
from typing import Any

from fallline.core.errors import FalllineError
from fallline.distributions import Integer, LogInteger, LogNormal, LogUniform, Quantised, Uniform
from fallline.searching.space import Dimension, shown_value


def optuna() -> ModuleType:
    """Optuna, if it is installed.

    Raises: FalllineError naming the extra.
    """
    try:
        import optuna
    except ImportError:
        raise FalllineError('Optuna is not installed: pip install "fallline[optuna]"') from None
    return optuna


def of_values(dimension: Dimension) -> Any:
    """Optuna's distribution of a dimension's values.

    A normal one becomes the range that it reaches; so does a rounded one whose values Optuna cannot count.
    """
    kinds, ours = optuna().distributions, dimension.distribution
    if dimension.categorical:
        count = ours.count or 1
        return kinds.CategoricalDistribution([_option(shown_value(dimension, (k + 0.5) / count)) for k in range(count)])
    low, high = ours.reached()
    if isinstance(ours, Integer | LogInteger):
        return kinds.IntDistribution(int(low), int(high), log=isinstance(ours, LogInteger))
    if isinstance(ours, Quantised) and isinstance(ours.distribution, Uniform):
        if float(ours.step).is_integer():
            return kinds.IntDistribution(int(low), int(high), step=int(ours.step))
        return kinds.FloatDistribution(low, high, step=ours.step)
    inner = ours.distribution if isinstance(ours, Quantised) else ours
    return kinds.FloatDistribution(low, high, log=low > 0 and isinstance(inner, LogUniform | LogNormal))


def of_value(dimension: Dimension, value: Any) -> Any:
    """A dimension's value as Optuna keeps it: words for tuples."""
    return _option(value) if dimension.categorical else value


def _option(value: Any) -> Any:
    return value if isinstance(value, None | bool | int | float | str) else str(value)
