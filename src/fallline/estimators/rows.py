"""The rows of one fit, split into training and validation; the user's own validation rows are appended."""

import dataclasses

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import _check_sample_weight

from fallline.core.errors import FalllineError
from fallline.estimators.inputs import given, to_float32
from fallline.estimators.types import Estimator, HeldOut, Targets
from fallline.estimators.units import in_units


@dataclasses.dataclass(frozen=True)
class Rows:
    """The data that one fit reads.

    Arguments:
        x: float32 (rows, features).
        target: the target as a run sees it.
        weight: (rows,) or None.
        train, valid: index sets.
        y_valid: the validation rows' targets as given by the user, for a scorer.
    """

    x: np.ndarray
    target: np.ndarray
    weight: np.ndarray | None
    train: np.ndarray
    valid: np.ndarray
    y_valid: np.ndarray


def rows_of(
    estimator: Estimator,
    x: np.ndarray,
    y: Targets,
    target: np.ndarray,
    weight: np.ndarray | None,
    held_out: HeldOut,
    random: np.random.RandomState,
) -> Rows:
    """The rows, split by the estimator's arguments; drawn as in scikit-learn, so that a seed gives the same split.

    Raises: FalllineError for a validation set too small to score.
    """
    everything, none = np.arange(len(x)), np.zeros(0, int)
    if held_out is not None:
        return _with(estimator, x, target, weight, held_out)
    if not estimator.early_stopping:
        return Rows(x, target, weight, everything, none, np.zeros(0))
    binary = estimator._task == "classification" and estimator._targets == 2
    train, valid = train_test_split(
        everything,
        random_state=random,
        test_size=estimator.validation_fraction,
        stratify=target if binary else None,
    )
    _demand_weight(weight, valid)
    if len(valid) < 2:
        raise FalllineError(
            f"The validation set is too small: validation_fraction = {estimator.validation_fraction} of {len(x)} rows is "
            f"{len(valid)}; raise it, or give X_val and y_val"
        )
    return Rows(x, target, weight, train, valid, np.asarray(y)[valid])


def _demand_weight(weight: np.ndarray | None, valid: np.ndarray) -> None:
    """Raises: FalllineError if every validation row has the weight 0."""
    if weight is not None and len(valid) and not weight[valid].any():
        raise FalllineError(
            "every validation row has the weight 0, so early stopping has nothing to watch: give some of them a weight"
        )


def _with(
    estimator: Estimator, x: np.ndarray, target: np.ndarray, weight: np.ndarray | None, held_out: HeldOut
) -> Rows:
    """Appends the user's validation rows to the training rows."""
    assert held_out is not None
    X_val, y_val, weight_val = held_out
    X_val, y_val = estimator._check(given(X_val), y_val, reset=False)
    more = to_float32(in_units(X_val, estimator._units), estimator._schema)
    if weight is not None or weight_val is not None:
        own = np.ones(len(x)) if weight is None else weight
        weight = np.concatenate([own, _check_sample_weight(weight_val, more, ensure_non_negative=True)])
    _demand_weight(weight, np.arange(len(x), len(x) + len(more)))
    own_target = estimator._encode_target(y_val, first=False, incremental=True)
    both, count = np.concatenate([x, more]), len(x)
    return Rows(
        both, np.concatenate([target, own_target]), weight, np.arange(count), np.arange(count, len(both)), y_val
    )
