"""Recipes of one structure are completed once, and each is as if it had been completed by itself."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.population.completing import complete_alike
from fallline.training.recipe import complete_for

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3)).astype(np.float32)
NUMBERS = fl.Table.from_arrays(X, 3 + np.abs(X[:, 0]))
CLASSES = fl.Table.from_arrays(X, (X[:, 0] > 0).astype(int))


def varied(recipe, path, values):
    return [fl.replace(recipe, {path: value}) for value in values]


RECIPES = [
    *varied(fl.Recipe(), "optimizer.learning_rate.peak", [0.1, 0.2, 0.3]),
    *varied(fl.Recipe(), "epochs", [3, 4, "auto"]),
    *varied(fl.Recipe(epochs=5), "patience", [2, None, "auto", 3]),
    *varied(fl.Recipe(encoding=None), "model.dropout", [0.1, 0.2, None]),
    *varied(fl.Recipe(encoding=fl.Periodic()), "encoding.sigma", [0.1, 0.2]),
    *varied(fl.Recipe(batch_size=16), "penalty.strength", [0.1, 0.2]),
    *varied(fl.Recipe(optimizer=fl.LBFGS()), "penalty.strength", [0.1, 0.2]),
    *varied(fl.Recipe(scaler=fl.Standardise(clip=2.0)), "scaler.clip", [1.0, 2.0, 3.0]),
]
ONLY = {
    "numbers": [
        *varied(fl.Recipe(loss=fl.Huber()), "loss.delta", [1.0, 2.0, 3.0]),
        *varied(fl.Recipe(target_transform="log"), "penalty.strength", [0.1, 0.2]),
        *varied(fl.Recipe(target_scaler=fl.Standardise(clip=2.0)), "target_scaler.clip", [1.0, 2.0]),
    ],
    "classes": [
        *varied(fl.Recipe(loss=fl.Focal()), "loss.gamma", [1.0, 2.0]),
        *varied(fl.Recipe(model=fl.TabM()), "penalty.strength", [0.1, 0.2]),
    ],
}


@pytest.mark.parametrize(("table", "kind"), [(NUMBERS, "numbers"), (CLASSES, "classes")], ids=["numbers", "classes"])
def test_each_is_as_if_completed_by_itself(table, kind):
    recipes = [*RECIPES, *ONLY[kind]]
    calls = []

    def complete(recipe):
        calls.append(recipe)
        return complete_for(recipe, table.dataset)

    found = complete_alike(recipes, complete)
    assert list(found) == [complete_for(each, table.dataset) for each in recipes]
    assert [type(each.epochs) for each in found] == [int] * len(recipes)
    assert len(calls) < len(recipes)


def test_a_recipe_that_does_not_fit_is_refused_wherever_it_stands():
    good, bad = fl.Recipe(), fl.Recipe(loss=fl.SquaredError())
    with pytest.raises(FalllineError, match="squared_error"):
        complete_alike([good, good, bad], lambda recipe: complete_for(recipe, CLASSES.dataset))
