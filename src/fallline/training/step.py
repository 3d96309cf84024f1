"""One update: a minibatch, the step of the update rule, and the guard against divergence."""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.tree import Tree
from fallline.penalties import Penalty
from fallline.probes import GradientNorm, Probe, StepFacts
from fallline.probes.context import sampled, squared_norm
from fallline.probes.recording import first_gathered, gather
from fallline.training.arrays import Arrays
from fallline.training.objective import Batch, inputs_of
from fallline.training.recipe import Recipe
from fallline.training.slope import Slope, slope_of
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


class StepCheck(NamedTuple):
    """Whether a step's objective and gradient are sound.

    Arguments:
        healthy: the objective is within bounds, and the gradient that was looked at is finite.
        unit: the objective that `LIMIT` is relative to.
        squares: squared norm of each part of the gradient; empty if the gradient is not looked at.
    """

    healthy: Bool[Array, ""]
    unit: Array
    squares: dict[str, Array]


def one_step(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    tally: Tally,
    rows: Int[Array, " batch"] | None,
    weight: Float[Array, " batch"],
    index: Array,
    steps_per_epoch: Array,
    recorded: tuple[Probe, ...],
) -> tuple[State, Tally]:
    """One update from an epoch's minibatch number `index`.

    Without `rows`, the minibatch is all rows of the arrays. Rows of weight 0 are padding; a minibatch of such rows changes
    nothing. Time and noise follow the epoch and the index,
    which the lanes of a population share, and not a lane's own count of updates.
    """
    batch = Batch(rows, weight, state.epoch * steps_per_epoch + index, steps_per_epoch)
    moment = inputs_of(recipe, arrays, state, batch)
    now, total = moment.recipe, jnp.sum(weight)
    slope = slope_of(recipe, arrays, state, batch, moment, total, bool(recorded))
    delta, memory = now.optimizer.update(slope.gradient, state.memory, state.params, **slope.evidence)
    check = check_of(now, state, slope, guarded(recipe, state, recorded))
    filled = total > 0 if arrays.ragged else jnp.bool_(True)
    # Under `vmap` nothing can be skipped: a lane that has ended computes the step too and discards it.
    moves = state.running & filled & check.healthy
    new = moved(now, state, slope, check, delta, memory, moves, filled if arrays.ragged else None)
    counted = jnp.where(state.running & (check.healthy if now.optimizer.skips else True), total, 0.0)
    seen = StepFacts(
        params=state.params,
        gradient=slope.gradient,
        squares=check.squares,
        objective=slope.objective,
        metric=slope.metric,
        learning_rate=jnp.asarray(getattr(now.optimizer, "learning_rate", jnp.nan), jnp.float32),
        weight=counted,
        moves=moves,
        filled=filled,
        ragged=arrays.ragged,
    )
    probes = gathering(recipe, recorded)
    return new, Tally(
        weight=tally.weight + counted,
        loss=seen.add(tally.loss, slope.loss),
        objective=seen.add(tally.objective, slope.objective),
        steps=tally.steps + moves,
        gathered={name: gather(probe, tally.gathered[name], seen) for name, probe in probes.items()},
    )


def check_of(now: Recipe, state: State, slope: Slope, guards: bool) -> StepCheck:
    """The guard against divergence; `guards` says that it looks at the gradient as well as at the objective.

    It sees a sample of the gradient. A bad number outside of the sample shows in the next step's objective or in
    `fall_back`.
    """
    measured = slope.gradient if guards else {}
    samples = {name: sampled(part) for name, part in measured.items()}
    squares = {name: squared_norm(part, samples[name]) for name, part in measured.items()}
    unit = jnp.where(state.step > 0, state.unit, jnp.maximum(slope.objective, 1.0))
    healthy = slope.objective < LIMIT * unit
    if squares:
        # The square of a gradient above 1.8e19 is infinite, but some rules still turn it into an ordinary update.
        healthy &= finite(samples) if now.optimizer.large == "taken" else jnp.isfinite(sum(squares.values()))
    return StepCheck(healthy, unit, squares)


def moved(
    now: Recipe,
    state: State,
    slope: Slope,
    check: StepCheck,
    delta: Tree,
    memory: Tree,
    moves: Bool[Array, ""],
    filled: Bool[Array, ""] | None,
) -> State:
    """The state after the step; `filled` says whether the minibatch holds a row, and is None if all of them do."""
    # Only the params are guarded. The memory of a diverged run is never read again, and choosing between the old and the
    # new memory would copy it at every step.
    endures = jnp.bool_(True) if now.optimizer.skips else check.healthy
    delta = jax.tree.map(lambda d, w: jnp.where(moves, d, 0).astype(w.dtype), delta, state.params)
    params = jax.tree.map(jnp.add, state.params, delta)
    if now.penalty is not None and type(now.penalty).project is not Penalty.project:
        params = pick(moves, now.penalty.project(params), state.params)
    there = jnp.bool_(True) if filled is None else filled
    return dataclasses.replace(
        state,
        params=params,
        stats=pick(moves, slope.stats, state.stats),
        memory=memory if filled is None else pick(filled, memory, state.memory),
        step=state.step + moves,
        unit=jnp.where(moves, check.unit, state.unit),
        outcome=jnp.where(state.running & there & ~endures, Outcome.DIVERGED, state.outcome).astype(jnp.int32),
    )


def pick(condition: Array, yes: Tree, no: Tree) -> Any:
    """One of two trees, by a traced condition."""
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), yes, no)


def choose(condition: Array, yes: Tree, no: Tree) -> Any:
    """`pick` as a branch: a single run computes nothing and passes on one of the two trees."""
    return lax.cond(condition, lambda a, b: a, lambda a, b: b, yes, no)
