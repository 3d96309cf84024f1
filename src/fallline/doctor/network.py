"""A network at given weights: activations, gradients and losses, by one compiled program for any weights."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.checking.network import without_noise
from fallline.core.block import as_arrays
from fallline.core.random import Seed
from fallline.diagnosis.evidence import Layers
from fallline.doctor.case import Case
from fallline.layers import LayerCall
from fallline.training.arrays import Arrays
from fallline.training.chunks import compiled_start
from fallline.training.moment import beginning, network_of
from fallline.training.objective import cost_of, scaled_target
from fallline.training.preparation import bare, prepare
from fallline.training.recipe import Recipe
from fallline.training.state import State
from fallline.training.validation import layer_names

ROWS = 512  # training rows that are looked at
BATCHES = 16  # minibatches whose gradients are compared
MOST = 128  # most rows of such a minibatch


def examine_both(case: Case) -> tuple[Layers, Layers | None, np.ndarray]:
    """The network at its initial and at its kept weights (None if nothing was learnt), and the scaled inputs of the rows."""
    recipe, arrays, key = prepare(case.recipe, case.data, case.seed)
    traced = as_arrays(bare(recipe))
    start = compiled_start(traced, arrays, key, None)
    opening, x = _layers(traced, recipe, arrays, start, key)
    if case.model is None:
        return opening, None, x
    kept = {name: case.model.arrays[name] for name in ("params", "stats", "scaling", "target_scaling")}
    return opening, _layers(traced, recipe, arrays, dataclasses.replace(start, **kept), key)[0], x


def _layers(traced: Recipe, recipe: Recipe, arrays: Arrays, state: State, key: Seed) -> tuple[Layers, np.ndarray]:
    rows = np.asarray(arrays.train)
    chosen = rows[:: max(1, len(rows) // ROWS)][:ROWS]
    size = max(1, min(int(recipe.batch_size or 1), MOST, len(rows)))
    draw = np.random.default_rng(0)
    batches = draw.choice(rows, (BATCHES, size), replace=True)
    found = {name: np.asarray(each) for name, each in _examine(traced, arrays, state, chosen, batches).items()}
    names, activations = layer_names(recipe, arrays)
    order = _in_order(names, recipe, arrays)
    weights = {name: np.asarray(state.params[name]["weight"]) for name in order if "weight" in state.params[name]}
    square, mean_square = float(found["mean"]), float(found["each"])
    signal = (BATCHES * square / max(mean_square, 1e-30) - 1.0) / (BATCHES - 1) if np.isfinite(square) else float("nan")
    return Layers(
        loss=float(found["loss"]),
        guess=float(found["guess"]),
        activations=tuple(activations),
        dead=found["dead"],
        saturated=found["saturated"],
        size=found["size"],
        layers=tuple(weights),
        gradient=np.array([float(found["norm_" + name]) for name in weights]),
        weight=np.array([float(each.std()) for each in weights.values()]),
        usual=np.array([1.0 / np.sqrt(each.shape[-2]) for each in weights.values()]),
        alike=np.array([_alike(each) for each in weights.values()]),
        signal=float(signal),
    ), found["x"]


def _in_order(names: list[str], recipe: Recipe, arrays: Arrays) -> list[str]:
    known = network_of(beginning(recipe), arrays).names()
    return [name for name in known if name in names]


def _alike(weight: np.ndarray) -> float:
    """The correlation with its nearest neighbour that half of the units of a layer exceed; 0 for a layer of one unit."""
    w = np.moveaxis(np.asarray(weight, np.float64), -1, 0).reshape(weight.shape[-1], -1)[:256]
    if len(w) < 2 or w.shape[1] < 3:
        return 0.0
    size = np.linalg.norm(w, axis=1)
    if (size == 0).any():
        return 1.0 if (size == 0).mean() > 0.5 else 0.0
    cosine = (w / size[:, None]) @ (w / size[:, None]).T
    np.fill_diagonal(cosine, -1.0)
    return float(np.median(cosine.max(axis=1)))


@jax.jit
def _examine(
    recipe: Recipe, arrays: Arrays, state: State, rows: Int[Array, " rows"], batches: Int[Array, "batches size"]
) -> dict[str, Any]:
    """Activations and losses on some rows, and the gradients of minibatches; dropout is off, schedules are at their start."""
    now = beginning(recipe)
    network = without_noise(network_of(now, arrays))
    x = now.inputs.apply(state.scaling, arrays.x[rows])
    y = scaled_target(now, state, arrays.y[rows])
    taps: list[Any] = []
    prediction, _ = network_of(now, arrays).apply(state.params, state.stats, x, LayerCall(False), taps=taps)
    loss_of = now.loss.evaluation_loss

    def gradient(batch: Int[Array, " size"]) -> Any:
        bx = now.inputs.apply(state.scaling, arrays.x[batch])
        by = scaled_target(now, state, arrays.y[batch])
        weight = jnp.ones(batch.shape[0])

        def cost(params: Any) -> Float[Array, ""]:
            return cost_of(now, network, params, state.stats, bx, by, weight, key=None, training=True)[1][0]

        return jax.grad(cost)(state.params)

    gradients = lax.map(gradient, batches)
    mean = jax.tree.map(lambda leaf: leaf.mean(axis=0), gradients)
    squares = {name: sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(part)) for name, part in mean.items()}
    each = sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradients)) / batches.shape[0]

    def over(value: Any) -> Float[Array, " activations"]:
        return jnp.stack([value(*tap[1:]) for tap in taps]) if taps else jnp.zeros(0)

    return {
        "loss": loss_of(prediction, y).mean(),
        "guess": loss_of(jnp.zeros_like(prediction), y).mean(),
        "dead": over(lambda f, before, after: jnp.mean(jnp.min(f.flat(before), axis=0))),
        "saturated": over(lambda f, before, after: jnp.mean(f.squashed(after))),
        "size": over(lambda f, before, after: jnp.sqrt(jnp.mean(before**2))),
        "mean": sum(squares.values(), jnp.float32(0.0)),
        "each": each,
        "x": x,
        **{f"norm_{name}": jnp.sqrt(value) for name, value in squares.items()},
    }
