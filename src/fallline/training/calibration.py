"""Temperature scaling: after training, one number that makes the probabilities of a classification as sure as they should be."""

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from fallline.core.block import as_arrays
from fallline.data.table import Table
from fallline.losses import Tempered
from fallline.training.arrays import scored_rows
from fallline.training.validation import TILE, forward

if TYPE_CHECKING:
    from fallline.training.predictor import Predictor
    from fallline.training.recipe import Recipe

BOUNDS = (0.05, 20.0)  # temperatures that are tried


@dataclasses.dataclass(frozen=True)
class Calibration:
    """A temperature and what it changed.

    Arguments:
        temperature: by which the outputs are divided; above 1 the network was too sure of itself.
        before, after: log loss of every split that has rows, without and with the temperature.
        rows: validation rows to which it was fitted.
    """

    temperature: float
    before: dict[str, float]
    after: dict[str, float]
    rows: int

    @property
    def sentence(self) -> str:
        """The temperature and the log loss that it changed, on test rows if there are any.

        >>> Calibration(1.8, {"valid": 0.6, "test": 0.58}, {"valid": 0.5, "test": 0.49}, 54).sentence
        'temperature 1.80, fitted to 54 validation rows: the log loss of the test rows is 0.4900 (0.5800 without it)'
        """
        split = "test" if "test" in self.after else "valid"
        name = {"test": "test", "valid": "validation"}[split]
        return (
            f"temperature {self.temperature:.2f}, fitted to {self.rows:,} validation rows: the log loss of the {name} rows "
            f"is {self.after[split]:.4f} ({self.before[split]:.4f} without it)"
        )

    def to_plain(self) -> dict[str, Any]:
        """The entry `calibration` of a run's summary."""
        return {"temperature": self.temperature, "rows": self.rows, "before": self.before, "after": self.after}


def temper(model: "Predictor", table: Table) -> tuple["Predictor", Calibration] | None:
    """The model with its temperature, fitted to the validation rows; None without validation rows.

    The new model's loss is `Tempered`, so that predictions, exports and files need nothing else. Its class answers stay.
    """
    data, loss = table.dataset, model.recipe.loss
    rows = scored_rows(data, data.valid)
    if not len(rows) or loss is None:
        return None
    weight = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    found = best_temperature(outputs_of(model, data.x[rows]), data.y[rows], weight)
    tempered = dataclasses.replace(model, recipe=dataclasses.replace(model.recipe, loss=Tempered(loss, found)))
    splits = {name: scored_rows(data, getattr(data, name)) for name in ("train", "valid", "test")}
    splits = {name: each for name, each in splits.items() if len(each)}
    before, after = (
        {name: _log_loss(each, table, chosen) for name, chosen in splits.items()} for each in (model, tempered)
    )
    return tempered, Calibration(found, before, after, len(rows))


def best_temperature(z: Float[np.ndarray, "rows outputs"], y: np.ndarray, weight: Float[np.ndarray, " rows"]) -> float:
    """The temperature that minimises the log loss of some rows, and a weak prior against sureness from few rows.

        T = argmin  sum_i w_i l(z_i / T, y_i) + (log T)^2 / 2,   0.05 <= T <= 20

    Where all rows are right the log loss alone has no minimum: it falls as T approaches 0. The prior is that of one rows'
    worth of evidence. The sum is convex in 1 / T for every w.

    >>> z = np.repeat([[2.0, 0.0]], 100, axis=0)
    >>> round(best_temperature(z, np.arange(100) % 4 == 0, np.ones(100)), 1)  # a share of 3/4: 2 / ln 3 = 1.82
    1.8
    """

    def cost(log_T: float) -> float:
        return float(weight @ negative_log(z / np.exp(log_T), y) + 0.5 * log_T**2)

    from scipy.optimize import minimize_scalar  # here: it takes 0.3 s to import

    low, high = np.log(BOUNDS)
    found = minimize_scalar(cost, bounds=(float(low), float(high)), method="bounded", options={"xatol": 1e-6})
    best = float(found.x) if found.fun <= cost(0.0) else 0.0
    return float(np.exp(best))


def negative_log(z: Float[np.ndarray, "rows outputs"], y: np.ndarray) -> Float[np.ndarray, " rows"]:
    """-log of the probability of the classes or labels, in float64, from one output, an output per class or per label."""
    from scipy.special import logsumexp

    z = np.asarray(z, np.float64)
    if y.ndim == 1 and z.shape[1] > 1:
        return np.asarray(logsumexp(z, axis=1) - z[np.arange(len(z)), y.astype(int)])
    labels = np.asarray(y, np.float64).reshape(z.shape)
    return np.asarray((np.logaddexp(0.0, z) - labels * z).sum(axis=1))


def outputs_of(model: "Predictor", x: Float[np.ndarray, "rows features"]) -> Float[np.ndarray, "rows outputs"]:
    """The network's outputs for encoded rows."""
    recipe = as_arrays(model.recipe)
    parts = [np.asarray(_outputs(model.task, model.outputs, recipe, model.arrays, x[at : at + TILE]))
             for at in range(0, len(x), TILE)]  # fmt: skip
    return np.concatenate(parts)


def _outputs(task: str, outputs: int, recipe: "Recipe", arrays: dict[str, Any], x: np.ndarray) -> Any:
    return _jitted(task, outputs, recipe, arrays, np.pad(x, ((0, TILE - len(x)), (0, 0))))[: len(x)]


@functools.partial(jax.jit, static_argnums=(0, 1))
def _jitted(task: str, outputs: int, recipe: "Recipe", arrays: dict[str, Any], x: Any) -> Any:
    assert recipe.loss is not None
    network = recipe.network(recipe.loss.outputs(outputs, task))
    return forward(recipe, network, arrays["params"], arrays["stats"], arrays["scaling"], x)


def _log_loss(model: "Predictor", table: Table, rows: np.ndarray) -> float:
    data = table.dataset
    weight = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    temperature = model.recipe.loss.temperature if isinstance(model.recipe.loss, Tempered) else 1.0
    each = negative_log(outputs_of(model, data.x[rows]) / temperature, data.y[rows])
    return float(weight @ each / weight.sum())


def calibrated(model: "Predictor", table: Table) -> tuple["Predictor", Calibration | None, list[str]]:
    """The model with the temperature that its recipe asks for, what was fitted, and a sentence if it cannot be."""
    if model.recipe.calibrate != "temperature":
        return model, None, []
    tempered = temper(model, table)
    if tempered is None:
        return model, None, ["there are no validation rows to fit a temperature to: the probabilities are as trained"]
    return *tempered, []
