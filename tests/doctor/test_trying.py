"""Remedies that were tried: paired with plain reruns, measured on the rows that they are judged on, and never flattered."""

import dataclasses

import numpy as np
import pytest

import fallline as fl
from fallline.core.block import replace
from fallline.diagnosis import Remedy
from fallline.doctor.case import case_of
from fallline.doctor.measure import measure_for
from fallline.doctor.trying import Attempt, Tried, candidates, try_all

RATE = "optimizer.learning_rate.peak"


@pytest.fixture(scope="module")
def slow():
    """A run that its learning rate ruins."""
    recipe = fl.Recipe(
        encoding=None, model=fl.MLP(hidden=(16,)), optimizer=fl.Adam(fl.Cosine(1e-6)), epochs=12, patience=None
    )
    return fl.train(recipe, fl.load("sklearn:iris", valid=0.2))


@pytest.fixture(scope="module")
def tried(slow):
    return fl.diagnose(slow, try_remedies=True, seeds=2)


def test_a_remedy_that_helps_is_found_and_measured_beside_plain_reruns(slow, tried):
    assert tried.findings[0].name == "rate_low"
    best = tried.tried.best
    assert best is not None
    assert best.gain > 3 * best.error > 0
    assert best.value < best.plain  # a log loss
    assert any(path.startswith("optimizer") for path in best.remedy.changes)
    assert best.remedy.name.lower() in tried.tried.sentence.lower()
    # What is said to help does so on other seeds as well.
    fixed = fl.train(best.remedy.apply(slow.recipe), slow.data, seed=77)
    assert fixed.metrics["test"]["loss"] < 0.8 * slow.metrics["test"]["loss"]


def test_the_plan_of_the_trial(slow, tried):
    case = case_of(slow)
    found = candidates(case.recipe, tried, case)
    assert 2 <= len(found) <= 10
    assert len({str(each.changes) for each in found}) == len(found)
    assert (tried.tried.seeds, tried.tried.folds) == (2, 3)
    plain = tried.to_plain()["tried"]
    assert {each["verdict"] for each in plain["tried"]} <= {"helps", "hurts", "no clear difference"}
    assert len(plain["tried"]) == len(tried.tried.tried)


def test_no_difference_is_no_remedy(slow):
    """A change that does nothing is not called a remedy; neither is a gain within its error."""
    case = case_of(slow)
    same = tuple(
        Remedy(f"the same {name}", {name: getattr(slow.recipe, name)}) for name in ("tolerance", "keep", "shuffle")
    )
    found = fl.diagnose(slow)
    nothing = dataclasses.replace(found, findings=(dataclasses.replace(found.findings[0], remedies=same),))
    trial = try_all(case, nothing, seeds=2)
    assert [each.gain for each in trial.tried] == [0.0] * 6  # and their three pairs
    assert not any(each.helps for each in trial.tried)
    assert trial.best is None
    assert "None of 6" in trial.sentence
    unsure = Tried(Remedy("x", {}), 0.9, 1.0, 0.1, 0.06, 0.0, 10, 10, 0)
    assert not unsure.helps
    assert dataclasses.replace(unsure, error=0.03).helps
    assert dataclasses.replace(unsure, gain=-0.3).verdict == "hurts"
    assert "no change" in Attempt((), "", 2, 3, 0.0).sentence


def test_a_run_without_a_model_counts_as_a_constant_answer(slow):
    case = case_of(slow)
    measure = measure_for(case, fl.diagnose(slow))
    rows = case.data.dataset.valid
    loss, accuracy = measure.of(case.recipe, None, rows)
    shares = np.bincount(case.data.dataset.y[case.data.dataset.train]) / len(case.data.dataset.train)
    assert loss == pytest.approx(-np.log(shares[case.data.dataset.y[rows]]).mean())
    assert accuracy == pytest.approx((case.data.dataset.y[rows] == shares.argmax()).mean())
    own = measure.of(slow.recipe, slow.model.arrays, rows)
    assert own[1] == pytest.approx(slow.metrics["valid"]["accuracy"])


def test_changes_that_do_not_fit_are_left_out():
    recipe = fl.Recipe(optimizer=fl.LBFGS())
    assert not Remedy("minibatches", {"nowhere": 3}).fits(recipe)
    assert not Remedy("the same", {"optimizer": fl.LBFGS()}).fits(recipe)
    assert Remedy("dropout", {"model.dropout": 0.3}).fits(recipe)
    assert replace(recipe, {"model.dropout": 0.3}) == Remedy("dropout", {"model.dropout": 0.3}).apply(recipe)
