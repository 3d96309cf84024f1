"""A run on a stream whose windows several workers share is the run of one process to rounding, whatever happens to them."""

import dataclasses
import os
import signal
import sys

import numpy as np
import pytest
from tests.streams.conftest import folder, little, made, own_cache, short  # noqa: F401  (fixtures)
from tests.training.test_crew import Here, close, ends_alike, here  # noqa: F401  (fixtures)

import fallline as fl
from fallline.core.checkpoints import NAME
from fallline.optimizers import Adam, ClipByNorm, WeightAverage
from fallline.streams.shares import EMPTY, places_of
from fallline.streams.windows import window_counts
from fallline.training import crew
from fallline.training.crew import Crew
from fallline.training.streamed import train_stream
from fallline.workers.cluster import join, ray_package
from fallline.workers.group import WorkerGroup

ROWS = 255  # of a window: 17 minibatches of 15 rows, which neither two nor four devices divide
SMALL = fl.Recipe(model=fl.MLP(hidden=(4,), dropout=0.1), encoding=None, epochs=3, patience=None, batch_size=15)


@pytest.fixture
def stream(folder, short):  # noqa: F811
    """1,200 rows in 12 blocks; an epoch has four windows, of which the last one is not full."""
    return fl.scan(folder, "y")


@pytest.mark.parametrize("devices", [1, 2, 3, 7])
def test_the_shares_of_a_minibatch_are_its_rows_in_their_order(devices):
    order = np.random.default_rng(0).permutation(52).astype(np.int32)
    parts = [places_of(order, 47, 10, devices, each) for each in range(devices)]
    assert len({each.shape for each in parts}) == 1
    whole = np.concatenate(parts, axis=1)
    found = [row[row != EMPTY] for row in whole]
    assert [len(each) for each in found] == [10, 10, 10, 10, 7, 0]
    assert np.concatenate(found).tolist() == order[:47].tolist()


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": fl.Momentum(0.05)},
        {"model": fl.MLP(hidden=(4,), batch_norm=True, dropout=0.2), "penalty": fl.MaxNorm(1.0),
         "class_weight": "balanced"},
        {"optimizer": WeightAverage(ClipByNorm(Adam(0.05))), "patience": 2, "epochs": 12, "monitor": "accuracy"},
        {"shuffle": False},
    ],
    ids=["momentum", "whole batch", "early stopping", "in order"],
)  # fmt: skip
def test_workers_take_the_steps_of_one_process(changes, here, stream):  # noqa: F811
    """Batch normalisation, penalties, weights, monitors and every probe."""
    recipe = dataclasses.replace(SMALL, **changes)
    alone = train_stream(recipe, stream, rows=ROWS)
    run = train_stream(recipe, stream, rows=ROWS, crew=Crew(2), checkpoint_seconds=np.inf)
    close(run, alone, rtol=1e-3)
    assert here.started == 1
    steps = -(-stream.counts["train"] // 15)
    assert alone.steps == steps * len(alone.history)
    windows = len(window_counts(stream.counts["train"], ROWS)) * len(alone.history)
    assert here.calls == 2 + windows


def test_a_regression_with_several_targets_is_shared(here, folder, short):  # noqa: F811
    stream = fl.scan(folder, ["a", "count"])
    recipe = dataclasses.replace(SMALL, epochs=2, loss=None)
    close(train_stream(recipe, stream, rows=ROWS, crew=Crew(2)), train_stream(recipe, stream, rows=ROWS), rtol=1e-3)


@pytest.fixture
def undisturbed(here, stream):  # noqa: F811
    run = train_stream(SMALL, stream, rows=ROWS, crew=Crew(2))
    here.calls = here.started = 0
    return run


@pytest.mark.parametrize("every", [0.0, 1e9])
def test_workers_that_are_lost_leave_no_trace(every, here, undisturbed, stream, same):  # noqa: F811
    whole = undisturbed.history.columns
    for losses in ({1}, {2}, {4}, {3, 5, 7}, {9}, {14}):
        here.losses, here.calls, here.started = losses, 0, 0
        seen = []

        def watch(moment, seen=seen):
            seen.append(moment.done)

        watch.within_epochs = True
        run = train_stream(SMALL, stream, rows=ROWS, crew=Crew(2), checkpoint_seconds=every, watch=watch)
        ends_alike(run, undisturbed, same)
        assert same(run.history.columns, whole)
        assert here.started == 1 + len([each for each in losses if each <= here.calls])
        assert seen[-1] == 3


def test_workers_that_are_always_lost_are_given_up(here, stream):  # noqa: F811
    here.losses = set(range(4, 100))
    with pytest.raises(fl.FalllineError, match=r"lost 5 times at epoch 0, window [12], the last time because the test"):
        train_stream(SMALL, stream, rows=ROWS, crew=Crew(2))
    assert here.started == 5


@pytest.mark.parametrize("again", [Crew(2), None])
def test_a_run_that_is_interrupted_within_an_epoch_is_resumed(again, here, undisturbed, stream, same, tmp_path):  # noqa: F811
    def stop(moment):
        if moment.done == 1.5:
            os.kill(os.getpid(), signal.SIGINT)

    stop.within_epochs = True
    begun = train_stream(SMALL, stream, rows=ROWS, crew=Crew(2), folder=tmp_path, watch=stop)
    assert begun.interrupted
    assert len(begun.history) == 1
    assert (tmp_path / NAME).is_file()
    here.started = 0
    run = train_stream(SMALL, stream, rows=ROWS, crew=again, folder=tmp_path, resume=True)
    close(run, undisturbed)  # one process goes on too, to rounding
    if again:
        ends_alike(run, undisturbed, same)
    assert here.started == (1 if again else 0)


def test_a_stream_is_shared_whether_it_fits_or_not(here, folder, short, little):  # noqa: F811
    recipe = dataclasses.replace(SMALL, epochs=1)
    for memory, kind in (("1GB", "StreamRun"), ("2GB", "Run")):
        stream = fl.scan(folder, "y", memory=memory)
        run = fl.train(recipe, stream, workers=2)
        assert type(run).__name__ == kind
        close(run, fl.train(recipe, stream), rtol=1e-3)
    assert here.started == 2
    with pytest.raises(fl.FalllineError, match="workers = 16 cannot share a minibatch of 15 rows"):
        fl.train(recipe, fl.scan(folder, "y", memory="1GB"), workers=16)


def test_a_worker_that_finds_other_files_says_so(here, folder, short):  # noqa: F811
    stream = fl.scan(folder, "y", cache=0)
    assert stream.counts
    made(400, seed=8).write_parquet(folder / "2.parquet")
    with pytest.raises(fl.FalllineError, match="as a worker finds it, is not what this run began with"):
        train_stream(SMALL, stream, rows=ROWS, crew=Crew(2))
    (folder / "2.parquet").unlink()
    with pytest.raises(fl.FalllineError, match="as a worker finds it, is not what this run began with"):
        train_stream(SMALL, stream, rows=ROWS, crew=Crew(2))


def test_processes_on_ray_share_a_stream_and_one_of_them_is_killed(monkeypatch, folder, tmp_path):  # noqa: F811
    """Two true processes: all of it at once, since a cluster takes seconds to begin."""
    stream = fl.scan(folder, "y")
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "theirs"))  # they encode blocks of their own
    groups, killed = [], []

    class Watched(WorkerGroup):
        def start(self):
            groups.append(self)
            super().start()

    def kill(moment):
        if moment.done >= 1.5 and not killed:
            killed.append(ray.get(groups[-1].members[1].__ray_call__.remote(lambda self: os.getpid())))
            os.kill(killed[0], signal.SIGKILL)

    kill.within_epochs = True
    monkeypatch.setattr(crew, "WorkerGroup", Watched)
    recipe = dataclasses.replace(SMALL, model=fl.MLP(hidden=(4,), batch_norm=True))
    alone = train_stream(recipe, stream, rows=ROWS)
    join(ray_package(), None)
    try:
        run = train_stream(recipe, stream, rows=ROWS, crew=Crew(2), watch=kill, checkpoint_seconds=0.0)
    finally:
        ray.shutdown()
    assert len(killed) == 1
    assert len(groups) == 2
    close(run, alone, rtol=1e-3)
