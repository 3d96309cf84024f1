"""A search on a stream tries a sample, and trains the best recipe on all rows, with checkpoints if it is given a folder."""

import dataclasses
import functools
import os
import signal

import pytest
from tests.streams.conftest import folder, little, made, own_cache, short  # noqa: F401  (fixtures)
from tests.training.conftest import same  # noqa: F401  (a fixture)

import fallline as fl
from fallline.core.checkpoints import NAME
from fallline.searching import study


@pytest.fixture
def best(folder, short, little, monkeypatch):  # noqa: F811
    monkeypatch.setattr("fallline.streams.windows.RUNNING", 10**9 - 40_000)  # four windows an epoch
    recipe = fl.Recipe(model=fl.MLP(hidden=(4,)), encoding=None, epochs=2, batch_size=16, patience=None)
    return fl.search(recipe, fl.scan(folder, "y", memory="1GB"), trials=1).best


def test_the_last_training_goes_on_where_it_was_interrupted(best, tmp_path, monkeypatch, same):  # noqa: F811
    whole, seen = best.run, []

    def stop(moment):
        seen.append(moment.done)
        if len(seen) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    stop.within_epochs = True
    own, home = study.train_stream, tmp_path / "run"
    monkeypatch.setattr(study, "train_stream", functools.partial(own, watch=stop))
    assert dataclasses.replace(best).train_in(home).interrupted
    assert (home / NAME).is_file()
    run = dataclasses.replace(best).train_in(home)
    assert same(run.state, whole.state)
    assert len(seen) == len(set(seen))  # no window was trained twice
    assert seen[-1] == 2
    again = dataclasses.replace(best, seed=1).train_in(home)  # the checkpoint of another best recipe is not refused
    assert again.seed == 1
    assert seen[-1] == 2
