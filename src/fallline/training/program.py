"""The run as a pure function: `start(recipe, arrays, key) -> state`, `advance(recipe, arrays, state, until)`.

Nothing here touches Python state, so `vmap` of these two functions is a population. Everything that may differ between
runs of one program is a traced argument; static facts are part of the tree structure of the recipe and the data.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Int

from fallline.core.outcome import Outcome
from fallline.core.random import Seed, named, permutation
from fallline.core.tree import Tree
from fallline.encodings import Inputs
from fallline.metrics import METRICS
from fallline.optimizers.known import known_in, with_notes
from fallline.probes import RECORDED, GradientNorm, Probe
from fallline.schedules.plateau import begun, observed
from fallline.training.arrays import Arrays, training_weight
from fallline.training.moment import batch_rows, beginning, input_width, network_of, settled, steps_of, time_of
from fallline.training.recipe import OWN, Recipe
from fallline.training.state import Epochs, State, empty_history
from fallline.training.step import Tally, choose, empty_tally, one_step, pick
from fallline.training.validation import record, validate, validate_if

CAPACITY = 64  # epochs of history that one compiled call can return


def start(recipe: Recipe, arrays: Arrays, key: Seed, given: Tree = None) -> State:
    """A run before its first step: scalers are fitted on the training rows, and weights that are not given are drawn."""
    weight = training_weight(arrays)
    scaling = prepared(recipe, arrays, weight)
    target_scaling = None if recipe.target_scaler is None else recipe.target_scaler.fit(arrays.y, weight)
    width = input_width(recipe, arrays)
    params, stats = network_of(beginning(recipe), arrays).init(named(key, "init"), (width,), given=given)
    watching = begun(recipe)
    zero = jnp.int32(0)
    return State(
        params=params,
        stats=stats,
        memory=first_memory(recipe, params),
        scaling=scaling,
        target_scaling=target_scaling,
        key=key,
        step=zero,
        epoch=zero,
        outcome=jnp.where(recipe.epochs > 0, Outcome.RUNNING, Outcome.FINISHED).astype(jnp.int32),
        best_params=params,
        best_stats=stats,
        best_score=jnp.float32(jnp.inf),
        best_epoch=zero,
        waited=zero,
        unit=jnp.float32(1.0),
        watching=watching,
    )


def prepared(recipe: Recipe, arrays: Arrays, weight: Array) -> Any:
    """The statistics of the inputs on the training rows: those of the scaler, and of the encoding if there is one."""
    if isinstance(recipe.inputs, Inputs):
        return recipe.inputs.fit(arrays.x, weight, arrays.columns, arrays.y, arrays.n_classes)
    return recipe.inputs.fit(arrays.x, weight, arrays.columns)


def first_memory(recipe: Recipe, params: Tree) -> Any:
    """The optimizer's memory before the first step, with schedules at their first values."""
    zero = jnp.float32(0.0)
    memory = beginning(recipe).optimizer.init(params)
    return with_notes(memory, (zero, zero))  # the loss and the first metric


def advance(
    recipe: Recipe,
    arrays: Arrays,
    state: State,
    until: Int[Array, ""],
    recorded: tuple[Probe, ...] = RECORDED,
    epoch: Callable[[Recipe, Arrays, State, Array], tuple[State, Epochs]] | None = None,
) -> tuple[State, Epochs]:
    """Train until an epoch is reached or the run ends; at most `CAPACITY` epochs, which fill the history from 0 on.

    Nothing is computed for probes that are not `recorded`. A population passes its own `epoch`, which maps `one_epoch` over
    lanes; the call then ends when the last lane has ended.
    """
    first = state.epoch
    goal = jnp.minimum(until, first + CAPACITY)
    activations = network_of(recipe, arrays).activations
    history = empty_history(CAPACITY, len(state.params), activations, state.outcome.shape, recorded)

    def more(carry: tuple[State, Epochs]) -> Array:
        return jnp.any(carry[0].running) & (carry[0].epoch < goal)

    def body(carry: tuple[State, Epochs]) -> tuple[State, Epochs]:
        state, history = carry
        last = state.epoch + 1 == goal
        new, seen = epoch(recipe, arrays, state, last) if epoch else one_epoch(recipe, arrays, state, last, recorded)

        def put(room: Array, value: Array) -> Array:
            return room.at[state.epoch - first].set(value)

        return new, jax.tree.map(put, history, seen)

    found: tuple[State, Epochs] = lax.while_loop(more, body, (state, history))
    return found


def one_epoch(
    recipe: Recipe, arrays: Arrays, state: State, last: Array, recorded: tuple[Probe, ...]
) -> tuple[State, Epochs]:
    """One pass over the training rows in a new order, then validation; `last` marks the last epoch of a call."""
    before = state
    state, tally = _all_steps(recipe, arrays, state, recorded)
    return closed(recipe, arrays, fall_back(before, state, recorded), tally, last, recorded)


def closed(
    recipe: Recipe, arrays: Arrays, state: State, tally: Tally, last: Array, recorded: tuple[Probe, ...]
) -> tuple[State, Epochs]:
    """The end of an epoch after its steps: validation, early stopping and what is recorded."""
    total = jnp.maximum(tally.weight, 1e-30)
    shown = dataclasses.replace(state, params=recipe.optimizer.evaluation_params(state.params, state.memory))
    as_validated = settled(recipe, state.watching, state.epoch + 1, steps_of(recipe, arrays))
    own = {"train_loss": tally.loss / total, "train_objective": tally.objective / total}
    if judged_last(recipe, state, recorded):
        # The run may also end within the call, at its own number of epochs.
        validated = last | (state.epoch + 1 >= recipe.epochs)
        valid_loss, valid_metric, monitored = validate_if(validated, as_validated, arrays, shown, own)
    else:
        valid_loss, valid_metric, monitored = validate(as_validated, arrays, shown, own)
    new = _close_epoch(recipe, arrays, state, shown, monitored, tally)
    if state.watching:
        new = _observe(recipe, arrays, new, valid_loss if arrays.valid.shape[0] else tally.loss / total)
    seen = {
        "train_loss": tally.loss / total,
        "valid_loss": valid_loss,
        "valid_metric": valid_metric,
        "monitor": monitored,
        "outcome": new.outcome.astype(jnp.float32),
    }
    return new, {**seen, **record(as_validated, arrays, state, shown, tally, recorded)} if recorded else seen


def judged_last(recipe: Recipe, state: State, recorded: tuple[Probe, ...]) -> bool:
    """Whether validation takes place in the last epoch of a call only.

    This is the case if only scores are wanted and nothing depends on the score of an earlier epoch.
    """
    ends_early = recipe.patience is not None or recipe.gradient_tolerance is not None
    scores_only = not recorded and not state.keeps_params
    return scores_only and recipe.keep == "last" and not ends_early and not state.watching


def _all_steps(recipe: Recipe, arrays: Arrays, state: State, recorded: tuple[Probe, ...]) -> tuple[State, Tally]:
    """Train on the epoch's minibatches, in an order drawn from the run's key and the epoch.

    An update rule that remembers evaluations sees its single batch in the rows' own order, so that sums are rounded in the
    same way at every step.
    """
    rows, size = arrays.train.shape[0], batch_rows(recipe, arrays)
    # `steps` is static and counts padding; `real_steps` is traced and is the number that this fold's own rows need.
    steps = -(-rows // size)
    real_steps = -(-arrays.train_count // size)
    indices = jnp.minimum(lax.iota(jnp.int32, steps * size), rows - 1)
    if recipe.shuffle and known_in(state.memory) is None:
        indices = permutation(named(state.key, "order", state.epoch), rows, arrays.train_count)[indices]
    order = arrays.train[indices].reshape(steps, size)

    def step(carry: Tree, inputs: tuple[Array, Array]) -> tuple[Any, None]:
        state, tally = carry
        index, rows = inputs
        weight = (index * size + jnp.arange(size) < arrays.train_count).astype(jnp.float32)
        if arrays.weight is not None:
            weight = weight * arrays.weight[rows]
        if arrays.spread is not None:
            rows, weight = arrays.spread.minibatch(rows, weight)
        return one_step(recipe, arrays, state, tally, rows, weight, index, real_steps, recorded), None

    begun = (state, empty_tally(recipe, state, recorded))
    found: tuple[State, Tally]
    if arrays.counted:
        found = lax.fori_loop(0, real_steps, lambda index, carry: step(carry, (index, order[index]))[0], begun)
        return found
    found = lax.scan(step, begun, (jnp.arange(steps), order))[0]
    return found


def fall_back(before: State, after: State, recorded: tuple[Probe, ...]) -> State:
    """The state at the epoch's end, or that at its beginning if an update has made the params non-finite.

    Every step checks that its gradient is finite. An update rule that turns a finite gradient into a non-finite step is
    caught here.
    """
    # One sum instead of a test per leaf: NaN and infinity survive it.
    finite = jnp.isfinite(sum(jnp.sum(leaf) for leaf in jax.tree.leaves(after.params)))
    outcome = jnp.where(finite, after.outcome, jnp.int32(Outcome.DIVERGED))
    if not recorded and not after.keeps_params:  # the params of a diverged run are never read
        return dataclasses.replace(after, outcome=outcome)

    def kept(state: State) -> tuple[Any, Any, Any]:
        return state.params, state.stats, state.memory

    params, stats, memory = choose(finite, kept(after), kept(before))
    return dataclasses.replace(after, params=params, stats=stats, memory=memory, outcome=outcome)


def _observe(recipe: Recipe, arrays: Arrays, state: State, loss: Array) -> State:
    """Update the memories of plateau schedules after an epoch with this loss."""
    steps = -(-arrays.train_count // batch_rows(recipe, arrays))
    time = time_of(recipe, state.epoch * steps, steps)
    watching = observed(recipe, state.watching, loss, time)
    return dataclasses.replace(state, watching=pick(jnp.isfinite(loss), watching, state.watching))


def _close_epoch(recipe: Recipe, arrays: Arrays, state: State, shown: State, monitored: Array, tally: Tally) -> State:
    """Keep the best or the last params, as evaluated, and decide whether the run goes on.

    The best score is the lowest. Patience counts the epochs since the score last fell by more than the tolerance.
    """
    epoch = state.epoch + 1
    healthy = state.running
    monitors = recipe.monitor in OWN or (recipe.monitor != "none" and arrays.valid.shape[0] > 0)
    larger_is_better = recipe.monitor in METRICS and METRICS[recipe.monitor].larger_is_better
    score = -monitored if larger_is_better else monitored
    better = healthy & (score < state.best_score) if monitors else healthy
    tolerance = recipe.tolerance
    if arrays.scale is not None and recipe.monitor in METRICS and METRICS[recipe.monitor].in_unit:
        tolerance = tolerance / arrays.scale
    improved = healthy & (score < state.best_score - tolerance) if monitors else healthy
    waited = jnp.where(improved, 0, state.waited + 1)
    ends = jnp.bool_(False) if recipe.patience is None else waited >= recipe.patience
    if recipe.gradient_tolerance is not None:
        squares = tally.gathered[GradientNorm.name]
        size = jnp.sqrt(sum(squares.values()) / jnp.maximum(tally.steps, 1.0))
        ends = ends | (size <= recipe.gradient_tolerance)
    going = jnp.where(epoch >= recipe.epochs, Outcome.FINISHED, jnp.where(ends, Outcome.STOPPED, Outcome.RUNNING))
    best = (state.best_params, state.best_stats)
    # A run that diverges keeps its earlier params: the initial ones if it diverges at once, never those after a wild step.
    keeps = healthy if recipe.keep == "last" else better
    best_epoch = jnp.where(keeps, epoch, state.best_epoch)
    if state.keeps_params:
        best = choose(keeps, (shown.params, state.stats), best)
    return dataclasses.replace(
        state,
        epoch=epoch,
        outcome=jnp.where(healthy, going, Outcome.DIVERGED).astype(jnp.int32),
        best_params=best[0],
        best_stats=best[1],
        best_score=jnp.where(better, score, state.best_score),
        best_epoch=best_epoch,
        waited=waited.astype(jnp.int32),
    )
