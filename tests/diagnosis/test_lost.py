"""A run is called lost only if it cannot come back."""

import numpy as np
import pytest

import fallline as fl
from fallline.diagnosis import StopWhenLost
from fallline.diagnosis.facts import facts_of
from fallline.diagnosis.lost import lost
from fallline.training.recipe import complete_for

FALL = 2.3 * np.exp(-np.arange(20) / 5)


@pytest.mark.parametrize(
    ("history", "name"),
    [
        ({"train_loss": FALL}, None),
        ({"train_loss": np.concatenate([[60.0, 40.0, 10.0], FALL])}, None),  # it comes back
        ({"train_loss": np.full(20, 50.0)}, "rate_jumps"),
        ({"train_loss": np.full(20, 50.0)[:4]}, None),  # too early to say
        ({"train_loss": FALL, "dense_1.dead": np.full(20, 0.99)}, None),
        ({"train_loss": np.full(20, 2.3), "dense_1.dead": np.ones(20)}, "dying"),
    ],
)
def test_lost(history, name):
    found = lost(history, 40, 2.3)
    assert (None if found is None else found[0]) == name


def test_the_watch_says_it_once_and_ends_the_run():
    table, said, seen = fl.load("sklearn:iris"), [], []
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(16, 16)), optimizer=fl.Adam(1e4), epochs=3000, patience=None)
    whole = complete_for(recipe, table.dataset)
    watch = StopWhenLost(facts_of(table.dataset), whole, say=said.append, then=seen.append)
    run = fl.train(recipe, table, watch=watch)
    assert len(said) == 1
    assert "this run is lost (" in said[0]
    assert len(run.history) < 3000
    assert seen
    good = StopWhenLost(facts_of(table.dataset), whole, say=said.append)
    sound = fl.replace(recipe, {"optimizer.learning_rate": 3e-3, "epochs": 12})  # the program of the lost one
    assert len(fl.train(sound, table, watch=good).history) == 12
    assert len(said) == 1
