"""A run whose minibatches several workers share is the run of one process to rounding, whatever happens to the workers."""

import dataclasses
import os
import signal
import sys

import jax
import numpy as np
import pytest

import fallline as fl
from fallline.core.checkpoints import NAME
from fallline.optimizers import Accumulate, Adam, ClipByNorm, SkipNonfinite, WeightAverage
from fallline.training import crew
from fallline.workers.cluster import join, ray_package
from fallline.workers.group import GroupLostError, WorkerGroup

# Every rule over 200 steps: benchmarks/workers.py --rules.
RULES = [fl.Momentum(0.05), SkipNonfinite(Accumulate(fl.AdamW()))]


class Here:
    """Keeps the contract of `WorkerGroup` in this process: one worker whose mesh holds all devices of the process.

    It is lost at the calls whose numbers stand in `losses`, counted from 1 over all groups of a test.
    """

    losses: set[int] = set()
    calls = 0
    started = 0

    def __init__(self, make, message, count, address=None):
        self.make, self.message, self.worker = make, message, None

    def start(self):
        type(self).started += 1
        self.worker = self.make(self.message)

    def call(self, name, *arguments):
        assert self.worker is not None
        type(self).calls += 1
        if self.calls in self.losses:
            self.worker = None
            raise GroupLostError("the test says so")
        return getattr(self.worker, name)(*arguments)

    def close(self):
        self.worker = None


@pytest.fixture
def here(monkeypatch):
    """Workers in this process."""
    monkeypatch.setattr(Here, "losses", set())
    monkeypatch.setattr(Here, "calls", 0)
    monkeypatch.setattr(Here, "started", 0)
    monkeypatch.setattr(crew, "WorkerGroup", Here)
    return Here


@pytest.fixture(scope="module")
def small():
    """58 training rows in minibatches of 15: neither is a multiple of the number of devices."""
    return fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,), dropout=0.1), batch_size=15, epochs=6, patience=None)


def close(run, alone, rtol=1e-4):
    assert run.recipe == alone.recipe
    assert (run.outcome, run.best_epoch, run.steps) == (alone.outcome, alone.best_epoch, alone.steps)
    for one, other in zip(jax.tree.leaves(run.state.params), jax.tree.leaves(alone.state.params), strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)
    for name, column in alone.history.columns.items():
        np.testing.assert_allclose(run.history.columns[name], column, rtol=rtol, atol=1e-6, err_msg=name)
    for split, scores in alone.metrics.items():
        assert run.metrics[split] == pytest.approx(scores, rel=rtol, abs=1e-6)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_takes_the_steps_of_one_process(rule, here, flowers, small):
    recipe = dataclasses.replace(small, optimizer=rule)
    alone = fl.train(recipe, flowers, probes=())
    close(fl.train(recipe, flowers, probes=(), workers=2), alone)
    assert here.started == 1
    assert alone.steps == 24


@pytest.mark.parametrize(
    "changes",
    [
        {
            "model": fl.MLP(hidden=(4,), batch_norm=True, dropout=0.2),
            "penalty": fl.MaxNorm(1.0),
            "class_weight": "balanced",
        },
        {"optimizer": WeightAverage(ClipByNorm(Adam(0.05))), "patience": 2, "epochs": 40, "monitor": "accuracy"},
        {"optimizer": fl.LBFGS(), "batch_size": "all", "model": fl.MLP(hidden=(4,))},
    ],
    ids=["whole batch", "early stopping", "all rows"],
)
def test_what_is_taken_over_rows_is_taken_over_all_of_them(changes, here, flowers, small):
    """Batch normalisation, penalties, weights, monitors and every probe."""
    recipe = dataclasses.replace(small, **changes)
    alone = fl.train(recipe, flowers)
    close(fl.train(recipe, flowers, workers=2), alone, rtol=1e-3)


@pytest.fixture(scope="module")
def undisturbed(flowers, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(crew, "WorkerGroup", Here)
        patch.setattr(Here, "calls", 0)
        return fl.train(small, flowers, workers=2, callbacks=[fl.Callback()])


def ends_alike(run, other, same):
    # Callbacks see every epoch, so that a chunk is an epoch and the calls of the workers are known.
    assert same(run.state, other.state)
    assert same(run.history.columns, other.history.columns)
    assert run.metrics == other.metrics


@pytest.mark.parametrize("losses", [{1}, {2}, {4}, {3, 5, 7}, {9}, {14}])
@pytest.mark.parametrize("every", [0.0, 1e9])
def test_workers_that_are_lost_leave_no_trace(losses, every, here, undisturbed, flowers, small, same):
    here.losses = losses
    seen = []
    run = fl.train(
        small, flowers, workers=2, checkpoint_seconds=every, watch=lambda moment: seen.append(moment.epoch),
        callbacks=[fl.Callback()],
    )  # fmt: skip
    ends_alike(run, undisturbed, same)
    assert here.started == 1 + len([each for each in losses if each <= here.calls])
    assert seen[-1] == 6


def test_workers_that_are_always_lost_are_given_up(here, flowers, small):
    here.losses = set(range(3, 100))
    with pytest.raises(fl.FalllineError, match="lost 5 times at epoch 1, the last time because the test says so: give"):
        fl.train(small, flowers, workers=2, callbacks=[fl.Callback()])
    assert here.started == 5


@pytest.mark.parametrize("again", [2, None])
def test_an_interrupted_run_is_resumed_by_as_many_workers_to_the_bit(
    again, here, undisturbed, flowers, small, same, tmp_path
):
    def stop(moment):
        if moment.epoch == 3:
            os.kill(os.getpid(), signal.SIGINT)

    begun = fl.train(small, flowers, workers=2, folder=tmp_path, watch=stop, callbacks=[fl.Callback()])
    assert begun.interrupted
    assert len(begun.history) == 3
    assert (tmp_path / NAME).is_file()
    here.started = 0
    run = fl.train(small, flowers, workers=again, folder=tmp_path, resume=True, callbacks=[fl.Callback()])
    close(run, undisturbed)  # one process goes on too, to rounding
    if again:
        ends_alike(run, undisturbed, same)
    assert here.started == (1 if again else 0)


def test_a_watcher_stops_the_workers(here, flowers, small):
    run = fl.train(small, flowers, workers=2, watch=lambda moment: moment.epoch == 2, callbacks=[fl.Callback()])
    assert (run.outcome.label, len(run.history), run.interrupted) == ("stopped_early", 2, False)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"workers": 0}, "workers = 0 is not a number of processes: expected 1 or more"),
        ({"workers": -2}, "workers = -2 is not"),
        ({"workers": 2.0}, "workers = 2.0 is not"),
        ({"workers": True}, "workers = True is not"),
        ({"workers": "all"}, "workers = 'all' is not"),
        ({"workers": 16}, "workers = 16 cannot share a minibatch of 15 rows: expected at most 15"),
        ({"workers": 2, "members": 3}, "leave members and bag out, or workers"),
        ({"workers": 2, "bag": 3}, "leave members and bag out, or workers"),
        ({"ray": "head:6379"}, "ray says where workers compute, and their number is missing"),
        ({"workers": 2, "ray": "ray://head:10001"}, "is a client's: expected HOST:PORT"),
    ],
)
def test_what_workers_cannot_do_is_said(arguments, sentence, flowers, small, tmp_path):
    with pytest.raises(fl.FalllineError, match=sentence):
        fl.train(small, flowers, folder=tmp_path / "run", **arguments)
    assert not (tmp_path / "run" / NAME).exists()


def test_without_ray_its_extra_is_named(monkeypatch, flowers, small):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(fl.FalllineError, match=r'pip install "fallline\[ray\]"'):
        fl.train(small, flowers, workers=2)


def test_processes_on_ray_train_and_one_of_them_is_killed(monkeypatch, flowers, small):
    """Two true processes: all of it at once, since a cluster takes seconds to begin."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    groups, killed = [], []

    class Watched(WorkerGroup):
        def start(self):
            groups.append(self)
            super().start()

    def kill(moment):
        if moment.epoch >= 3 and not killed:
            killed.append(ray.get(groups[-1].members[1].__ray_call__.remote(lambda self: os.getpid())))
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(crew, "WorkerGroup", Watched)
    join(ray_package(), None)
    try:
        recipe = dataclasses.replace(small, optimizer=fl.Momentum(0.05), model=fl.MLP(hidden=(4,), batch_norm=True))
        alone = fl.train(recipe, flowers)
        run = fl.train(recipe, flowers, workers=2, watch=kill, checkpoint_seconds=0.0, callbacks=[fl.Callback()])
        with pytest.raises(fl.FalllineError, match=r"999 workers need a core each, and Ray has \d+: ask for at most"):
            WorkerGroup(len, (), 999)
    finally:
        ray.shutdown()
    assert len(killed) == 1
    assert len(groups) == 2
    close(run, alone)
