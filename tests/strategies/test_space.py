import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.block import replace
from fallline.core.distribution import distributions
from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogInteger, LogUniform, Quantised, Uniform
from fallline.models import MLP
from fallline.optimizers import SGD, Adam, Momentum
from fallline.penalties import L2, ElasticNet
from fallline.schedules import Cosine
from fallline.searching.default_space import default_space
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

RECIPE = Recipe(
    encoding=None,
    model=MLP(hidden=Choice(((64,), (Integer(8, 32), 16))), dropout=Choice((None, Uniform(0.1, 0.5)))),
    optimizer=Choice(
        (
            Adam(Cosine(LogUniform(1e-4, 1e-1), warmup=Uniform(0, 0.2))),
            Momentum(LogUniform(1e-3, 1.0), momentum=Choice((0.9, Uniform(0.5, 0.99)))),
        )
    ),
    penalty=Choice((None, L2(LogUniform(1e-6, 1e-2)), ElasticNet(LogUniform(1e-6, 1e-2)))),
    batch_size=Quantised(LogUniform(32, 256), 32),
    epochs=LogInteger(3, 30),
)
SPACE = Space(RECIPE)
points = st.lists(st.floats(0, 1), min_size=len(SPACE), max_size=len(SPACE)).map(np.array)


def test_names_say_on_which_option_a_dimension_depends():
    assert {
        "model.hidden",
        "model.hidden[(Integer(low=8, high=32), 16)].0",
        "optimizer",
        "optimizer[adam].learning_rate.peak",
        "optimizer[momentum].momentum",
        "penalty[l2].strength",
        "batch_size",
    } <= set(SPACE.names)
    paths = {each.path for each in SPACE.dimensions}
    assert {"optimizer.learning_rate.peak", "optimizer.learning_rate", "penalty.strength"} <= paths


@given(points)
def test_values_and_points_are_the_same_thing(point):
    values = SPACE.values(point)
    again = SPACE.point(values)
    assert SPACE.values(again).keys() == values.keys()
    np.testing.assert_allclose(again, SPACE.snap(point)[0], atol=1e-9)
    assert SPACE.fill(SPACE.snap(point)[0]) == SPACE.fill(point)


@given(points)
def test_a_filled_recipe_has_no_distribution_and_the_values_at_their_paths(point):
    from fallline.core.block import get

    recipe = SPACE.fill(point)
    assert not list(distributions(recipe))
    paths = {each.name: each.path for each in SPACE.dimensions}
    for name, value in SPACE.values(point).items():
        found = get(recipe, paths[name]) if not paths[name].startswith("model.hidden") else None
        if isinstance(found, int | float) and not isinstance(value, str):
            assert found == value


def test_only_the_chosen_options_dimensions_are_active():
    at = SPACE.names.index
    point = SPACE.default.copy()
    point[at("optimizer")] = 0.9
    names = SPACE.values(point)
    assert names["optimizer"] == "momentum"
    assert "optimizer[momentum].learning_rate" in names
    assert "optimizer[adam].learning_rate.peak" not in names
    assert SPACE.snap(point)[0, at("optimizer[adam].learning_rate.peak")] == 0.5


def test_the_default_is_the_fields_own_where_it_is_in_the_range():
    recipe = replace(
        Recipe(), {"epochs": LogInteger(10, 300), "patience": Integer(30, 40), "optimizer.beta1": Uniform(0, 0.95)}
    )
    values = Space(recipe).values(Space(recipe).default)
    # The default epochs are a word, which has no place in the range: its middle is taken.
    assert values == {"optimizer.beta1": pytest.approx(0.9), "epochs": 53, "patience": 35}


def test_the_default_space_begins_with_the_recipe_itself():
    recipe = Recipe(optimizer=SGD(0.02))
    space = default_space(recipe)
    assert space.names == ("model.dropout", "optimizer.learning_rate", "penalty.strength")
    filled = space.fill(space.default)
    assert filled.optimizer.learning_rate == pytest.approx(0.02)
    assert filled.model == recipe.model
    assert default_space(RECIPE).names == SPACE.names


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Space(Recipe()), "has no distribution in any field"),
        (lambda: Space(Recipe(batch_size=Choice((32, -1)))), r"batch_size = Choice.*Recipe.batch_size = -1"),
        (lambda: Space(Recipe(epochs=Uniform(1, 30))), r"epochs = Uniform.*is not a whole number"),
        (lambda: Space(Recipe(encoding=None, model=MLP(hidden=(Uniform(2, 30),)))), "is not a list of layer widths"),
        (lambda: Space(RECIPE, {"epoch": 3}), "did you mean 'epochs'"),
        (lambda: SPACE.point({"optimizer": "adm"}), "did you mean 'adam'"),
        (lambda: SPACE.point({"optimiser": "adam"}), "did you mean 'optimizer'"),
    ],
)
def test_bad_input_is_named(make, words):
    with pytest.raises(FalllineError, match=words):
        make()
