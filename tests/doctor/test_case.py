"""What can be diagnosed: one network's run, not an ensemble's."""

import pytest

import fallline as fl
from fallline.core.errors import FalllineError


def test_an_ensemble_is_refused():
    recipe = fl.Recipe(model=fl.MLP(hidden=(4,)), encoding=None, epochs=2)
    table = fl.load("sklearn:iris")
    run = fl.train(recipe, table, members=2)
    with pytest.raises(FalllineError, match="an ensemble is diagnosed by its members"):
        fl.diagnose(run, table)
