"""The loop of a search, with a trainer that only counts: what ends it, and what becomes of reserved trials."""

import signal
import time

import numpy as np
import pytest

from fallline.distributions import Uniform
from fallline.models import MLP
from fallline.searching.budget import Budget
from fallline.searching.driver import Driver
from fallline.searching.memory import Memory
from fallline.searching.store import Store
from fallline.searching.work import Trainer
from fallline.strategies import Random
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

SPACE = Space(Recipe(encoding=None, model=MLP(hidden=(4,), dropout=Uniform(0, 0.5)), epochs=2))


class Counting(Trainer):
    """Scores trials without training; presses Ctrl-C in the piece with the trial `at`, as `evaluate` reports it."""

    def __init__(self, at: int = -1) -> None:
        self.trained, self.at = [], at

    def train(self, pieces, watch):
        for piece in pieces:
            if self.at in piece.numbers:
                self.interrupted = True
                return
            self.trained += piece.numbers
            yield [
                {"number": n, "outcome": "finished", "score": 0.5, "error": None, "epochs": 2.0, "lane_epochs": 2,
                 "seconds": 0.1, "columns": {}}
                for n in piece.numbers
            ]  # fmt: skip

    def close(self) -> None:
        """Nothing is open."""


class Pressed(Random):
    """Ctrl-C is pressed while the third batch is proposed."""

    def propose(self, space, trial_history, numbers, seed):
        if 4 in numbers:
            signal.raise_signal(signal.SIGINT)
        return np.full((len(numbers), 1), 0.5)


@pytest.fixture(params=["memory", "database"])
def store(request, tmp_path):
    found = Memory() if request.param == "memory" else Store(tmp_path / "s.db")
    found.begin(0, {})
    yield found
    found.close()


def driver(store, trainer=None, strategy=None, watch=None, **budget) -> Driver:
    return Driver(
        SPACE, strategy or Random(), 0, Budget(**budget), store, trainer or Counting(), batch=2, piece=None,
        halving=None, watch=watch, sign=1.0, began=time.perf_counter(),
    )  # fmt: skip


def test_batches_are_trained_until_the_trials_are_used_up_and_each_is_told(store):
    seen = []
    found = driver(store, watch=seen.append, trials=5)
    found.run()
    assert found.trainer.trained == [0, 1, 2, 3, 4]
    assert not found.interrupted
    assert [each.done for each in seen if each.progress is None] == [0, 2, 2, 4, 4, 5, 5, 5]
    assert seen[-1].total == 5


@pytest.mark.parametrize(("budget", "trained"), [({"epochs": 4}, 2), ({"epochs": 5}, 4), ({"seconds": 0.0}, 0)])
def test_no_batch_begins_after_the_budget_is_used_up(store, budget, trained):
    found = driver(store, trials=8, **budget)
    found.run()
    assert len(found.trainer.trained) == trained
    assert not found.interrupted


def test_ctrl_c_in_a_batch_ends_the_search(store):
    found = driver(store, Counting(at=2), trials=8)
    found.run()
    assert found.interrupted
    assert [each.number for each in found.completed()] == [0, 1]


def test_ctrl_c_between_two_batches_ends_the_search_and_frees_what_was_reserved(store):
    before = signal.getsignal(signal.SIGINT)
    found = driver(store, strategy=Pressed(), trials=8)
    found.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert found.interrupted
    assert found.trainer.trained == [0, 1, 2, 3]
    if isinstance(store, Store):
        assert [(row.number, row.owner) for row in store.rows() if row.outcome is None] == [(4, None), (5, None)]


def test_a_second_ctrl_c_stops_at_once(store):
    class Twice(Random):
        def propose(self, space, trial_history, numbers, seed):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        driver(store, strategy=Twice(), trials=8).run()
