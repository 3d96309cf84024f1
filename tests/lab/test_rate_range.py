"""The learning-rate range: the plateau on made-up losses, refusals, real runs, and the ramp beside them."""

import re

import numpy as np
import pytest

import fallline as fl
from fallline.lab.plateau import plateau_of
from fallline.lab.ramp import ramp_of, smoothed
from fallline.lab.rate_range import RateRange, learning_rate_range, with_found

RATES = np.geomspace(1e-4, 1.0, 5)


def twice(*losses):
    return np.stack([losses, losses], axis=1).astype(float)


def test_the_plateau_of_made_up_losses():
    found = plateau_of(RATES, twice(2.0, 1.05, 1.0, 1.3, np.inf), 2.0)
    # The level is 1.1: it is crossed at 0.95 of the way back from 1e-3, and a third of the way from 1e-2 to 0.1.
    assert found.low == pytest.approx(1e-3 * 10 ** -(0.05 / 0.95))
    assert found.high == pytest.approx(1e-2 * 10 ** (1 / 3))
    assert found.centre == pytest.approx((found.low * found.high) ** 0.5)
    assert not found.refusal


@pytest.mark.parametrize(
    ("losses", "says"),
    [
        ((2.0, 2.0, 1.9, 2.0, 9.0), "falls by less than 10 %"),
        ((2.0, 1.9, 1.5, 1.2, 1.0), "nothing diverges or rises at the highest rate tried, 1,"),
        ((1.0, 1.0, 1.0, 1.5, 9.0), "the loss has fallen already at the lowest rate tried, 0.0001,"),
        ((np.inf,) * 5, "some seed diverges at every rate"),
    ],
)
def test_refusals(losses, says):
    found = RateRange(fl.Recipe(), RATES, twice(*losses), 2.0, 5, None)
    assert found.rate is None
    assert says in found.sentence
    with pytest.raises(fl.FalllineError, match="No learning rate can be suggested"):
        with_found(fl.Recipe(), found)
    assert "<svg" in found.figure().svg()


def test_real_runs_and_the_recipe_at_the_rate():
    data, recipe = fl.load("sklearn:iris"), fl.Recipe(model=fl.MLP((8,)), encoding=None)
    found = learning_rate_range(recipe, data, rates=7, seeds=2, epochs=12)
    assert found.plateau.low < found.rate < found.plateau.high
    assert with_found(recipe, found).optimizer.learning_rate == fl.Cosine(found.rate, warmup=0.05)
    alone = fl.train(
        fl.replace(recipe, {"epochs": 12, "patience": None, "keep": "last", "optimizer.learning_rate": float(found.rates[4])}),
        data,
        seed=1,
    )  # fmt: skip
    assert found.losses[4, 1] == pytest.approx(alone.history["valid_loss"][-1], rel=1e-4)
    svg = found.figure().svg()
    assert "suggested" in svg
    assert "ramp" in svg
    assert found.frame["good"].sum() >= 1
    assert found.ramp_sentence.startswith("The steepest point of an exponential ramp is")


def test_a_ramp_diverges_where_the_bowl_of_a_linear_network_does():
    # One linear unit and squared error, full batch: descent is stable up to a rate that the ramp must pass.
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3))
    data = fl.Table.from_arrays(x, x @ [1.0, -2.0, 0.5], test=0, valid=0.25)
    recipe = fl.Recipe(
        model=fl.MLP(()), optimizer=fl.SGD(1.0), penalty=None, encoding=None, batch_size="all", epochs=10, patience=None
    )
    found = ramp_of(recipe, "optimizer.learning_rate", data, 1e-3, 1e3, seeds=2, steps=60)
    ends = [np.flatnonzero(np.isfinite(each))[-1] for each in found.losses]
    assert all(0.3 < found.rates[each] < 30 for each in ends)
    assert np.nanmin(found.losses, axis=1).max() < 0.5 * found.losses[:, 0].min()


def test_smoothing_is_corrected_and_stops_when_the_loss_explodes():
    found = smoothed(np.array([1.0, 1.0, 1.0, 1e6, 1.0]))
    assert found[:3] == pytest.approx([1.0, 1.0, 1.0])
    assert np.isnan(found[3:]).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rates": 3}, "rates = 3"),
        ({"seeds": 1}, "seeds = 1"),
        ({"lowest": 1.0, "highest": 0.1}, "are no range"),
        ({"epochs": 0}, "epochs = 0"),
    ],
)
def test_what_is_refused(changes, says):
    with pytest.raises(fl.FalllineError, match=re.escape(says)):
        learning_rate_range(fl.Recipe(), fl.load("sklearn:iris"), **changes)


def test_rules_without_a_rate_to_find_are_refused():
    with pytest.raises(fl.FalllineError, match="chooses its own steps"):
        learning_rate_range(fl.Recipe(optimizer=fl.LBFGS()), fl.load("sklearn:iris"))
