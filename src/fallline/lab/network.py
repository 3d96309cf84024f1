"""A trained network on fixed rows: its loss and its metric at any weights, in prediction mode."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.tree import Tree
from fallline.doctor.case import Case
from fallline.layers import Dense, LayerCall, Sequential
from fallline.metrics import metrics_of
from fallline.training.class_weights import weighed
from fallline.training.ensemble import Ensemble
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe
from fallline.training.validation import answering

CELLS = 32_000  # most numbers of a block of points: rows of a tile x units of the widest layer x points
TILE = 250  # rows of a tile: its sums stay in the processor's cache while all points pass


@dataclasses.dataclass(frozen=True)
class NetworkOnRows:
    """A trained network with the rows on which it is looked at.

    Arguments:
        model: the trained model.
        weights: its `params` and `stats` as nested dicts.
        x: the rows as its first layer sees them.
        y: the targets as the loss sees them.
        given: the targets as the metric sees them.
        weight: the weight of each row; they sum to 1.
        units: what an error is multiplied by for the target's own unit, by target.
        split: the split that the rows come from.
    """

    model: Predictor
    weights: Tree
    x: Float[np.ndarray, "rows inputs"]
    y: np.ndarray
    given: np.ndarray
    weight: Float[np.ndarray, " rows"]
    units: Float[np.ndarray, " targets"]
    split: str

    @property
    def metric(self) -> str:
        """The name of the task's first metric: accuracy, or rmse."""
        return metrics_of(self.model.task)[0].name

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The parts of the recipe that an answer depends on, with numbers as arrays."""
        found: Recipe = as_arrays(answering(self.model.recipe))
        return found

    @functools.cached_property
    def layers(self) -> Sequential:
        """The network's layers."""
        return _layers(self.model.recipe, self.model.task, self.model.outputs)

    def few(self, most: int) -> "NetworkOnRows":
        """The network on evenly spaced rows, of which there are at most so many."""
        if len(self.x) <= most:
            return self
        chosen = np.unique(np.linspace(0, len(self.x) - 1, most).astype(int))
        weight = self.weight[chosen] / self.weight[chosen].sum()
        return dataclasses.replace(
            self, x=self.x[chosen], y=self.y[chosen], given=self.given[chosen], weight=weight.astype(np.float32)
        )

    def measure(
        self, origin: Tree, axes: tuple[Tree, ...], points: Float[np.ndarray, "points axes"]
    ) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
        """The loss and the metric at origin + sum_i points_i axes_i, for every point.

        Arguments:
            origin: `params` and `stats`.
            axes: directions of the same form, one or more.
            points: coordinates along the axes, a row per point.
        """
        losses, scores = np.zeros(len(points)), np.zeros(len(points))
        tile = min(TILE, len(self.x))
        widest = max([1, *(after for _, _, _, after in self.layers.walk(self.x.shape[1]))])
        block = max(1, min(len(points), CELLS // (tile * widest)))
        padded = np.resize(points, (-(-len(points) // block) * block, points.shape[1])).astype(np.float32)
        for begin in range(0, len(self.x), tile):
            rows = slice(begin, begin + tile)
            x, y, given, weight = (_filled(each[rows], tile) for each in (self.x, self.y, self.given, self.weight))
            kind = (self.model.task, self.model.outputs, block)
            loss, score = _sums(
                *kind, self.recipe, origin, axes, padded, x, y, given, weight, self.units,
                self.model.arrays["target_scaling"],
            )  # fmt: skip
            losses += np.asarray(loss, np.float64)[: len(points)]
            scores += np.asarray(score, np.float64)[: len(points)]
        return losses, np.sqrt(scores) if self.model.task == "regression" else scores


def network_on(case: Case, split: str = "train", rows: int = 10_000) -> NetworkOnRows:
    """A run's network on rows of a split: at most so many, evenly spaced.

    Raises: FalllineError for a run that has learnt nothing, an ensemble, and for a split without rows.
    """
    if case.model is None:
        raise FalllineError("the run diverged before it learnt anything: there is no network to look at")
    if isinstance(case.model, Ensemble):
        raise FalllineError(
            "an ensemble has a landscape for each of its members: train one network, without members or bag"
        )
    data = weighed(case.data, case.recipe).dataset
    chosen = {"train": data.train, "valid": data.valid, "test": data.test}.get(split)
    if chosen is None:
        raise FalllineError(f"split = {split!r} is unknown: expected train, valid or test")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise FalllineError(f"rows = {rows!r} is not a number of rows: expected 1 or more")
    if not len(chosen):
        raise FalllineError(f"the {split} split has no rows: choose another")
    if len(chosen) > rows:
        chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, rows).astype(int))]
    model = case.model
    weight = np.ones(len(chosen)) if data.weight is None else np.asarray(data.weight[chosen], np.float64)
    if not weight.sum() > 0:
        raise FalllineError(f"all chosen rows of the {split} split have the weight 0: choose another split")
    given = data.y[chosen]
    scaler = model.recipe.target_scaler
    y = given if scaler is None else np.asarray(scaler.apply(model.arrays["target_scaling"], jnp.asarray(given)))
    x = np.asarray(model.recipe.inputs.apply(model.arrays["scaling"], jnp.asarray(data.x[chosen])))
    units = 1.0 / np.asarray(data.factor or (1.0,), np.float64)
    weights = {"params": model.arrays["params"], "stats": seen(model.arrays["stats"])}
    share = (weight / weight.sum()).astype(np.float32)
    return NetworkOnRows(model, weights, x, y, given, share, units.astype(np.float32), split)


def seen(stats: Tree) -> Tree:
    """Running statistics as averages, so that they can be interpolated: those of batch normalisation are sums with a count."""
    found = {}
    for name, own in stats.items():
        if {"mean", "variance", "seen"} <= own.keys() and float(own["seen"]) > 0:
            count = np.asarray(own["seen"])
            own = {**own, "mean": own["mean"] / count, "variance": own["variance"] / count, "seen": np.ones_like(count)}
        found[name] = own
    return found


def _filled(rows: np.ndarray, count: int) -> np.ndarray:
    return (
        rows
        if len(rows) == count
        else np.concatenate([rows, np.zeros((count - len(rows), *rows.shape[1:]), rows.dtype)])
    )


def _layers(recipe: Recipe, task: str, outputs: int) -> Sequential:
    assert recipe.loss is not None
    return recipe.network(recipe.loss.outputs(outputs, task))


def loss_at(
    task: str, outputs: int, recipe: Recipe, params: Tree, stats: Tree, x: Array, y: Array, weight: Array
) -> Float[Array, ""]:
    """The weighted loss in prediction mode, as a function that can be differentiated by the params."""
    assert recipe.loss is not None
    prediction, _ = _layers(recipe, task, outputs).apply(params, stats, x, LayerCall(False))
    return jnp.vdot(recipe.loss.evaluation_loss(prediction, y), weight)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _sums(
    task: str, outputs: int, block: int, recipe: Recipe, origin: Tree, axes: tuple[Tree, ...],
    points: Float[Array, "points axes"], x: Array, y: Array, given: Array, weight: Array, units: Array, scaling: Tree,
) -> tuple[Float[Array, " points"], Float[Array, " points"]]:  # fmt: skip
    """The weighted sums of the losses and of the scores of a tile's rows, for every point."""
    loss = recipe.loss
    assert loss is not None
    predict = along(_layers(recipe, task, outputs), origin, axes, x)

    def at(point: Float[Array, " axes"]) -> tuple[Array, Array]:
        z = predict(point)
        answer = loss.mean(z)
        if recipe.target_scaler is not None:
            answer = recipe.target_scaler.invert(scaling, answer)
        score = _scores(task, answer, given, units)
        # A padding row has the weight 0, also where its loss is not finite.
        each = jnp.where(weight > 0, loss.evaluation_loss(z, y), 0.0)
        return jnp.vdot(each, weight), jnp.vdot(score, weight)

    found: tuple[Array, Array] = lax.map(at, points, batch_size=block)
    return found


def _scores(task: str, answer: Array, given: Array, units: Array) -> Float[Array, " rows"]:
    """A hit or a squared error in the target's unit, by row."""
    if task == "regression":
        return jnp.mean(((answer - given) * units) ** 2, axis=-1)
    if task == "multilabel":
        return jnp.all((answer > 0.5) == (given > 0.5), axis=-1).astype(jnp.float32)
    return (jnp.argmax(answer, axis=-1) == given).astype(jnp.float32)


def along(layers: Sequential, origin: Tree, axes: tuple[Tree, ...], x: Float[Array, "rows inputs"]) -> Any:
    """A function from a point to the network's outputs at origin + sum_i point_i axes_i.

    The first dense layer is linear in the point, so that its products serve all points:

        x (W + a U + b V) + (c + a d + b e) = (x W + c) + a (x U + d) + b (x V + e)
    """
    params = [each["params"] for each in (origin, *axes)]
    names = layers.names()
    first = next((i for i, name in enumerate(names) if name in params[0] or name in origin["stats"]), len(names))
    if first == len(names) or type(layers.layers[first]) is not Dense:
        return lambda point: layers.apply(*_weights(origin, axes, point), x, LayerCall(False))[0]
    front, rest = Sequential(layers.layers[:first]), Sequential(layers.layers[first + 1 :])
    own = dict(zip(names[first + 1 :], rest.names(), strict=True))
    dense, name = layers.layers[first], names[first]
    fixed = front.apply({}, {}, x, LayerCall(False))[0]
    assert isinstance(dense, Dense)
    sums = [dense.apply(each[name], {}, fixed, LayerCall(False))[0] for each in params]

    def outputs(point: Float[Array, " axes"]) -> Float[Array, "rows outputs"]:
        h = sums[0] + sum(point[i] * each for i, each in enumerate(sums[1:]))
        here = _weights(origin, axes, point)
        params, stats = ({own[key]: part for key, part in each.items() if key in own} for each in here)
        return rest.apply(params, stats, h, LayerCall(False))[0]

    return outputs


def _weights(origin: Tree, axes: tuple[Tree, ...], point: Float[Array, " axes"]) -> tuple[Tree, Tree]:
    """The params and the stats at a point; a variance beyond both ends of a line stays at least 0."""
    moved = jax.tree.map(
        lambda leaf, *along: leaf + sum(p * each for p, each in zip(point, along, strict=True)), origin, *axes
    )
    stats = {
        name: {**own, "variance": jnp.maximum(own["variance"], 0.0)} if "variance" in own else own
        for name, own in moved["stats"].items()
    }
    return moved["params"], stats
