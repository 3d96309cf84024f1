"""The units in which an estimator's run sees X and y: their own, unless float32 would lose them."""

from typing import Any

import numpy as np

from fallline.data.schema_fitting import array_schema
from fallline.data.target import Target
from fallline.data.units import Unit
from fallline.estimators.custom import CustomLoss
from fallline.estimators.inputs import dense
from fallline.estimators.settings import loss_of, scaler_of
from fallline.estimators.types import AnyLoss, AnyRows, AnyScaler
from fallline.scalers import Unscaled

MOST = 2.0**24  # without a target scaler, the squares of larger targets make a run diverge


def learn_units(X: AnyRows, scaler: AnyScaler) -> tuple[Unit, ...] | None:
    """The unit of every column of checked rows; None if all keep their own, or if there is no scaler.

    Without a scaler the unit is the user's choice, as in scikit-learn; a scaler makes the result independent of it.
    """
    if isinstance(scaler_of(scaler), Unscaled):
        return None
    x = dense(X)
    names = tuple(f"x{place}" for place in range(x.shape[1]))
    units = tuple(each.unit for each in array_schema(x, names, Target(("y",), "regression"), np.arange(len(x))).columns)
    return None if all(unit.own for unit in units) else units


def in_units(X: AnyRows, units: tuple[Unit, ...] | None) -> Any:
    """Converts checked rows to these units, in float64; without units, the rows are returned as they are."""
    if units is None:
        return X
    x = dense(X).astype(np.float64)
    for place, unit in enumerate(units):
        if not unit.own:
            x[:, place] = unit.apply(x[:, place])
    return x


def target_in_unit(y: np.ndarray, target: Target, loss: AnyLoss) -> Target:
    """A regression's target in a unit in which float32 can hold and square it, if the loss permits.

    A loss with a least target of 0 keeps the zero; with another least target, or a user's function as loss, the target
    keeps its own unit.
    """
    known = loss_of(loss, target.task, len(target.names))
    fitted = target.fitted(y, highest=MOST)
    if not fitted.conditioned or isinstance(known, CustomLoss) or known.least_target not in (0.0, -np.inf):
        return target
    return fitted if known.least_target == -np.inf else fitted.unshifted()
