import dataclasses

import numpy as np
import pytest

import fallline as fl
from fallline.searching.against import AgainstDefault, against_default, default_sentence
from fallline.searching.default_space import default_space
from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.strategies import Grid, Random, Sobol
from fallline.strategies.space import Space
from fallline.strategies.tpe import TPE

RECIPE = fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=2, patience=None)
SPACE = Space(fl.replace(RECIPE, {"optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1)}))
POINT = "trial 0, the default point of the space (optimizer.learning_rate.peak = 0.001)"
TABLE = fl.Table.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), [0, 1] * 30)


def study(default: list[float], best: list[float], **changes) -> Study:
    trials = []
    for number, (point, scores) in enumerate(((SPACE.default, default), (np.array([0.123]), best))):
        columns = {f"score_of_run_{k}": score for k, score in enumerate(scores)} if len(scores) > 1 else {}
        error = np.std(scores, ddof=1) / np.sqrt(len(scores)) if columns else np.nan
        values = SPACE.values(point)
        trials.append(Trial(number, point, values, "finished", np.mean(scores), error, 2.0, 2, 0.1, columns))
    trials[0] = dataclasses.replace(trials[0], **changes)
    return Study(SPACE, TABLE, tuple(trials), 0, 1.0, False)


def test_the_gain_is_compared_fold_by_fold():
    # The folds differ by far more than the recipes do, which a comparison of means would take for noise.
    paired = against_default(study([1.0, 2.0, 3.0], [0.9, 1.88, 2.91]))
    assert paired.gain == pytest.approx(0.31 / 3)
    assert paired.error == pytest.approx(np.std([0.1, 0.12, 0.09], ddof=1) / np.sqrt(3))
    assert not paired.within_error
    assert f"better than {POINT} by 0.1 (1.897 against 2)" in paired.sentence
    chance = against_default(study([1.0, 2.0, 3.0], [0.2, 2.5, 3.2]))
    assert chance.within_error
    assert f"within its standard error of {POINT}, better by" in chance.sentence
    assert "may be chance" in chance.sentence


def test_the_default_may_be_the_best_stopped_or_not_tried():
    assert against_default(study([1.0, 2.0], [3.0, 4.0])).sentence.startswith(f"no trial is better than {POINT}")
    assert against_default(study([1.0, 2.0], [0.5, 0.5], outcome="pruned")) is None
    assert against_default(study([1.0, 2.0], [0.5, 0.5], point=np.array([0.9]))) is None
    single = against_default(study([1.0], [0.5]))
    assert not single.within_error
    assert "on one validation split; search with folds" in single.sentence


def test_the_sentence_names_the_point_that_was_compared_or_says_that_it_was_not_tried():
    assert default_sentence(study([1.0, 2.0], [0.5, 1.0])) == against_default(study([1.0, 2.0], [0.5, 1.0])).sentence
    never = default_sentence(study([1.0, 2.0], [0.5, 1.0], point=np.array([0.9])))
    assert never.startswith("the default point of the space (optimizer.learning_rate.peak = 0.001) was not tried")
    assert default_sentence(study([1.0], [0.5], outcome="pruned")).startswith(f"{POINT} was stopped early")
    assert default_sentence(study([np.inf], [0.5], outcome="diverged")).startswith(f"{POINT} diverged")
    far = Space(fl.replace(RECIPE, {"optimizer.learning_rate.peak": fl.LogUniform(0.05, 0.1)}))
    assert default_sentence(dataclasses.replace(study([1.0], [0.5]), space=far)) is None


def test_the_values_are_those_of_the_recipe_whose_usual_ranges_are_searched():
    recipe = fl.replace(RECIPE, {"optimizer.learning_rate.peak": 0.0123, "model.dropout": 0.25})
    space = default_space(recipe)
    trial = dataclasses.replace(study([1.0], [0.5]).trials[0], point=space.default)
    best = dataclasses.replace(trial, number=7, point=np.full(len(space), 0.4), score=0.5)
    found = dataclasses.replace(study([1.0], [0.5]), space=space, trials=(best, dataclasses.replace(trial, number=9)))
    assert "better than trial 9, the default point of the space (" in default_sentence(found)
    assert "model.dropout = 0.25" in default_sentence(found)
    assert "optimizer.learning_rate.peak = 0.0123" in default_sentence(found)


def test_of_many_values_a_few_are_named():
    choices = {
        "optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1),
        "optimizer.epsilon": fl.LogUniform(1e-10, 1e-6),
    }
    choices |= {"optimizer.learning_rate.warmup": fl.Uniform(0, 0.2), "optimizer.beta1": fl.Uniform(0.8, 0.95)}
    space = Space(fl.replace(RECIPE, {"optimizer.beta2": fl.Uniform(0.9, 0.9999), **choices}))
    assert space.holds_default
    none = dataclasses.replace(study([1.0], [0.5]), space=space, trials=())
    assert ", 1 more) was not tried" in default_sentence(none)


def test_a_study_of_an_earlier_version_has_the_errors_of_the_means():
    old = study([1.0, 2.0], [0.9, 1.8])
    old = dataclasses.replace(old, trials=tuple(dataclasses.replace(each, columns={}) for each in old.trials))
    assert against_default(old).error == pytest.approx(np.hypot(0.5, 0.45))


def test_the_monitored_value_is_shown_not_the_score():
    found = AgainstDefault("trial 0", default=0.9, best=0.95, gain=0.05, error=0.01, runs=5)
    assert "0.05 (0.95 against 0.9), with a standard error of 0.01 over 5 runs" in found.sentence


@pytest.mark.parametrize("proposer", [Random(), Sobol(), TPE()])
def test_the_first_trial_is_the_default_and_its_folds_are_kept(proposer):
    found = fl.search(SPACE, TABLE, trials=4, folds=2, strategy=proposer)
    assert found.trials[0].values["optimizer.learning_rate.peak"] == pytest.approx(fl.Cosine().peak)
    for each in found.trials:
        lanes = [each.columns[f"score_of_run_{k}"] for k in range(2)]
        assert each.score == pytest.approx(np.mean(lanes))
    assert against_default(found).runs == 2


def test_a_space_without_the_default_has_none_to_compare_with():
    far = Space(fl.replace(RECIPE, {"optimizer.learning_rate.peak": fl.LogUniform(0.05, 0.1)}))
    assert SPACE.holds_default
    assert not far.holds_default
    assert against_default(fl.search(far, TABLE, trials=2, folds=2)) is None
    grid = fl.search(SPACE, TABLE, trials=2, folds=2, strategy=Grid(2))
    assert against_default(grid) is None
    assert "was not tried" in default_sentence(grid)
    assert not Space(fl.replace(RECIPE, {"model.activation": fl.Choice((fl.Tanh(), fl.ELU()))})).holds_default
    assert Space(fl.replace(RECIPE, {"model.activation": fl.Choice((fl.Tanh(), fl.ReLU()))})).holds_default
