"""PReLU, whose slopes are params, in lanes of several widths: padded units stay silent and the lane equals its own run."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.core.plain import parse


def test_lanes_of_several_widths_equal_their_own_runs():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 3)).astype(np.float32)
    table = fl.Table.from_arrays(x, np.array(["no", "yes"])[(x[:, 0] * x[:, 1] > 0).astype(int)], valid=0.2)
    base = fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(6,), activation=fl.PReLU()),
        optimizer=fl.Adam(0.02),
        batch_size=16,
        epochs=6,
        patience=None,
    )
    recipes = [fl.replace(base, {"model.hidden": (width,)}) for width in (6, 5, 4)]
    population = fl.evaluate(recipes, table)
    assert population.report.groups == 1
    for lane, recipe in enumerate(recipes):
        run = fl.train(recipe, table)
        assert population.score[lane] == pytest.approx(run.history["valid_loss"].min(), rel=1e-3)
        slopes = np.asarray(run.state.params["prelu_1"]["slope"])
        assert slopes.shape == recipe.model.hidden
        assert not np.isclose(slopes, 0.25, atol=1e-4).all()  # they are trained


def test_it_is_named_like_an_activation_and_other_layers_are_not():
    assert parse(fl.Recipe(), "model.activation", "prelu").model.activation == fl.PReLU()
    with pytest.raises(FalllineError, match=r"MLP.activation = 'layer_norm' is a layer and no activation"):
        parse(fl.Recipe(), "model.activation", "layer_norm")
    with pytest.raises(FalllineError, match="activation 'prelo' is unknown: did you mean 'prelu'"):
        parse(fl.Recipe(), "model.activation", "prelo")
