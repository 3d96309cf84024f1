"""Export a study to Optuna, for its dashboard, its plots, or to continue it there."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.distributions import Integer, LogInteger, LogNormal, LogUniform, Quantised, Uniform
from fallline.searching.trial import Trial
from fallline.strategies.dimension import Dimension, shown_value
from fallline.strategies.optuna_study import optuna
from fallline.strategies.space import Space


def to_optuna(
    space: Space, trials: Sequence[Trial], sign: float, storage: object = None, name: str | None = None
) -> Any:
    """Convert the completed trials to an Optuna study.

    Parameters are the values of the hyperparameters under the same names; parameters of an option that was not chosen are
    left out. The value is the monitored value itself, so an accuracy is maximised. A trial stopped by halving is pruned and
    has the value of its last epoch; scores at halving's rungs are intermediate values. A diverged trial has failed. Outcome,
    standard error, epochs, seconds and metrics are user attributes.

    Arguments:
        space: the space that was searched.
        trials: the completed trials.
        sign: -1 if larger is better for the monitored value.
        storage: Optuna's storage, such as "sqlite:///optuna.db"; None: in memory.
        name: name of the Optuna study.

    Raises: FalllineError where Optuna is not installed.
    """
    library = optuna()
    states = library.trial.TrialState
    kinds = {each.name: of_values(each) for each in space.dimensions}
    dimensions = {each.name: each for each in space.dimensions}
    made = library.create_study(storage=storage, study_name=name, direction="maximize" if sign < 0 else "minimize")
    kept = []
    for each in trials:
        finite = np.isfinite(each.score)
        state = states.FAIL if not finite else states.PRUNED if each.outcome == "pruned" else states.COMPLETE
        last = {int(each.epochs): sign * each.score} if state == states.PRUNED else {}
        attributes = {"outcome": each.outcome, "error": each.error, "epochs": each.epochs, "seconds": each.seconds}
        kept.append(
            library.trial.create_trial(
                params={key: of_value(dimensions[key], value) for key, value in each.values.items()},
                distributions={key: kinds[key] for key in each.values},
                value=sign * each.score if state == states.COMPLETE else None,
                state=state,
                intermediate_values={epoch: sign * score for epoch, score in each.rungs.items()} | last,
                user_attrs={"trial": each.number, **attributes, **each.columns},
            )
        )
    made.add_trials(kept)
    return made


def of_values(dimension: Dimension) -> Any:
    """The Optuna distribution of a dimension's values.

    A normal distribution becomes the range that it reaches; so does a rounded one whose values Optuna cannot count.
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


def of_value(dimension: Dimension, value: object) -> Any:
    """A dimension's value in the form that Optuna stores; tuples become text."""
    return _option(value) if dimension.categorical else value


def _option(value: object) -> Any:
    return value if isinstance(value, None | bool | int | float | str) else str(value)
