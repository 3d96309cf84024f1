"""A study's doctor, on trials whose fates are made by hand."""

import numpy as np

import fallline as fl
from fallline.searching.doctor import diagnose_study
from fallline.searching.study import Study
from fallline.searching.trial import Trial

SPACE = fl.Space(
    fl.Recipe(optimizer=fl.Adam(fl.LogUniform(1e-5, 1.0)), model=fl.MLP(hidden=(8,), dropout=fl.Uniform(0.0, 0.5)))
)
TABLE = fl.load("sklearn:iris")


def study_of(score, count=60):
    """Trials over the space with scores from a function of (place of the rate, place of dropout); infinity diverged."""
    rng = np.random.default_rng(0)
    names = SPACE.names
    rate, drop = names.index("optimizer.learning_rate"), names.index("model.dropout")
    trials = []
    for number in range(count):
        point = rng.random(len(names))
        value = score(point[rate], point[drop], rng)
        outcome = "diverged" if value == np.inf else "finished"
        trials.append(
            Trial(number, point, SPACE.values(point), outcome, value, 0.01, 10.0, 10, 1.0, {"valid_loss": value})
        )
    return Study(SPACE, TABLE, tuple(trials), 0, 1.0, False)


def test_where_trials_diverge_and_what_the_best_share():
    found = diagnose_study(study_of(lambda u, v, rng: np.inf if u > 0.85 else (u - 0.5) ** 2 + 0.01 * rng.normal()))
    diverging = [each for each in found.failing if "diverged" in each]
    assert len(diverging) == 1
    assert diverging[0].startswith("optimizer.learning_rate from 0.1")
    assert any(each.startswith("the best") and "optimizer.learning_rate" in each for each in found.common)
    assert not any("dropout" in each for each in found.common)
    cells = [each for each in found.map if each.name == "optimizer.learning_rate"]
    assert len(cells) == 6
    assert sum(each.trials for each in cells) == 60
    assert cells[0].diverged == 0
    assert cells[-1].diverged > 0
    assert found.more is not None


def test_scores_that_say_nothing_make_no_sentences():
    found = diagnose_study(study_of(lambda u, v, rng: 1.0 + 0.01 * rng.normal()))
    assert found.common == ()
    assert not any("diverged" in each for each in found.failing)


def test_a_best_value_at_an_edge_is_a_bound_to_move():
    found = diagnose_study(study_of(lambda u, v, rng: 1.0 - v + 1e-4 * u))
    assert any("model.dropout" in each and "upper edge" in each for each in found.bounds)


def test_few_trials_and_only_failures_are_no_error():
    few = diagnose_study(study_of(lambda u, v, rng: u, count=3))
    assert few.failing == few.common == ()
    assert diagnose_study(study_of(lambda u, v, rng: np.inf)).more is None
    assert set(few.to_plain()) == {"map", "failing", "common", "bounds", "default", "more"}
