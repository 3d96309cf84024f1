"""Ensembles: several networks with different seeds, trained as one population."""

from typing import Any

import numpy as np
from sklearn.base import clone

from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.tensors import flatten
from fallline.ensembles.lanes import EnsembleJob, MemberLane
from fallline.estimators import settings
from fallline.estimators.batch import table_of
from fallline.estimators.fitting import RECORDED, FitResult
from fallline.estimators.rows import Rows
from fallline.estimators.types import Estimator
from fallline.training.recipe import Recipe

LEARNT = (
    "classes_",
    "_several",
    "_width",
    "n_features_in_",
    "feature_names_in_",
    "_schema",
    "_columns",
    "_units",
    "_target",
    "_distinct",
    "_dtype",
)


def fit_members(estimator: Estimator, rows: Rows, random: np.random.RandomState) -> list[Any]:
    """The members of an ensemble, as fitted estimators.

    Raises: FalllineError for arguments that a population does not support, or if a network diverges.
    """
    _refuse(estimator)
    recipe = settings.recipe_of(estimator, task=estimator._task, targets=estimator._targets, rows=len(rows.train))
    seeds = random.randint(2**31 - 1, size=estimator.n_members)
    table = table_of(estimator._described(), rows, estimator._n_classes)
    job = EnsembleJob(recipe, table, seeds.tolist(), None, RECORDED)
    job.run()
    return [member_of(estimator, job.recipe, lane, len(rows.train)) for lane in job.lanes()]


def member_of(estimator: Estimator, recipe: Recipe, lane: MemberLane, count: int) -> Any:
    """One lane of an ensemble as a fitted estimator.

    Raises: FalllineError for a lane that has diverged.
    """
    state, seen = lane.state, lane.seen
    if seen is None or Outcome(int(state.outcome)) is Outcome.DIVERGED:
        raise FalllineError("a network of the population diverged: lower learning_rate_init, or scale X")
    member = clone(estimator)
    if member.n_members > 1:
        member.set_params(n_members=1)
    for name in LEARNT:
        if hasattr(estimator, name):
            setattr(member, name, getattr(estimator, name))
    kept = {
        "params": state.best_params,
        "stats": state.best_stats,
        "scaling": state.scaling,
        "target_scaling": state.target_scaling,
    }
    member._adopt(FitResult(recipe, kept["params"], flatten(kept)))
    epochs = len(seen["train_objective"])
    member.n_iter_, member.t_ = epochs, count * epochs
    member.loss_curve_ = seen["train_objective"].astype(float).tolist()
    member.loss_ = member.loss_curve_[-1]
    return member


def _refuse(estimator: Estimator) -> None:
    one_by_one = estimator.warm_start or estimator.callbacks is not None or estimator.learning_rate == "adaptive"
    if one_by_one or (estimator.early_stopping and settings.own_monitor(estimator.scoring, estimator._task) is None):
        raise FalllineError(
            f"n_members = {estimator.n_members} are trained in one program, which knows no warm_start, callbacks, "
            "learning_rate='adaptive' or scorers but 'loss': leave those out, or set n_members=1"
        )
