"""Forks: branches from an epoch of a run, of which the unchanged one repeats the run."""

import numpy as np
import pytest

import fallline as fl
from fallline.doctor.fork import values_for

RECIPE = fl.Recipe(encoding=None, model=fl.MLP(hidden=(8,), dropout=0.1), epochs=8, patience=None)


@pytest.fixture(scope="module")
def run():
    return fl.train(RECIPE, fl.load("sklearn:iris", valid=0.2), seed=3)


@pytest.fixture(scope="module")
def forked(run):
    return fl.fork(run, 4, {"optimizer.learning_rate.peak": [1e-3, 3.0], "model.dropout": [0.0]})


def test_the_unchanged_branch_repeats_the_run(run, forked):
    usual = forked.branches[0]
    assert usual.name == "as it was"
    assert usual.history["epoch"].tolist() == [5, 6, 7, 8]
    np.testing.assert_allclose(usual.history["valid_loss"], run.history["valid_loss"][4:], rtol=1e-4)
    np.testing.assert_array_equal(forked.trunk["train_loss"], run.history["train_loss"][:4])


def test_branches_differ_by_what_is_varied(forked):
    names = [each.name for each in forked.branches]
    assert names == [
        "as it was", "optimizer.learning_rate.peak = 0.001", "optimizer.learning_rate.peak = 3", "model.dropout = 0",
    ]  # fmt: skip
    high = forked.branches[2]
    assert high.history["train_loss"][-1] > 1.1 * forked.branches[0].history["train_loss"][-1]
    assert forked.best.score == min(each.score for each in forked.branches)
    plain = forked.to_plain()
    assert plain["best"] == forked.best.name
    assert len(plain["branches"][1]["valid_loss"]) == 4


def test_usual_values():
    recipe = fl.Recipe(batch_size=32)
    assert values_for(recipe, "batch_size") == [8, 16, 32, 64, 128]
    assert values_for(recipe, "optimizer.learning_rate.peak") == [3e-4, 9e-4, 3e-3, 9e-3, 0.03]
    assert values_for(recipe, "model.dropout") == [0.0, 0.1, 0.3, 0.5]
    assert values_for(recipe, "penalty.strength")[0] == pytest.approx(1e-5)


@pytest.mark.parametrize(
    ("epoch", "vary", "said"),
    [
        (0, ["model.dropout"], "expected 1 to 7"),
        (8, ["model.dropout"], "expected 1 to 7"),
        (2, [], "nothing is varied"),
        (2, ["model.activation"], "give them"),
        (2, ["model.dropuot"], "dropout"),
    ],
)
def test_wrong_requests_are_refused_in_a_sentence(run, epoch, vary, said):
    with pytest.raises(fl.FalllineError, match=said):
        fl.fork(run, epoch, vary)
