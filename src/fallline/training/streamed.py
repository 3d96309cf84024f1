"""`train_stream(recipe, stream, seed) -> run`: a run whose rows come window by window, with checkpoints within an epoch."""

import dataclasses
import functools
import time
from collections.abc import Callable, Sequence
from contextlib import closing
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
from fallline.streams.stream import Stream
from fallline.streams.windows import window_rows
from fallline.training.calibration import calibrated
from fallline.training.crew import Crew
from fallline.training.evaluation import predictor_of, usable
from fallline.training.history import History, join
from fallline.training.preparation import Prepared
from fallline.training.recipe import Recipe
from fallline.training.resuming import digest_of
from fallline.training.run import Moment, Run
from fallline.training.state import Epochs, State
from fallline.training.stream_checkpoint import load_place, save_place
from fallline.training.stream_hands import hands_of
from fallline.training.stream_recipe import prepare_stream, with_exact_moments
from fallline.training.stream_scores import score_stream
from fallline.training.stream_steps import StreamFacts, StreamPosition
from fallline.training.window_program import compiled_tally
from fallline.training.worker import Place


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
    replaces: bool = False,
    rows: int | None = None,
    crew: Crew | None = None,
) -> StreamRun:
    """Train one recipe on a stream, with as many rows in memory as its `memory` allows.

    Every epoch reads the blocks of training rows in a new random order and cuts them into windows; the rows of a window are
    shuffled. Validation rows of the stream's sample judge the epochs.

    Arguments:
        recipe, seed, probes, watch, folder, checkpoint_seconds, resume: as for `train`. Between the windows of an epoch,
            `watch` is called if it has an attribute `within_epochs` that is true.
        stream: the stream.
        replaces: ignore checkpoints of other runs in the folder, instead of refusing to resume.
        rows: rows of a window, whole minibatches or all rows; chosen by the stream's memory by default.
        crew: processes that share every minibatch; None: this process computes alone.

    Raises: FalllineError as for `train`, for a recipe that needs all rows at every step, and for files that change during
        the run and are still needed.
    """
    began = time.perf_counter()
    run = prepare_stream(recipe, stream, seed, probes)
    if crew is not None:
        crew.check(run.recipe, stream.counts["train"])
    loop = _Loop(run, stream, rows, crew)
    kept = None if folder is None else Path(folder)
    with Keeping(kept) as keeping:
        place, seen, damaged = loop.start(), None, list[str]()
        identity = loop.identity(seed)
        described = {**identity, "columns": run.columns()}
        if resume and kept is not None:
            found, seen, damaged = load_place(kept, place, identity, run.recorded, len(loop.facts.counts), replaces)
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

    def __init__(self, run: Prepared, stream: Stream, rows: int | None, crew: Crew | None = None) -> None:
        assert isinstance(run.recipe.batch_size, int)
        self.run, self.stream, self.crew = run, stream, crew
        given, total = run.recipe.class_weight, stream.counts["train"]
        self.facts = StreamFacts(
            recipe=run.traced,
            arrays=run.arrays,
            recorded=as_arrays(run.recorded),
            words=tuple(int(each) for each in np.asarray(jax.random.key_data(run.key))),
            rows=window_rows(stream, run.recipe.batch_size) if rows is None else rows,
            total=total,
            weights=None if given is None else np.array([weight for _, weight in given], np.float32),
        )

    def start(self) -> StreamPosition:
        """The place before the first step."""
        state = with_exact_moments(self.run.start(), self.run.recipe, self.stream.collected, self.run.arrays)
        return StreamPosition(state, compiled_tally(self.facts.recipe, state, self.facts.recorded), 0)

    def identity(self, seed: int) -> dict[str, Any]:
        """What a checkpoint must agree in with the run that continues from it."""
        return {
            "recipe": digest_of(self.run.recipe),
            "data": self.stream.fingerprint,
            "seed": int(seed),
            "memory": f"{self.facts.rows} rows",
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
        label = self.run.history_from(0)

        def between(place: Place) -> Any:
            if watch is None or (place.window and not getattr(watch, "within_epochs", False)):
                return None
            return watch(self._moment(place, label(epochs), time.perf_counter() - began))

        def keep(place: Place) -> None:
            if place.running and hands.keep(place) and save is not None:
                save(hands.position(place))

        target = self.run.table.schema.target
        with (
            Interrupt() as interrupt,
            closing(hands_of(self.crew, self.facts, self.stream, target, place, epochs, interrupt)) as hands,
        ):
            at, why = drive(
                hands.place,
                hands.chunk,
                goal=lambda place: "" if place.running else "ended",
                interrupt=interrupt,
                watch=between,
                save=keep,
                every=every,
            )
            found = hands.position(at)
        if why == STOPPED and at.running:
            found = found._replace(state=dataclasses.replace(found.state, outcome=jnp.int32(Outcome.STOPPED)))
        return found, interrupt.asked and why != STOPPED and at.running, hands.first_seconds

    def _moment(self, place: Place, history: History, seconds: float) -> Moment:
        done = place.epoch + place.window / len(self.facts.counts)
        return Moment(done, int(self.run.recipe.epochs), seconds, history, place.best_epoch)


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
