"""What callbacks are told, in which order, and how they stop a training or a search."""

from typing import Any

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.testing import checks

RECIPE = fl.Recipe(model=fl.MLP(hidden=(4,)), batch_size="all", epochs=6, patience=None)
TABLE = fl.Table.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
HEARD: list[tuple[Any, ...]] = []


class Recorder(fl.Callback):
    """Notes what it is told, and stops after an epoch or a trial."""

    word: str = structure("a", help="what its notes begin with")
    stop: int = structure(10**6, help="the epoch or the number of trials after which it stops")
    fails: str = structure("", help="the method that fails")

    def begin(self, begun):
        self.note("begin", begun)
        return [0]

    def epoch(self, state, number, values):
        self.note("epoch", number, values["train_loss"])
        return number >= self.stop

    def trial(self, state, number, values, scores):
        state[0] += 1
        self.note("trial", number, values, scores)
        return state[0] >= self.stop

    def end(self, state, ended):
        self.note("end", ended)

    def note(self, method, *facts):
        HEARD.append((self.word, method, *facts))
        if method == self.fails:
            raise OSError("full")


@pytest.fixture(autouse=True)
def _nothing_heard():
    HEARD.clear()


def methods(word: str = "a") -> list[str]:
    return [each[1] for each in HEARD if each[0] == word]


def test_every_epoch_is_told_and_the_run_is_the_same():
    run = fl.train(RECIPE, TABLE, callbacks=[Recorder()])
    assert methods() == ["begin", *["epoch"] * 6, "end"]
    begun, ended = HEARD[0][2], HEARD[-1][2]
    assert (begun.kind, begun.name, begun.total, begun.settings["model.hidden"]) == ("training", "arrays", 6, "4")
    assert begun.settings["optimizer"] == "adam"
    assert [each[3] for each in HEARD[1:-1]] == run.history["train_loss"].tolist()
    assert (ended.outcome, ended.metrics, ended.result) == ("finished", run.metrics, run)
    assert run.metrics == fl.train(RECIPE, TABLE).metrics


def test_a_callback_stops_the_training_after_its_epoch():
    run = fl.train(RECIPE, TABLE, callbacks=[Recorder("a", 3), Recorder("b")])
    assert len(run.history) == 3
    assert methods("b") == ["begin", *["epoch"] * 3, "end"]
    assert run.outcome.label == HEARD[-1][2].outcome


@pytest.mark.parametrize("fails", ["begin", "epoch", "end"])
def test_every_callback_ends_after_an_error(fails):
    with pytest.raises(OSError, match="full"):
        fl.train(RECIPE, TABLE, callbacks=[Recorder("a"), Recorder("b", fails=fails)])
    assert methods("a")[-1] == "end"
    assert methods("b").count("end") == (fails != "begin")
    assert HEARD[-1][2].outcome == ("finished" if fails == "end" else "failed")


def test_the_networks_of_an_ensemble_are_told_as_means():
    run = fl.train(RECIPE, TABLE, members=2, callbacks=[Recorder()])
    assert methods() == ["begin", *["epoch"] * 6, "end"]
    np.testing.assert_allclose([each[3] for each in HEARD[1:-1]], run.history["train_loss"], rtol=1e-6)


def test_trials_are_told_and_a_callback_stops_the_search():
    space = fl.replace(RECIPE, {"optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1), "epochs": 2})
    study = fl.search(space, TABLE, trials=12, batch=2, callbacks=[Recorder("a", 4)])
    assert methods() == ["begin", *["trial"] * 4, "end"]
    assert len(study) == 4
    begun, first, ended = HEARD[0][2], HEARD[1], HEARD[-1][2]
    assert (begun.kind, begun.total, "optimizer.learning_rate.peak" in begun.settings) == ("search", 12, False)
    assert first[3] == study.trials[0].values
    assert first[4]["score"] == study.trials[0].score * study.sign
    assert ended.metrics["best"]["score"] == study.best.trial.score * study.sign
    assert ended.result is study


def test_what_is_no_callback_is_refused():
    with pytest.raises(FalllineError, match="is no callback"):
        fl.train(RECIPE, TABLE, callbacks=[print])


@pytest.mark.parametrize("check", checks(Recorder()), ids=lambda each: each.name)
def test_contract(check):
    check(Recorder())
