"""One update: a minibatch, its loss and gradient, and the step of the update rule."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fallline.core.operations import depend, operations_of
from fallline.core.outcome import Outcome
from fallline.core.random import Seed, named
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.layers import Sequential
from fallline.optimizers.known import evaluate, known_in
from fallline.penalties import Penalty
from fallline.probes import GradientNorm, Probe, StepFacts
from fallline.probes.context import sampled, squared_norm
from fallline.probes.recording import first_gathered, gather
from fallline.schedules.plateau import remembered
from fallline.training.arrays import Arrays
from fallline.training.moment import (
    network_of,
    time_of,
)
from fallline.training.recipe import Recipe
from fallline.training.state import State

LIMIT = 1e15  # a run has diverged if its objective exceeds this many units, although float32 reaches 3e38


def finite(sample: Tree) -> Bool[Array, ""]:
    """Whether all numbers of `sampled(...)` are finite, however large.

    NaN and infinity survive a sum, and the factor keeps a sum of the largest float32 numbers in range. It is written as a
    dot product because XLA's CPU backend vectorises one, but not a reduction of comparisons.
    """
    parts = [part.ravel() for part in jax.tree.leaves(sample)]
    return jnp.isfinite(sum((jnp.vdot(part, jnp.full_like(part, 1e-12)) for part in parts), jnp.float32(0.0)))


class Tally(NamedTuple):
    """Sums over an epoch's steps, weighted by examples, and the values that the probes gather."""

    weight: Array
    loss: Array
    objective: Array
    steps: Array
    gathered: dict[str, Any]


def gathering(recipe: Recipe, recorded: tuple[Probe, ...]) -> dict[str, Probe]:
    """The probes evaluated at every step: the recorded ones, and the gradient norm if it decides when the run ends."""
    found = {each.name: each for each in recorded}
    if recipe.gradient_tolerance is not None:
        found.setdefault(GradientNorm.name, GradientNorm())
    return found


def empty_tally(recipe: Recipe, state: State, recorded: tuple[Probe, ...]) -> Tally:
    """A tally before an epoch's first step."""
    zero = jnp.float32(0.0)
    gathered = {name: first_gathered(each, state.params) for name, each in gathering(recipe, recorded).items()}
    return Tally(zero, zero, zero, zero, gathered)


def guarded(recipe: Recipe, state: State, recorded: tuple[Probe, ...]) -> bool:
    """Whether every step checks its gradient before the params are updated.

    A run that records only scores omits the check: a bad gradient shows in the cost of the next step.
    """
    decides = recipe.optimizer.skips or recipe.gradient_tolerance is not None
    return bool(recorded) or state.keeps_params or decides


def one_step(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    tally: Tally,
    rows: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    index: Array,
    steps_per_epoch: Array,
    recorded: tuple[Probe, ...],
) -> tuple[State, Tally]:
    """One update from an epoch's minibatch number `index`.

    Rows of weight 0 are padding; a minibatch of such rows changes nothing. Time and noise follow the epoch and the index,
    which the lanes of a population share, and not a lane's own count of updates.
    """
    step = state.epoch * steps_per_epoch + index
    now, time, key, y, objective = moment_of(recipe, arrays, state, rows, weight, step, steps_per_epoch)
    total = jnp.sum(weight)
    share = weight / jnp.maximum(total, 1e-30)
    evidence = {
        "objective": lambda params: objective(params)[0],
        "weight": total,
        "time": time,
        "key": key,
    }

    def noting(params: Tree) -> tuple[Array, tuple[Array, Array]]:
        cost, (loss, prediction, _) = objective(params)
        first = jnp.vdot(score(now, state, arrays, prediction, y, rows), share) if recorded else 0.0
        return cost, (loss, jnp.asarray(first, jnp.float32))

    if lasts(recipe, arrays, state, rows, weight, step, steps_per_epoch):
        # The line search of the last step usually ended at these params; `evaluate` then reuses its value and gradient.
        cost, gradient, (loss, first), anew = evaluate(evidence["objective"], state.params, state.memory, noting)

        def metric() -> Array:
            return first

        stats = objective(state.params)[1][2] if jax.tree.leaves(state.stats) else state.stats
        evidence |= {"noting": noting, "anew": anew}
    else:
        (cost, (loss, prediction, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)

        # A function, so that the metric is computed only if a recorded probe asks for it.
        def metric() -> Array:
            return jnp.vdot(score(now, state, arrays, prediction, y, rows), share)

    evidence["value"] = cost
    delta, memory = now.optimizer.update(gradient, state.memory, state.params, **evidence)
    # The guard against divergence. It sees a sample; a bad number outside of it shows in the next step's cost or in
    # `_fall_back`.
    measured = gradient if guarded(recipe, state, recorded) else {}
    samples = {name: sampled(part) for name, part in measured.items()}
    squares = {name: squared_norm(part, samples[name]) for name, part in measured.items()}
    unit = jnp.where(state.step > 0, state.unit, jnp.maximum(cost, 1.0))
    healthy = cost < LIMIT * unit
    if squares:
        # The square of a gradient above 1.8e19 is infinite, but some rules still turn it into an ordinary update.
        healthy &= finite(samples) if now.optimizer.large == "taken" else jnp.isfinite(sum(squares.values()))
    endures = jnp.bool_(True) if now.optimizer.skips else healthy
    filled = total > 0 if arrays.ragged else jnp.bool_(True)
    # Under `vmap` nothing can be skipped: a lane that has ended computes the step too and discards it.
    moves = state.running & filled & healthy
    # Only the params are guarded. The memory of a diverged run is never read again, and choosing between the old and the
    # new memory would copy it at every step.
    delta = jax.tree.map(lambda d, w: jnp.where(moves, d, 0).astype(w.dtype), delta, state.params)
    params = jax.tree.map(jnp.add, state.params, delta)
    if now.penalty is not None and type(now.penalty).project is not Penalty.project:
        params = pick(moves, now.penalty.project(params), state.params)
    new = dataclasses.replace(
        state,
        params=params,
        stats=pick(moves, stats, state.stats),
        memory=pick(filled, memory, state.memory) if arrays.ragged else memory,
        step=state.step + moves,
        unit=jnp.where(moves, unit, state.unit),
        outcome=jnp.where(state.running & filled & ~endures, Outcome.DIVERGED, state.outcome).astype(jnp.int32),
    )
    counted = jnp.where(state.running & (healthy if now.optimizer.skips else True), total, 0.0)
    seen = StepFacts(
        params=state.params,
        gradient=gradient,
        squares=squares,
        objective=cost,
        metric=metric,
        learning_rate=jnp.asarray(getattr(now.optimizer, "learning_rate", jnp.nan), jnp.float32),
        weight=counted,
        moves=moves,
        filled=filled,
        ragged=arrays.ragged,
    )
    probes = gathering(recipe, recorded)
    return new, Tally(
        weight=tally.weight + counted,
        loss=seen.add(tally.loss, loss),
        objective=seen.add(tally.objective, cost),
        steps=tally.steps + moves,
        gathered={name: gather(probe, tally.gathered[name], seen) for name, probe in probes.items()},
    )


class Moment(NamedTuple):
    """The recipe at one step, its time, its random key, its targets as the loss sees them, and its objective."""

    recipe: Recipe
    time: Time
    key: Seed
    y: Array
    objective: Callable[[Any], tuple[Array, tuple[Array, Array, Any]]]


def moment_of(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    rows: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    step: Array,
    steps_per_epoch: Array,
) -> Moment:
    """The inputs of a step. Of the state it uses the statistics, but not the params."""
    time = time_of(recipe, step, steps_per_epoch)
    now = at_time(remembered(recipe, state.watching), time)
    network = network_of(now, arrays)
    x = now.inputs.apply(state.scaling, arrays.x[rows])
    y = scaled_target(now, state, arrays.y[rows])
    key = named(state.key, "noise", step)

    def objective(params: Tree) -> tuple[Array, tuple[Array, Array, Any]]:
        return cost_of(now, network, params, state.stats, x, y, weight, key=key, training=True)

    return Moment(now, time, key, y, objective)


def lasts(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    rows: Int[Array, " batch"],
    weight: Float[Array, " batch"],
    step: Array,
    steps_per_epoch: Array,
) -> bool:
    """Whether a rule that remembers evaluations meets the same objective at every step.

    This does not hold on minibatches, nor if the traced cost depends on the step (through noise or a schedule), on a plateau
    schedule or on running statistics.
    """
    if known_in(state.memory) is None or rows.shape[0] < arrays.train.shape[0]:
        return False

    def cost(changing: tuple[Array, Any, Any], params: Tree) -> Array:
        step, watching, stats = changing
        then = dataclasses.replace(state, watching=watching, stats=stats)
        return moment_of(recipe, arrays, then, rows, weight, step, steps_per_epoch).objective(params)[0]

    # Decided by tracing, not by a list of blocks: blocks written by users are covered as well.
    changing = (step, state.watching, state.stats)
    operations = operations_of(jax.make_jaxpr(cost)(changing, state.params))
    return not depend(operations, operations.inputs[: len(jax.tree.leaves(changing))])


def cost_of(
    recipe: Recipe,
    network: Sequential,
    params: Tree,
    stats: Tree,
    x: Float[Array, "batch inputs"],
    y: Array,
    weight: Float[Array, " batch"],
    *,
    key: Seed | None,
    training: bool,
) -> tuple[Array, tuple[Array, Array, Any]]:
    """The objective (weighted mean of the loss, plus the penalty), and (loss, prediction, new stats)."""
    assert recipe.loss is not None
    total = jnp.maximum(jnp.sum(weight), 1e-30)
    share = weight / total
    prediction, stats = network.apply(params, stats, x, key=key, training=training, weight=weight)
    loss = jnp.vdot(recipe.loss(prediction, y), share)
    cost = loss
    if recipe.penalty is not None:
        penalty = recipe.penalty(params)
        cost = loss + (penalty if recipe.penalty_per == "step" else penalty / total)
    return cost, (loss, prediction, stats)


def scaled_target(recipe: Recipe, state: State, y: Array) -> Array:
    """The target as the loss sees it."""
    return y if recipe.target_scaler is None else recipe.target_scaler.apply(state.target_scaling, y)


def answers(recipe: Recipe, state: State, prediction: Float[Array, "rows outputs"]) -> Float[Array, "rows targets"]:
    """Probabilities, or targets in their own unit."""
    assert recipe.loss is not None
    mean = recipe.loss.mean(prediction)
    return mean if recipe.target_scaler is None else recipe.target_scaler.invert(state.target_scaling, mean)


def relative(arrays: Arrays, values: Float[Array, "rows targets"]) -> Float[Array, "rows targets"]:
    """Conditioned targets or their differences, scaled so that the targets have their own relative sizes."""
    return values if arrays.unit is None else values * arrays.unit


def score(recipe: Recipe, state: State, arrays: Arrays, prediction: Array, y: Array, rows: Array) -> Array:
    """The first metric of each example, before its mean (and root): a hit, or a squared error in the target's unit."""
    if arrays.task == "regression":
        return jnp.mean(relative(arrays, answers(recipe, state, prediction) - arrays.y[rows]) ** 2, axis=-1)
    if arrays.task == "multilabel":
        return jnp.all((prediction > 0) == (y > 0.5), axis=-1).astype(jnp.float32)
    if prediction.shape[-1] == 1:
        return ((prediction[:, 0] > 0) == (y > 0)).astype(jnp.float32)
    return (jnp.argmax(prediction, axis=-1) == y).astype(jnp.float32)


def pick(condition: Array, yes: Tree, no: Tree) -> Any:
    """One of two trees, by a traced condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def choose(condition: Array, yes: Tree, no: Tree) -> Any:
    """`pick` as a branch: a single run computes nothing and passes on one of the two trees."""
    return lax.cond(condition, lambda a, b: a, lambda a, b: b, yes, no)
