"""Fine-tuning of a trained model's last layer by a metric without a gradient."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.blackbox.minimize import minimize
from fallline.blackbox.optimum import Optimum
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError, nearest
from fallline.data.table import Table
from fallline.methods import ARS, Method
from fallline.metrics import metric as metric_of
from fallline.schedules import Cosine
from fallline.training.arrays import to_device
from fallline.training.ensemble import Ensemble
from fallline.training.evaluation import evaluate_splits
from fallline.training.predictor import Predictor
from fallline.training.validation import forward, measured

SPLITS = ("train", "valid", "test")
USUAL = ARS(step=Cosine(0.05), noise=0.05, directions=16)


@dataclasses.dataclass(frozen=True)
class Polished:
    """A model fine-tuned by a metric.

    Arguments:
        model: the model with new numbers in the tuned layers.
        before: every metric of every split that has rows, for the original model: `before["test"]["f1"]`.
        after: the same metrics for the new model.
        optimum: the result of the search.
    """

    model: Predictor
    before: dict[str, dict[str, float]]
    after: dict[str, dict[str, float]]
    optimum: Optimum


def polish(
    model: Predictor,
    data: Table,
    metric: str,
    *,
    method: Method = USUAL,
    rows: str = "valid",
    layers: Sequence[str] | None = None,
    evaluations: int = 5_000,
    seed: int = 0,
) -> Polished:
    """Tune a trained model's last layer to optimise a metric, without gradients.

        w = w0 + s z,  s = the root mean square of each array of w0 (of the layer, where an array is zero);  z from 0

    Training minimises a loss, which is only a proxy for a metric such as F1, balanced accuracy or AUC. Once the network is
    close to a good solution, tuning a few numbers on the metric itself can still improve it.

    The metric never gets worse on the `rows` used, and it is no longer an unbiased estimate there, because the search has
    fitted them. Only unused rows, the test rows, show whether anything was gained. Few rows are quickly overfitted: prefer
    the last layer to all layers, and use some hundreds of rows or more.

    Arguments:
        model: a model from a run or a file.
        data: the table with its split.
        metric: accuracy, balanced_accuracy, f1, auc; rmse, mae, r2.
        method: gradient-free method; a step or noise of 0.05 is a twentieth of the weights' size.
        rows: valid or train.
        layers: the layers to tune, such as `("dense_2",)`; default: the last layer with params.
        evaluations: maximum number of evaluations of the metric.
        seed: seed of the method's directions.

    Raises: FalllineError for an ensemble, and for a metric, rows or layers that do not exist.
    """
    if isinstance(model, Ensemble):
        raise FalllineError(
            "an ensemble has no params of its own to polish: give one of its networks, model.members[0]"
        )
    known = metric_of(metric, model.task)
    moved = _layers(model, layers)
    chosen = _rows(data, rows, metric)
    target = model.schema.target
    units = to_device(dataclasses.replace(data.dataset, x=data.dataset.x[:1], factor=target.factor))
    x, y = jnp.asarray(data.dataset.x[chosen]), jnp.asarray(target.condition(data.dataset.given[chosen]))
    weight = jnp.ones(len(chosen)) if data.dataset.weight is None else jnp.asarray(data.dataset.weight[chosen])
    recipe = as_arrays(model.recipe)
    start = {name: model.arrays["params"][name] for name in moved}
    scale = _scales(start)

    def params(z: Array) -> Any:
        return {**model.arrays["params"], **jax.tree.map(lambda w, s, z: w + s * z, start, scale, z)}

    def objective(z: Array) -> Float[Array, ""]:
        assert recipe.loss is not None
        network = recipe.network(recipe.loss.outputs(model.outputs, model.task))
        answer = recipe.loss.mean(
            forward(recipe, network, params(z), model.arrays["stats"], model.arrays["scaling"], x)
        )
        if recipe.target_scaler is not None:
            answer = recipe.target_scaler.invert(model.arrays["target_scaling"], answer)
        value = measured(known, units, answer, y, weight)
        return value * units.scale if known.in_unit and units.scale is not None else value

    nowhere = jax.tree.map(lambda w: np.zeros(w.shape, np.float32), start)
    found = minimize(objective, nowhere, method, maximize=known.larger_is_better, evaluations=evaluations, seed=seed)
    arrays = {**model.arrays, "params": jax.tree.map(np.asarray, params(found.point))}
    new = dataclasses.replace(model, arrays=arrays)
    return Polished(new, evaluate_splits(model, data), evaluate_splits(new, data), found)


def _rows(data: Table, rows: str, metric: str) -> Int[np.ndarray, " rows"]:
    """The numbers of the rows to measure a metric on."""
    chosen: np.ndarray | None = getattr(data.dataset, rows) if rows in SPLITS[:2] else None
    if chosen is None:
        raise FalllineError(f"rows = {rows!r} cannot be used: expected valid or train (test rows are there to judge)")
    if not len(chosen):
        raise FalllineError(
            f"the table has no {rows} rows to measure {metric} on: give rows='train', or split it otherwise"
        )
    return chosen


def _layers(model: Predictor, layers: Sequence[str] | None) -> tuple[str, ...]:
    known = [name for name, layer in model.arrays["params"].items() if jax.tree.leaves(layer)]
    if layers is None:
        return (known[-1],)
    for name in layers:
        if name not in known:
            raise FalllineError(f"the model has no layer {name!r} with params: {nearest(name, known)}")
    return tuple(layers)


def _scales(layers: dict[str, Any]) -> dict[str, Any]:
    """The root mean square of each array; for an array of zeros, that of its layer."""

    def size(leaves: list[np.ndarray]) -> float:
        found: float = np.sqrt(sum(np.sum(w**2) for w in leaves) / max(1, sum(w.size for w in leaves)))
        return found

    found = {}
    for name, layer in layers.items():
        whole = float(size(jax.tree.leaves(layer))) or 1.0
        found[name] = jax.tree.map(lambda w, whole=whole: np.float32(size([w]) or whole), layer)
    return found
