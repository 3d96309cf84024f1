import pytest

import fallline as fl
from fallline.searching.budget import expand

SPACE = fl.replace(fl.Recipe(epochs=2), {"optimizer.learning_rate.peak": fl.LogUniform(1e-4, 1e-1)})


@pytest.fixture(scope="module")
def table():
    return fl.load("sklearn:iris")


def test_fields_by_themselves_are_those_of_the_budget_and_the_validation(table):
    whole = fl.search(SPACE, table, budget=fl.Budget(trials=4), validation=fl.Validation(folds=2))
    short = fl.search(SPACE, table, trials=4, folds=2)
    assert [each.score for each in whole.trials] == [each.score for each in short.trials]
    assert len(whole) == 4
    assert whole.trials[0].error > 0


def test_fields_by_themselves_take_precedence():
    budget, validation = expand(fl.Budget(9, seconds=3.0), fl.Validation(5), {"trials": 2, "seeds": 3})
    assert (budget, validation) == (fl.Budget(2, seconds=3.0), fl.Validation(5, 3))


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"trails": 3}, TypeError, "unexpected keyword argument 'trails'"),
        ({"budget": 30}, fl.FalllineError, r"budget = 30 .*fallline.Budget"),
        ({"validation": 5}, fl.FalllineError, r"validation = 5 .*fallline.Validation"),
        ({"trials": 0}, fl.FalllineError, "trials = 0: expected 1 or more"),
        ({"seeds": 0}, fl.FalllineError, "seeds = 0: expected 1 or more"),
        ({"batch": 0}, fl.FalllineError, "batch = 0: expected 1 or more"),
    ],
)
def test_what_cannot_be_is_refused(table, options, error, says):
    with pytest.raises(error, match=says):
        fl.search(SPACE, table, **options)
