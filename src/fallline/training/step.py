"""One update: a minibatch, its loss and gradient, and the step of the update rule."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fallline.core.operations import depend, operations_of
from fallline.core.outcome import Outcome
from fallline.core.tree import Tree
from fallline.optimizers.known import evaluate, known_in
from fallline.penalties import Penalty
from fallline.probes import GradientNorm, Probe, StepFacts
from fallline.probes.context import sampled, squared_norm
from fallline.probes.recording import first_gathered, gather
from fallline.training.arrays import Arrays
from fallline.training.objective import inputs_of, score
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
    now, time, key, y, objective = inputs_of(recipe, arrays, state, rows, weight, step, steps_per_epoch)
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
        return inputs_of(recipe, arrays, then, rows, weight, step, steps_per_epoch).objective(params)[0]

    # Decided by tracing, not by a list of blocks: blocks written by users are covered as well.
    changing = (step, state.watching, state.stats)
    operations = operations_of(jax.make_jaxpr(cost)(changing, state.params))
    return not depend(operations, operations.inputs[: len(jax.tree.leaves(changing))])


def pick(condition: Array, yes: Tree, no: Tree) -> Any:
    """One of two trees, by a traced condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def choose(condition: Array, yes: Tree, no: Tree) -> Any:
    """`pick` as a branch: a single run computes nothing and passes on one of the two trees."""
    return lax.cond(condition, lambda a, b: a, lambda a, b: b, yes, no)
