"""`train(recipe, data, members=5)`: one run, or an ensemble of runs as lanes of one population."""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fallline.callbacks.base import Begun, Callback
from fallline.core.bar import LATE, both, quiet_unless
from fallline.core.driving import first_save
from fallline.core.errors import FalllineError
from fallline.core.keeping import Keeping, size_of
from fallline.core.outcome import Outcome
from fallline.core.whole import check_seed
from fallline.data.identity import SeenRows
from fallline.data.table import Table
from fallline.ensembles import checkpoint
from fallline.ensembles.lanes import EnsembleJob, MemberLane
from fallline.ensembles.out_of_fold import out_of_fold
from fallline.ensembles.run import EnsembleRun, mean_history, outcome_of_all
from fallline.metrics import metrics_of
from fallline.probes import RECORDED, Probe, recordable
from fallline.streams.stream import Stream
from fallline.training.arrays import scale_of, scored_rows
from fallline.training.calibration import temper
from fallline.training.crew import Crew, crew_of
from fallline.training.ensemble import MOST, Ensemble
from fallline.training.evaluation import evaluate_splits, predictor_of, usable
from fallline.training.following import Following, begun_training, ended_training
from fallline.training.history import History, columns_in, name_columns
from fallline.training.progress import RunProgress
from fallline.training.recipe import Recipe, complete_for, recipe_to_plain
from fallline.training.run import Moment, Run
from fallline.training.state import empty_history
from fallline.training.stream_recipe import prepare_stream
from fallline.training.streamed import train_stream
from fallline.training.train import train_from
from fallline.training.validation import layer_names


def train(
    recipe: Recipe,
    data: Table | Stream,
    *,
    seed: int = 0,
    members: int | None = None,
    bag: int | None = None,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
    workers: int | None = None,
    ray: str | None = None,
) -> Run:
    """Train one recipe on a table or a stream; with `members` or `bag`, several networks of it whose answers are averaged.

    Arguments:
        recipe: the recipe to train; fields left open are chosen from the data.
        data: a table with its split, or what `scan` returns, which is trained on in memory if its rows fit there.
        seed: seed of initial weights, minibatch order and dropout.
        members: number of networks with seeds of their own, trained together; the first has the given seed.
        bag: number of folds of the training and validation rows. One network per fold is trained on the others and
            validated on its own, and `metrics["out_of_fold"]` scores every row by the network that was not trained on it.
        probes: values recorded for every epoch besides losses and metrics; see `fallline.probes` for all of them.
        watch: callback between chunks of epochs; the run stops if it returns True.
        folder: folder for checkpoints; without it none are written. Writing is tested first. If a checkpoint cannot be
            written later, training continues and the run's notes say so.
        checkpoint_seconds: shortest time between two checkpoints.
        resume: continue from the newest intact checkpoint in the folder, if there is one.
        progress: show a progress bar; by default in a terminal and in a notebook, if the training takes over a second.
        callbacks: told of the beginning, of every epoch and of the end, with the right to stop; see `fallline.Callback`.
        workers: number of processes that share the rows of every minibatch, on Ray; None: this process computes alone.
        ray: address of the workers' Ray cluster, `HOST:PORT` or `auto`; None: Ray on this machine.

    Raises: FalllineError for a recipe that does not fit the data, probes that cannot be recorded together, and a folder
        that cannot be written to or is in use.

    >>> from fallline.data.table import load
    >>> run = train(Recipe(epochs=3), load("sklearn:iris"), members=3)
    >>> len(run.model.members), len(run.history), sorted(run.metrics)
    (3, 3, ['test', 'train', 'valid'])
    """
    count, crew = size_of_ensemble(members, bag), crew_of(workers, ray)
    if crew is not None and count > 1:
        raise FalllineError("workers share the minibatches of one network: leave members and bag out, or workers")
    if isinstance(data, Stream):
        if count > 1 and not data.fits:
            raise FalllineError("several networks are trained in memory, and the stream does not fit there: train one")
        data = data.table() if data.fits else data
    if callbacks:
        with Following(callbacks, _begun(recipe, data, seed, members, bag)) as following:
            seen = following.watch(watch)
            run = _fitted(
                recipe, data, count, seed, bag, probes, seen, folder, checkpoint_seconds, resume, progress, crew, 1
            )
            following.ended = ended_training(run)
        return run
    return _fitted(recipe, data, count, seed, bag, probes, watch, folder, checkpoint_seconds, resume, progress, crew)


def _begun(recipe: Recipe, data: Table | Stream, seed: int, members: int | None, bag: int | None) -> Begun:
    """What callbacks are told at the beginning."""
    if isinstance(data, Stream):
        return begun_training(prepare_stream(recipe, data, seed, ()).recipe, data.sample, seed)
    check_data(data, seed)
    return begun_training(complete_for(recipe, data.dataset), data, seed, members=members, bag=bag)


def _fitted(
    recipe: Recipe, data: Table | Stream, count: int, seed: int, bag: int | None, probes: Sequence[Probe],
    watch: Callable[[Moment], Any] | None, folder: str | Path | None, checkpoint_seconds: float, resume: bool,
    progress: bool | None, crew: Crew | None, every: int | None = None,
) -> Run:  # fmt: skip
    """The run of one network or of several, with a progress bar if it is asked for."""
    with RunProgress(0, quiet_unless(progress), LATE) as bar:
        seen = watch if bar.quiet else both(bar, watch)
        if isinstance(data, Stream):
            return train_stream(
                recipe, data, seed=seed, probes=probes, watch=seen, folder=folder, checkpoint_seconds=checkpoint_seconds,
                resume=resume, crew=crew,
            )  # fmt: skip
        if count == 1:
            return train_from(
                recipe, data, seed=seed, probes=probes, watch=seen, folder=folder, checkpoint_seconds=checkpoint_seconds,
                resume=resume, every=every, crew=crew,
            )  # fmt: skip
        return _train_several(
            recipe, data, count, seed, bag is not None, probes, seen, folder, checkpoint_seconds, resume
        )


def size_of_ensemble(members: object, bag: object) -> int:
    """The number of networks to train.

    Raises: FalllineError for numbers that are none, and for members and folds at once.
    """
    if members is not None and bag is not None:
        raise FalllineError("members and bag both say how many networks are trained: give one of them")
    for name, value, least in (("members", members, 1), ("bag", bag, 2)):
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= MOST:
            what = "networks" if name == "members" else "folds"
            raise FalllineError(f"{name} = {value!r} is not a number of {what}: expected {least} to {MOST}")
        return int(value)
    return 1


def seeds_of(seed: int, count: int) -> list[int]:
    """The seed of each member: the given one, then seeds drawn from it, so that ensembles of two seeds share no member.

    >>> seeds_of(7, 3) == seeds_of(7, 5)[:3], len(set(seeds_of(0, 5) + seeds_of(1, 5)))
    (True, 10)
    """
    drawn = np.random.Generator(np.random.Philox(key=int(seed))).integers(2**32, size=4 * MOST)
    found = dict.fromkeys([int(seed), *map(int, drawn)])
    return list(found)[:count]


def _train_several(
    recipe: Recipe,
    data: Table,
    count: int,
    seed: int,
    bag: bool,
    probes: Sequence[Probe],
    watch: Callable[[Moment], Any] | None,
    folder: str | Path | None,
    checkpoint_seconds: float,
    resume: bool,
) -> EnsembleRun:
    began = time.perf_counter()
    check_data(data, seed)
    if bag and data.dataset.time is not None:
        raise FalllineError(
            "folds by time leave the first rows in every training, so a bag has no score of all rows: take members instead"
        )
    recorded = recordable(probes)
    job = EnsembleJob(recipe, data, seeds_of(seed, count), count if bag else None, recorded)
    where = None if folder is None else Path(folder)
    identity = identity_of(job, seed, count, bag) if where else {}
    described = {**identity, "columns": described_columns(job)} if where else {}
    label, notes = labels_of(job), [job.note] if job.note else []
    with Keeping(where) as keeping:
        if resume and where is not None:
            found, damaged = checkpoint.load(where, job, identity)
            notes += [f"{each}; the one before it is used" if found else each for each in damaged]
        keeping.try_for(sum(size_of(part.kept) for part in job.parts) if where else 0)
        setup, due = time.perf_counter() - began, first_save(time.perf_counter(), checkpoint_seconds)

        def between() -> Any:
            nonlocal due
            now, answer = time.perf_counter(), None
            if watch is not None:
                answer = watch(_moment(job, label, now - began))
            if where is not None and now >= due:
                keeping.save(lambda home: checkpoint.save(home, job, described))
                due = now + checkpoint_seconds
            return answer

        interrupted, unsaved = job.run(between), None
        if interrupted and where is not None:

            def last(home: Path) -> None:
                checkpoint.save(home, job, described)

            unsaved = None if keeping.save(last) else last
    run = run_of(job, label, seed, bag, interrupted, [*notes, *keeping.notes], began)
    return dataclasses.replace(run, compile_seconds=setup + job.first_seconds, unsaved=unsaved)


def check_data(data: object, seed: object) -> None:
    """Raises: FalllineError for data and seeds that `train` refuses."""
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fallline.load(source) and "
            "fallline.Table.from_arrays(X, y) make"
        )
    check_seed(seed)
    if len(data.dataset.train) == 0:
        raise FalllineError("no rows are left for training: lower the shares for test and validation")
    if not len(scored_rows(data.dataset, data.dataset.train)):
        raise FalllineError("every training row has the weight 0: give some of them a weight")


def identity_of(job: EnsembleJob, seed: int, count: int, bag: bool) -> dict[str, Any]:
    """What a checkpoint belongs to."""
    said = json.dumps([recipe_to_plain(job.recipe), count, bag], sort_keys=True)
    return {"recipe": hashlib.sha256(said.encode()).hexdigest(), "data": job.table.fingerprint, "seed": int(seed)}


def described_columns(job: EnsembleJob) -> dict[str, Any]:
    """What a checkpoint says of the columns in the history of a lane."""
    names, metric = layer_names(job.recipe, job.arrays), metrics_of(job.table.task)[0].name
    return columns_in(job.recorded, metric, job.recipe.monitor, *names, scale_of(job.table.dataset))


def labels_of(job: EnsembleJob) -> Callable[[MemberLane], History]:
    """A function that names the columns of a lane's history."""
    names = layer_names(job.recipe, job.arrays)
    metric, scale = metrics_of(job.table.task)[0].name, scale_of(job.table.dataset)

    def label(lane: MemberLane) -> History:
        seen = empty_history(0, len(names[0]), len(names[1]), recorded=job.recorded) if lane.seen is None else lane.seen
        return name_columns(seen, job.recorded, metric, job.recipe.monitor, *names, 0, scale)

    return label


def _moment(job: EnsembleJob, label: Callable[[MemberLane], History], seconds: float) -> Moment:
    lanes = [lane for lane in job.lanes() if lane.seen is not None]
    history = mean_history([label(each) for each in lanes])
    best = int(np.median([int(each.state.best_epoch) for each in lanes]))
    return Moment(len(history), int(job.recipe.epochs), seconds, history, best)


def run_of(
    job: EnsembleJob,
    label: Callable[[MemberLane], History],
    seed: int,
    bag: bool,
    interrupted: bool,
    notes: list[str],
    began: float,
) -> EnsembleRun:
    """The run of an ensemble whose lanes have ended."""
    lanes = job.lanes()
    each = [_member(job, lane, label, interrupted) for lane in lanes]
    kept = [run for run in each if run.learnt]
    if len(kept) < len(each):
        notes = [*notes, f"{len(each) - len(kept)} of {len(each)} members diverged and were left out of the mean"]
    some, table = kept or each, job.table
    model = Ensemble.of([run.model for run in some], seen=_seen(table, bag))
    used = [lane for lane, run in zip(lanes, each, strict=True) if any(run is one for one in some)]
    metrics = _of_bag(model, table, used) if bag else evaluate_splits(model, table)
    return EnsembleRun(
        recipe=job.recipe,
        model=model,
        state=some[0].state,
        history=mean_history([run.history for run in some]),
        metrics=metrics,
        outcome=outcome_of_all([run.outcome for run in some]),
        interrupted=interrupted,
        seconds=time.perf_counter() - began,
        compile_seconds=0.0,
        seed=int(seed),
        notes=tuple(notes),
        members=tuple(some),
        how="bag" if bag else "members",
        data=job.table,
    )


def _member(job: EnsembleJob, lane: MemberLane, label: Callable[[MemberLane], History], interrupted: bool) -> Run:
    """The run of one member, as if it had been trained alone."""
    table = _table_of(job.table, lane)
    state, outcome = lane.state, Outcome(int(lane.state.outcome))
    model = predictor_of(job.recipe, table, state)
    if outcome is Outcome.DIVERGED and not usable(model, table, float(state.unit)):
        state = dataclasses.replace(state, best_epoch=np.int32(0))  # the member is left out
    calibration = None
    if job.recipe.calibrate == "temperature" and (tempered := temper(model, table)) is not None:
        model, calibration = tempered
    return Run(
        recipe=job.recipe,
        calibration=calibration,
        model=model,
        state=state,
        history=label(lane),
        metrics=evaluate_splits(model, table),
        outcome=outcome,
        interrupted=interrupted and outcome is Outcome.RUNNING,
        seconds=0.0,
        compile_seconds=0.0,
        seed=lane.seed,
    )


def _table_of(table: Table, lane: MemberLane) -> Table:
    """The table with a member's own training and validation rows."""
    data = table.dataset
    if np.array_equal(lane.train, data.train) and np.array_equal(lane.valid, data.valid):
        return table
    return dataclasses.replace(table, dataset=dataclasses.replace(data, train=lane.train, valid=lane.valid))


def _whole(table: Table) -> Table:
    """The table with all rows of a bag for training."""
    data = table.dataset
    rows = np.sort(np.concatenate([data.train, data.valid]))
    return dataclasses.replace(table, dataset=dataclasses.replace(data, train=rows, valid=rows[:0]))


def _seen(table: Table, bag: bool) -> SeenRows:
    """The rows that an ensemble has seen; every row of a bag has trained most of its members."""
    return _whole(table).seen if bag else table.seen


def _of_bag(model: Ensemble, table: Table, lanes: Sequence[MemberLane]) -> dict[str, dict[str, float]]:
    """The metrics of a bag: of the mean answer on rows that trained it and on test rows, and out of fold."""
    found = evaluate_splits(model, _whole(table))
    scored = out_of_fold(model.members, [lane.valid for lane in lanes], table)
    return {name: scored if name == "out_of_fold" else found[name] for name in ("train", "out_of_fold", "test")
            if name == "out_of_fold" or name in found}  # fmt: skip
