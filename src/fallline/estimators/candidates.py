"""The candidates of a search: the arguments to try, and those that a population can train."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid, ParameterSampler

from fallline.core.errors import FalllineError, nearest
from fallline.estimators import settings
from fallline.estimators.base import BaseMLP
from fallline.estimators.regressor import MLPRegressor
from fallline.estimators.types import AnyLoss, Solver
from fallline.optimizers import LBFGS

Strategy = Callable[[Any, int, np.random.RandomState], Sequence[dict[str, Any]]]
_ROWS = ("early_stopping", "validation_fraction", "class_weight", "random_state")  # which rows train, weights and seeds


def random_candidates(
    space: Mapping[str, Any] | Sequence[Mapping[str, Any]], n_iter: int, random: np.random.RandomState
) -> list[dict[str, Any]]:
    """Independent draws from distributions and lists."""
    return list(ParameterSampler(space, n_iter, random_state=random))


def grid_candidates(
    space: Mapping[str, Any] | Sequence[Mapping[str, Any]], n_iter: int, random: np.random.RandomState
) -> list[dict[str, Any]]:
    """Every combination of the values in lists."""
    return list(ParameterGrid(space))


STRATEGIES: Mapping[str, Strategy] = {"random": random_candidates, "grid": grid_candidates}


def candidates_of(
    strategy: object, space: Mapping[str, Any] | Sequence[Mapping[str, Any]], n_iter: int, random: np.random.RandomState
) -> list[dict[str, Any]]:
    """The candidates that a strategy proposes.

    Raises: FalllineError for an unknown strategy, or if there are no candidates.
    """
    known = STRATEGIES.get(strategy) if isinstance(strategy, str) else strategy
    if not callable(known):
        raise FalllineError(
            f"strategy = {strategy!r}: {nearest(str(strategy), STRATEGIES)}, or give a function of the space"
        )
    found = [dict(each) for each in known(space, n_iter, random)]
    if not found:
        raise FalllineError("the space has no candidates: give at least one value per argument")
    return found


def model_of(estimator: BaseMLP, candidate: dict[str, Any]) -> BaseMLP | None:
    """A candidate as an estimator; None if it has to be fitted on its own."""
    try:
        model = clone(estimator).set_params(**clone(candidate, safe=False))
        settings.check_numbers(model)
    except Exception:  # its own fit will raise the same error, and scikit-learn will count it as a failure
        return None
    return model if shares_programs(model) else None


def seeded(models: list[BaseMLP | None], random: np.random.RandomState) -> None:
    """Gives all models without a `random_state` the same one, so that they are compared like with like."""
    without = [model for model in models if model is not None and model.random_state is None]
    if without:
        seed = int(random.randint(2**31 - 1))
        for model in without:
            model.random_state = seed


def shares_programs(model: BaseMLP) -> bool:
    """Whether this estimator can be fitted as a lane of a population."""
    adaptive = isinstance(model.learning_rate, str) and model.learning_rate == "adaptive"
    task = "regression" if isinstance(model, MLPRegressor) else "classification"
    in_python = model.early_stopping and settings.own_monitor(model.scoring, task) is None
    return (
        type(model).fit is BaseMLP.fit
        and model.n_members == 1
        and not adaptive
        and model.callbacks is None
        and not in_python
    )


def alike(candidates: list[dict[str, Any]], models: list[BaseMLP | None]) -> list[list[int]]:
    """Groups candidates, by place, whose folds have the same rows, weights and seed, and the same monitoring."""
    groups: dict[str, list[int]] = {}
    for place, (candidate, model) in enumerate(zip(candidates, models, strict=True)):
        if model is not None:
            own = [candidate.get(name) for name in _ROWS]
            watched = (bool(model.early_stopping), _is_lbfgs(model.solver), model.scoring, _name(model.loss))
            scaled = model.scaler is not None  # X may be converted to a unit that float32 holds only if all scale it
            encoded = model.encoding is not None
            groups.setdefault(repr((own, watched, scaled, encoded)), []).append(place)
    return list(groups.values())


def _is_lbfgs(solver: Solver) -> bool:
    return isinstance(solver, LBFGS) or (isinstance(solver, str) and solver == "lbfgs")


def _name(loss: AnyLoss) -> str:
    return loss if isinstance(loss, str) else type(loss).__name__
