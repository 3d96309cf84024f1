"""The contract of callbacks: they change nothing of a run but where it ends, and answer with True or nothing."""

import contextlib
import functools
import os
import tempfile
from collections.abc import Iterator

import numpy as np

from fallline.callbacks import Callback
from fallline.ensembles.train import train
from fallline.testing.base import demand, of
from fallline.testing.probes import RECIPE, table
from fallline.training.following import begun_training
from fallline.training.run import Run


@functools.cache
def _alone() -> Run:
    return train(RECIPE, table())


@contextlib.contextmanager
def _elsewhere() -> Iterator[None]:
    """A folder of its own as the current one, so that files with relative paths do not stay."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


@of("callback")
def keeps_the_run(callback: Callback) -> None:
    """A training with it is the training without it, to the bit, up to where it ends."""
    with _elsewhere():
        run = train(RECIPE, table(), callbacks=[callback])
    known = _alone().history
    demand(1 <= len(run.history) <= len(known), f"the training has {len(run.history)} epochs of {len(known)}")
    for name, values in run.history.items():
        same = np.array_equal(values, known[name][: len(run.history)], equal_nan=True)
        demand(same, f"{name} is {values.tolist()} instead of {known[name].tolist()}")


@of("callback")
def answers(callback: Callback) -> None:
    """After an epoch it returns True, which stops the training, or False or None, which do not."""
    run = _alone()
    with _elsewhere():
        state = callback.begin(begun_training(run.recipe, table(), 0))
        answer = callback.epoch(state, 1, run.history.row(0))
    demand(answer is None or isinstance(answer, bool | np.bool_), f"it returns {answer!r}")
