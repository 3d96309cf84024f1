"""`train_stream(recipe, stream, seed) -> run`: a run whose rows come window by window, with checkpoints within an epoch."""

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.driving import STOPPED, drive
from fallline.core.interrupt import Interrupt
from fallline.core.keeping import Keeping, size_of
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.probes import RECORDED, Probe
from fallline.streams import Stream
from fallline.streams.windows import Window, ahead, block_order, window_counts, window_rows, windows
from fallline.training import window_program as compiled
from fallline.training.arrays import Arrays
from fallline.training.calibration import calibrated
from fallline.training.evaluation import predictor_of, usable
from fallline.training.history import History, join
from fallline.training.preparation import Prepared
from fallline.training.recipe import Recipe
from fallline.training.resuming import digest_of
from fallline.training.run import Moment, Run
from fallline.training.state import Epochs, State
from fallline.training.stream_checkpoint import StreamPosition, load_place, save_place
from fallline.training.stream_recipe import prepare_stream, with_exact_moments
from fallline.training.stream_scores import score_stream


@dataclasses.dataclass(frozen=True, repr=False)
class StreamRun(Run):
    """A finished training on a stream. `data` is the stream's sample, a table of some rows of each part.

    Arguments:
        counts: the rows of the stream that train, validate and test.
    """

    counts: dict[str, int] = dataclasses.field(default_factory=dict)

    def rows(self, table: Table) -> dict[str, int]:
        """Number of rows of each part of the stream."""
        return self.counts


def train_stream(
    recipe: Recipe,
    stream: Stream,
    *,
    seed: int = 0,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
    rows: int | None = None,
) -> StreamRun:
    """Train one recipe on a stream, with as many rows in memory as its `memory` allows.

    Every epoch reads the blocks of training rows in a new random order and cuts them into windows; the rows of a window are
    shuffled. Validation rows of the stream's sample judge the epochs.

    Arguments:
        recipe, seed, probes, watch, folder, checkpoint_seconds, resume: as for `train`. Between the windows of an epoch,
            `watch` is called if it has an attribute `within_epochs` that is true.
        stream: the stream.
        rows: rows of a window, whole minibatches or all rows; chosen by the stream's memory by default.

    Raises: FalllineError as for `train`, for a recipe that needs all rows at every step, and for files that change during
        the run and are still needed.
    """
    began = time.perf_counter()
    run = prepare_stream(recipe, stream, seed, probes)
    loop = _Loop(run, stream, rows)
    kept = None if folder is None else Path(folder)
    with Keeping(kept) as keeping:
        place, seen, damaged = loop.start(), None, list[str]()
        identity = loop.identity(seed)
        described = {**identity, "columns": run.columns()}
        if resume and kept is not None:
            found, seen, damaged = load_place(kept, place, identity, run.recorded, len(loop.counts))
            place = place if found is None else found
        keeping.try_for(size_of((place.state, place.tally)) if kept else 0)
        epochs = [] if seen is None else [seen]
        jax.block_until_ready(place.state.step)
        setup = time.perf_counter() - began

        def save(place: StreamPosition) -> bool:
            history = join(epochs) if epochs else None
            return keeping.save(lambda home: save_place(home, place, history, described, run.recorded))

        place, interrupted, first = loop.driven(
            place, epochs, watch=watch, began=began, save=save if kept else None, every=checkpoint_seconds
        )
        unsaved = None
        if interrupted and kept is not None and not save(place):
            history = join(epochs) if epochs else None
            unsaved = functools.partial(
                save_place, place=place, seen=history, described=described, recorded=run.recorded
            )
    state = _within_bounds(run, place.state, loop)
    model, calibration, note = calibrated(predictor_of(run.recipe, run.table, state, stream.counts["train"]), run.table)
    metrics, scored = score_stream(model, stream)
    notes = (*run.notes, *damaged, *stream.notes, *note, *scored, *keeping.notes)
    return StreamRun(
        recipe=run.recipe,
        model=dataclasses.replace(model, seen=stream.collected.seen),
        state=state,
        metrics=metrics,
        outcome=Outcome(int(state.outcome)),
        interrupted=interrupted,
        seconds=time.perf_counter() - began,
        notes=notes,
        data=run.table,
        calibration=calibration,
        history=run.history_from(0)(epochs),
        compile_seconds=setup + first,
        seed=int(seed),
        unsaved=unsaved,
        counts=stream.counts,
    )


class _Loop:
    """The epochs of a run on a stream."""

    def __init__(self, run: Prepared, stream: Stream, rows: int | None) -> None:
        assert isinstance(run.recipe.batch_size, int)
        self.run, self.stream, self.batch = run, stream, run.recipe.batch_size
        self.target = run.table.schema.target
        self.rows = window_rows(stream, self.batch) if rows is None else rows
        self.counts = window_counts(stream.counts["train"], self.rows)
        self.steps = -(-stream.counts["train"] // self.batch)
        self.recorded = as_arrays(run.recorded)
        self.words = tuple(int(each) for each in np.asarray(jax.random.key_data(run.key)))
        self.each = self._class_weights()
        self._windows: Iterator[Window] = iter(())

    def start(self) -> StreamPosition:
        """The place before the first step."""
        state = with_exact_moments(self.run.start(), self.run.recipe, self.stream.collected, self.run.arrays)
        return StreamPosition(state, self.tally(state), 0)

    def tally(self, state: State) -> Any:
        """The sums of an epoch before its first step."""
        return compiled.compiled_tally(self.run.traced, state, self.recorded)

    def identity(self, seed: int) -> dict[str, Any]:
        """What a checkpoint must agree in with the run that continues from it."""
        return {
            "recipe": digest_of(self.run.recipe),
            "data": self.stream.fingerprint,
            "seed": int(seed),
            "memory": f"{self.rows} rows",
        }

    def driven(
        self,
        place: StreamPosition,
        epochs: list[Epochs],
        *,
        watch: Callable[[Moment], Any] | None,
        began: float,
        save: Callable[[StreamPosition], Any] | None,
        every: float,
    ) -> tuple[StreamPosition, bool, float]:
        """Train until the run ends; returns the last place, whether Ctrl-C ended it, and the duration of the first window."""
        times: list[float] = []

        def step(place: StreamPosition) -> StreamPosition:
            asked_at = time.perf_counter()
            place = self._window(place, epochs, interrupt)
            times.append(time.perf_counter() - asked_at)
            return place

        def goal(place: StreamPosition) -> str:
            return "" if _running(place) else "ended"

        label = self.run.history_from(0)

        def between(place: StreamPosition) -> Any:
            if watch is None or (place.window and not getattr(watch, "within_epochs", False)):
                return None
            return watch(self._moment(place, label(epochs), time.perf_counter() - began))

        with Interrupt() as interrupt:
            try:
                place, why = drive(
                    place,
                    step,
                    goal=goal,
                    interrupt=interrupt,
                    watch=between,
                    save=None if save is None else lambda place: _running(place) and save(place),
                    every=every,
                )
            finally:
                self._close()
            if why == STOPPED and _running(place):
                stopped = dataclasses.replace(place.state, outcome=jnp.int32(Outcome.STOPPED))
                place = place._replace(state=stopped)
            return place, interrupt.asked and _running(place), times[0] if times else 0.0

    def _window(self, place: StreamPosition, epochs: list[Epochs], interrupt: Interrupt) -> StreamPosition:
        """Train on the next window; after the last one of an epoch, close it."""
        window = next(self._windows, None)
        if window is None:
            self._windows = self._epoch(int(place.state.epoch), place.window)
            window = next(self._windows)
        assert window.number == place.window
        state, tally = compiled.compiled_steps(
            self.run.traced,
            self._arrays(window),
            place.state,
            place.tally,
            np.int32(window.number),
            np.int32(window.number * (self.rows // self.batch)),
            np.int32(self.steps),
            self.recorded,
        )
        interrupt.wait(state.step)
        if window.number + 1 < len(self.counts):
            return StreamPosition(state, tally, window.number + 1)
        self._close()
        state, seen = compiled.compiled_closed(self.run.traced, self.run.arrays, state, tally, self.recorded)
        interrupt.wait(state.epoch)
        epochs.append(jax.tree.map(lambda leaf: np.asarray(leaf)[None], seen))
        return StreamPosition(state, self.tally(state), 0)

    def _epoch(self, epoch: int, first: int) -> Iterator[Window]:
        """The windows of an epoch from one on, filled in advance by a thread."""
        shuffled = self.run.recipe.shuffle and len(self.counts) > 1
        order = block_order(self.stream, self.words, epoch, shuffled)
        return ahead(lambda: windows(self.stream, self.target, order, self.rows, first))

    def _close(self) -> None:
        """End the thread that fills windows."""
        close = getattr(self._windows, "close", None)
        if close is not None:
            close()
        self._windows = iter(())

    def _arrays(self, window: Window) -> Arrays:
        y = window.y
        return dataclasses.replace(
            self.run.arrays,
            x=jax.device_put(window.x, may_alias=True),
            y=jax.device_put(y, may_alias=True),
            weight=None if self.each is None else jax.device_put(self.each[y]),
            train=jnp.zeros(0, jnp.int32),
            valid=jnp.zeros(0, jnp.int32),
            train_count=jax.device_put(np.int32(window.count)),
            valid_count=jax.device_put(np.int32(0)),
        )

    def _class_weights(self) -> np.ndarray | None:
        """The weight of each class, if the recipe has any."""
        given = self.run.recipe.class_weight
        return None if given is None else np.array([weight for _, weight in given], np.float32)

    def _moment(self, place: StreamPosition, history: History, seconds: float) -> Moment:
        done = int(place.state.epoch) + place.window / len(self.counts)
        return Moment(done, int(self.run.recipe.epochs), seconds, history, int(place.state.best_epoch))


def _running(place: StreamPosition) -> bool:
    return int(place.state.outcome) == Outcome.RUNNING


def _within_bounds(run: Prepared, state: State, loop: _Loop) -> State:
    """The state, with the initial params in place of kept ones whose loss is beyond the limit of divergence."""
    if int(state.outcome) != Outcome.DIVERGED or usable(
        predictor_of(run.recipe, run.table, state), run.table, float(state.unit)
    ):
        return state
    fresh = loop.start().state
    return dataclasses.replace(
        state, best_params=fresh.best_params, best_stats=fresh.best_stats, best_epoch=jnp.int32(0)
    )
