"""`train(recipe, data, seed) -> run`: the compiled run in chunks of epochs, with callbacks and checkpoints in between."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from fallline.core.block import as_arrays
from fallline.core.keeping import Keeping, size_of
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.probes import RECORDED, Probe
from fallline.streams.stream import Stream
from fallline.training.calibration import calibrated
from fallline.training.chunks import Chunks, run_chunks
from fallline.training.crew import Crew
from fallline.training.evaluation import evaluate_splits, predictor_of, usable
from fallline.training.history import History
from fallline.training.preparation import Prepared, prepare_run
from fallline.training.recipe import Recipe
from fallline.training.resuming import Checkpoints, continued, identity_of
from fallline.training.run import Moment, Run
from fallline.training.state import Epochs, State
from fallline.training.worker import Place

Writer = Callable[[Path], None]  # writes a checkpoint into a folder


def train(
    recipe: Recipe,
    data: Table | Stream,
    *,
    seed: int = 0,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
) -> Run:
    """Train one recipe on a table, or on a stream: in memory if its rows fit there, otherwise window by window.

    Arguments:
        recipe: the recipe to train; fields left open are chosen from the data.
        data: a table with its split, or what `scan` returns.
        seed: seed of initial weights, minibatch order and dropout.
        probes: values recorded for every epoch besides losses and metrics; see `fallline.probes` for all of them.
        watch: callback between chunks of epochs; the run stops if it returns True.
        folder: folder for checkpoints; without it none are written. Writing is tested first. If a checkpoint cannot be
            written later, training continues and the run's notes say so.
        checkpoint_seconds: shortest time between two checkpoints.
        resume: continue from the newest intact checkpoint in the folder, if there is one.

    Raises: FalllineError for a recipe that does not fit the data, probes that cannot be recorded together, and a folder
        that cannot be written to or is in use.

    >>> from fallline.data.table import load
    >>> run = train(Recipe(epochs=3), load("sklearn:iris"))
    >>> run.outcome.label, len(run.history)
    ('finished', 3)
    """
    if isinstance(data, Stream) and not data.fits:
        from fallline.training.streamed import train_stream

        return train_stream(
            recipe,
            data,
            seed=seed,
            probes=probes,
            watch=watch,
            folder=folder,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
        )
    return train_from(
        recipe,
        data.table() if isinstance(data, Stream) else data,
        seed=seed,
        probes=probes,
        watch=watch,
        folder=folder,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
    )


def train_from(
    recipe: Recipe,
    data: Table,
    *,
    seed: int = 0,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
    key: jax.Array | None = None,
    until: int | None = None,
    state: State | None = None,
    params: dict[str, Any] | None = None,
    every: int | None = None,
    crew: Crew | None = None,
) -> Run:
    """Train as `train` does, from a given key, state or params, or up to an epoch.

    Arguments:
        recipe, data, seed, probes, watch, folder, checkpoint_seconds, resume: as for `train`.
        key: random key of the run, in place of the one derived from the seed.
        until: last epoch to train; the state can be continued from there.
        state: state of another run to continue from; `continued` adapts it to this recipe.
        params: initial params as {layer: {name: array}}; params that are left out are drawn.
        every: most epochs between two calls of `watch`; by default as many as take half a second.
        crew: processes that share every minibatch; None: this process computes alone.

    Raises: FalllineError as for `train`.
    """
    began = time.perf_counter()
    run = prepare_run(recipe, data, seed, probes, key, params)
    if crew is not None:
        crew.check(run.recipe, len(run.table.dataset.train))
    kept = folder is not None
    with Keeping(Path(folder) if folder is not None else None) as keeping:
        identity = identity_of(run.recipe, run.table, seed) if kept else {}
        checkpoints = Checkpoints(keeping, identity, run.recorded, run.columns() if kept else {})
        state, seen, damaged = _begun(run, state, checkpoints if resume and kept else None)
        keeping.try_for(size_of(state) if kept else 0)
        # The history of a fork counts epochs from the state that it continues.
        label = run.history_from(int(state.epoch) - (0 if seen is None else len(seen["train_loss"])))
        jax.block_until_ready(state.step)
        setup = time.perf_counter() - began
        done = (run_chunks if crew is None else crew.run_chunks)(
            run.traced,
            run.arrays,
            state,
            until=until,
            every=every,
            between=None if watch is None else _moments(watch, int(run.recipe.epochs), began, label),
            save=checkpoints.save if kept else None,
            save_seconds=checkpoint_seconds,
            seen=[] if seen is None else [seen],
            recorded=as_arrays(run.recorded),
        )
        writers = _left(done, checkpoints, until is None) if kept else (None, None)

    state = _within_bounds(run, done.state)
    recipe, table, notes = run.recipe, run.table, [*run.notes, *damaged]
    del run  # frees the rows on the device before the splits are evaluated from the host's copy
    return _run_of(
        recipe, table, state, done, (notes, keeping.notes), began,
        history=label(done.epochs), compile_seconds=setup + done.first_seconds, seed=int(seed), writers=writers,
    )  # fmt: skip


def _begun(
    run: Prepared, given: State | None, checkpoints: Checkpoints | None
) -> tuple[State, Epochs | None, list[str]]:
    """The state before the first epoch: of the newest checkpoint, of a given state, or of initial params.

    Returns it with the epochs that the checkpoint holds, and with a sentence for every damaged checkpoint.
    """
    seen: Epochs | None = None
    damaged: list[str] = []
    if checkpoints is not None:
        given, seen, damaged = checkpoints.load(run.traced, run.arrays, run.key)
    same = seen is not None  # a checkpoint belongs to the same recipe and data
    return run.start() if given is None else continued(given, run.traced, run.arrays, same), seen, damaged


def _run_of(
    recipe: Recipe,
    table: Table,
    state: State,
    done: Chunks,
    notes: tuple[list[str], list[str]],
    began: float,
    *,
    history: History,
    compile_seconds: float,
    seed: int,
    writers: tuple[Writer | None, Writer | None],
) -> Run:
    """The run that ended in a state, with its model, calibrated if the recipe asks for it, and its metrics.

    `notes` are those of the training and those of its folder; `writers` are those that `_left` returns.
    """
    model, calibration, note = calibrated(predictor_of(recipe, table, state), table)
    return Run(
        recipe=recipe,
        model=model,
        state=state,
        metrics=evaluate_splits(model, table),
        outcome=Outcome(int(state.outcome)),
        interrupted=done.interrupted,
        seconds=time.perf_counter() - began,
        notes=(*notes[0], *note, *notes[1]),
        data=table,
        calibration=calibration,
        history=history,
        compile_seconds=compile_seconds,
        seed=seed,
        unsaved=writers[0],
        last_state=writers[1],
    )


def _moments(
    watch: Callable[[Moment], Any], total: int, began: float, label: Callable[[list[Epochs]], History]
) -> Callable[[State | Place, list[Epochs]], Any]:
    """The callback of `run_chunks` that tells `watch` where the run stands."""

    def between(state: State | Place, epochs: list[Epochs]) -> Any:
        seconds = time.perf_counter() - began
        return watch(Moment(int(state.epoch), total, seconds, label(epochs), int(state.best_epoch)))

    return between


def _left(done: Chunks, checkpoints: Checkpoints, whole: bool) -> tuple[Writer | None, Writer | None]:
    """Writers of what the run's folder does not hold at the end: the last checkpoint, and the state after the last epoch.

    The checkpoint of an interrupted run is written here; its writer is returned if the folder refuses it. `whole` says that
    the run was not to end at an earlier epoch.
    """
    if not done.epochs:
        return None, None
    if not done.interrupted:
        last = functools.partial(checkpoints.write_last, state=done.state, epochs=done.epochs)
        return None, last if whole else None
    if checkpoints.save(done.state, done.epochs):
        return None, None
    return functools.partial(checkpoints.write, state=done.state, epochs=done.epochs), None


def _within_bounds(run: Prepared, state: State) -> State:
    """The state, with the initial params in place of kept ones whose loss is beyond the limit of divergence."""
    if state.outcome != Outcome.DIVERGED:
        return state
    if usable(predictor_of(run.recipe, run.table, state), run.table, float(state.unit)):
        return state
    fresh = run.start()
    return dataclasses.replace(
        state, best_params=fresh.best_params, best_stats=fresh.best_stats, best_epoch=jnp.int32(0)
    )
