"""Sanity checks before a long training: one finding per question."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.checking.network import without_noise
from fallline.core.block import as_arrays, replace
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.data.dataset import Dataset
from fallline.data.table import Table
from fallline.penalties import Penalty
from fallline.probes import Dead, UpdateRatio
from fallline.schedules.plateau import begun, remembered
from fallline.training.arrays import Arrays, to_device
from fallline.training.chunks import compiled_advance, compiled_start
from fallline.training.moment import network_of
from fallline.training.objective import cost_of, scaled_target
from fallline.training.recipe import Recipe
from fallline.training.state import State
from fallline.training.step import empty_tally
from fallline.training.train import train
from fallline.training.validation import context_of, layer_names

FEW = 16  # rows that a network must be able to overfit
STEPS = 1000  # steps allowed for that
BEGINNING = 10  # minibatches whose updates are examined
ROWS = 1024  # rows used for the first loss
NEAR = (0.5, 2.0)  # range of a normal first loss, relative to that of a guess
HEALTHY = (1e-5, 1e-1)  # range of normal update:weight ratios; 1e-3 is usual


@dataclasses.dataclass(frozen=True)
class SanityResult:
    """The answer to one question.

    Arguments:
        name: `first loss`, `penalty`, `overfits`, `moves`, `dead units` or `update ratio`.
        found: the measurements in words.
        state: `ok`; `look` if a person should investigate; `wrong` if training would be futile.
        advice: what to do if the state is not `ok`.
        numbers: the measurements.
    """

    name: str
    found: str
    state: str
    advice: str
    numbers: dict[str, float]


def sanity_of(recipe: Recipe, data: Table, seed: int) -> tuple[SanityResult, ...]:
    """All findings on a completed recipe and its data, starting from initial weights.

    Three small programs run: the cost at the start, the first steps, and a training on a few rows.
    """
    arrays = _some(data.dataset, recipe)
    traced, key = as_arrays(recipe), jax.random.key(seed)
    start = compiled_start(traced, arrays, key, None)
    opening = {name: np.asarray(value) for name, value in _opening(traced, arrays, start).items()}
    end, seen = compiled_advance(traced, arrays, jax.tree.map(jnp.copy, start), jnp.int32(1), (UpdateRatio(),))
    layers = layer_names(recipe, arrays)[0]
    ratios = {name: float(ratio) for name, ratio in zip(layers, np.asarray(seen["update_ratio"])[0], strict=True)}
    return (
        first_loss(float(opening["loss"]), float(opening["guess"]), recipe, data),
        penalty_raises(recipe, float(opening["loss"]), float(opening["penalty"])),
        overfits(recipe, data, seed),
        moves(start.params, end.params, int(end.step)),
        dead_units(opening["dead"]),
        update_ratio(ratios, int(end.step)),
    )


def first_loss(loss: float, guess: float, recipe: Recipe, data: Table) -> SanityResult:
    """Compare the loss of the initial weights with that of uninformative outputs of 0.

    The latter is ln C for C classes, and the target's variance for a squared error. A much larger first loss means that the
    outputs start too large; a much smaller one, that the target leaks into the inputs.
    """
    assert recipe.loss is not None
    name = recipe.loss.uninformed.format(cost=guess, classes=data.dataset.n_classes)
    numbers = {"loss": loss, "expected": guess}
    if not math.isfinite(loss):
        return SanityResult("first loss", f"{loss}", "wrong", "look for numbers out of range in the data", numbers)
    if loss > NEAR[1] * guess:
        return SanityResult(
            "first loss", f"{loss:.4g}; {name}", "look", "the outputs start too large: lower initial weights", numbers
        )
    if loss < NEAR[0] * guess:
        return SanityResult(
            "first loss",
            f"{loss:.4g}; {name}",
            "look",
            "it knows the target untrained: look at target and loss",
            numbers,
        )
    return SanityResult("first loss", f"{loss:.4g}; {name}", "ok", "", numbers)


def penalty_raises(recipe: Recipe, loss: float, penalty: float) -> SanityResult:
    """Check that the penalty raises the cost of nonzero weights."""
    numbers = {"penalty": penalty}
    if recipe.penalty is None:
        return SanityResult("penalty", "there is none", "ok", "", numbers)
    if penalty > 0:
        return SanityResult("penalty", f"raises it by {penalty:.3g}", "ok", "", numbers)
    strengths = [value for value in jax.tree.leaves(recipe.penalty) if isinstance(value, float)]
    if type(recipe.penalty).project is not Penalty.project or not any(strengths):
        return SanityResult("penalty", "adds nothing: it is a bound, or of strength 0", "ok", "", numbers)
    return SanityResult("penalty", f"adds {penalty:.3g}", "wrong", "it must be positive: look at its layers", numbers)


def overfits(recipe: Recipe, data: Table, seed: int) -> SanityResult:
    """Check that the network can overfit a few rows: without penalty, dropout and smoothing the loss must fall to about 0."""
    rows = _distinct(data.dataset)
    small = dataclasses.replace(
        data,
        dataset=dataclasses.replace(data.dataset, train=rows, valid=np.zeros(0, np.int32), test=np.zeros(0, np.int32)),
    )
    bare = replace(_quiet(recipe), {"penalty": None, "batch_size": "all", "epochs": STEPS, "patience": None})
    bare = replace(bare, {"monitor": "none"})
    try:
        losses = train(bare, small, seed=seed).history["train_loss"]
    except FalllineError as error:
        return SanityResult("overfits", "could not be tried", "look", str(error), {"rows": float(len(rows))})
    first, least = float(losses[0]), float(np.nanmin(losses))
    numbers = {"rows": float(len(rows)), "first": first, "least": least, "steps": float(len(losses))}
    found = f"{len(rows)} rows: {first:.3g} to {least:.2g} in {len(losses):,} steps"
    if least <= 0.05 * first:
        return SanityResult("overfits", found, "ok", "", numbers)
    if least <= 0.5 * first:
        return SanityResult("overfits", found, "look", "the network is small, or the learning rate low", numbers)
    return SanityResult(
        "overfits", found, "wrong", "raise the learning rate or the width; look at the targets", numbers
    )


def moves(before: Tree, after: Tree, steps: int) -> SanityResult:
    """Check that every array of params changes within the first steps; single numbers in it may stay unchanged."""
    paths = jax.tree_util.tree_flatten_with_path(before)[0]
    shares = {
        ".".join(str(key.key) for key in path): float(np.mean(np.asarray(a) != np.asarray(b)))
        for (path, a), b in zip(paths, jax.tree.leaves(after), strict=True)
    }
    total = sum(np.size(a) for _, a in paths)
    moved = sum(shares[name] * np.size(a) for name, (_, a) in zip(shares, paths, strict=True)) / max(total, 1)
    still = [name for name, share in shares.items() if share == 0]
    found = f"{100 * moved:.4g} % of {total:,} params in {steps} steps"
    if still:
        text = f"{', '.join(still[:3])} stand still: look at dead units, and at the learning rate"
        return SanityResult("moves", found, "wrong", text, shares)
    return SanityResult("moves", found, "ok", "", shares)


def dead_units(shares: np.ndarray) -> SanityResult:
    """Check that no unit is silent for every row before the first step."""
    worst = float(np.max(shares, initial=0.0))
    numbers = {f"activation_{k + 1}": float(share) for k, share in enumerate(shares)}
    if worst == 0:
        return SanityResult("dead units", "none at the start", "ok", "", numbers)
    found = f"{100 * worst:.3g} % of a layer at the start"
    return SanityResult(
        "dead units", found, "look", "other initial weights or a leaky activation; scaled inputs", numbers
    )


def update_ratio(ratios: dict[str, float], steps: int) -> SanityResult:
    """Check the size of the updates relative to the weights, by layer; 1e-3 is usual."""
    low, high = min(ratios.values()), max(ratios.values())
    found = f"{low:.1e} to {high:.1e} at step {steps}; 1e-3 is usual"
    if not HEALTHY[0] <= low <= high <= HEALTHY[1]:
        way = "lower" if high > HEALTHY[1] else "raise"
        return SanityResult("update ratio", found, "look", f"{way} the learning rate", ratios)
    return SanityResult("update ratio", found, "ok", "", ratios)


@jax.jit
def _opening(recipe: Recipe, arrays: Arrays, state: State) -> dict[str, Array]:
    """Loss and penalty of the initial params, the loss of outputs of 0, and the share of dead units per activation."""
    zero = jnp.float32(0.0)
    now: Recipe = at_time(remembered(recipe, begun(recipe)), Time(zero, zero, zero))
    assert now.loss is not None
    rows = arrays.train[:ROWS]
    x, y = now.inputs.apply(state.scaling, arrays.x[rows]), scaled_target(now, state, arrays.y[rows])
    weight = jnp.ones(len(rows)) if arrays.weight is None else arrays.weight[rows]
    network = without_noise(network_of(now, arrays))
    _, (loss, prediction, _) = cost_of(now, network, state.params, state.stats, x, y, weight, key=None, training=True)
    nothing = now.loss(jnp.zeros_like(prediction), y)
    return {
        "loss": loss,
        "guess": jnp.vdot(nothing, weight) / jnp.sum(weight),
        "penalty": jnp.zeros(()) if now.penalty is None else now.penalty(state.params),
        "dead": Dead().compute(context_of(now, arrays, state, state, empty_tally(now, state, ()))),
    }


def _some(dataset: Dataset, recipe: Recipe) -> Arrays:
    """The rows of the first minibatches, so that no others are copied to the device."""
    assert isinstance(recipe.batch_size, int)
    rows = dataset.train[: max(ROWS, BEGINNING * recipe.batch_size)]
    mine = dataclasses.replace(
        dataset,
        x=dataset.x[rows],
        y=dataset.y[rows],
        truth=None,
        weight=None if dataset.weight is None else dataset.weight[rows],
        train=np.arange(min(len(rows), max(BEGINNING * recipe.batch_size, recipe.batch_size)), dtype=np.int32),
        valid=np.zeros(0, np.int32),
        test=np.zeros(0, np.int32),
    )
    return to_device(mine)


def _distinct(dataset: Dataset) -> np.ndarray:
    """A few training rows with distinct inputs; for classifications, from as many classes as possible."""
    candidates = dataset.train[: 64 * FEW]
    _, first = np.unique(np.nan_to_num(dataset.x[candidates]), axis=0, return_index=True)
    candidates = candidates[np.sort(first)]
    if dataset.task != "classification":
        return candidates[:FEW]
    y = dataset.y[candidates]
    turn = np.zeros(len(y), np.int64)
    for label in np.unique(y):
        turn[y == label] = np.arange(np.sum(y == label))
    return candidates[np.argsort(turn, kind="stable")[:FEW]]


def _quiet(recipe: Recipe) -> Recipe:
    """The recipe without random layers and without terms of the loss that only help training, such as label smoothing."""
    assert recipe.loss is not None
    return replace(recipe, {"model": recipe.model.without_noise(), "loss": recipe.loss.evaluation_loss})
