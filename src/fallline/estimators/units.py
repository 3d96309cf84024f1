"""In which units does an estimator's run see X and y? In others than their own only where float32 would lose them."""

from typing import Any

import numpy as np

from fallline.data.schema import array_schema
from fallline.data.target import Target
from fallline.data.units import Unit
from fallline.estimators.custom import CustomLoss
from fallline.estimators.inputs import dense
from fallline.estimators.settings import loss_of, scaler_of
from fallline.scalers import Unscaled

MOST = 2.0**24  # without a scaler on the target, squares of larger ones end a run as diverged


def learn_units(X: Any, scaler: Any) -> tuple[Unit, ...] | None:
    """The unit of every column of checked rows; None where all are their own, or where no scaler takes units away.

    Without a scaler the unit is the user's choice, as in scikit-learn.
    """
    if isinstance(scaler_of(scaler), Unscaled):
        return None
    x = dense(X)
    names = tuple(f"x{place}" for place in range(x.shape[1]))
    units = tuple(each.unit for each in array_schema(x, names, Target(("y",), "regression"), np.arange(len(x))).columns)
    return None if all(unit.own for unit in units) else units


def in_units(X: Any, units: tuple[Unit, ...] | None) -> Any:
    """Checked rows in these units, in float64; without any, the rows themselves."""
    if units is None:
        return X
    x = dense(X).astype(np.float64)
    for place, unit in enumerate(units):
        if not unit.own:
            x[:, place] = unit.apply(x[:, place])
    return x


def target_in_unit(y: np.ndarray, target: Target, loss: Any) -> Target:
    """A regression's target in the unit in which float32 can hold and square it, as far as the loss lets it.

    A loss with a least target keeps its zero; a function of the user's keeps its unit.
    """
    known = loss_of(loss, target.task, len(target.names))
    fitted = target.fitted(y, highest=MOST)
    if not fitted.conditioned or isinstance(known, CustomLoss) or known.least_target not in (0.0, -np.inf):
        return target
    return fitted if known.least_target == -np.inf else fitted.unshifted()
