import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.activations import ReLU, Sigmoid, Tanh
from fallline.core.block import replace
from fallline.initializers import Orthogonal
from fallline.layers import Dense, Dropout
from fallline.models import MLP, Network
from fallline.population.widths import MOST_WASTE, arithmetic, hidden_of, narrow_params, padded_like, widen
from fallline.training.recipe import Recipe


def with_model(model, *hidden):
    return [replace(replace(Recipe(), {"model": model}), {"model.hidden": each}) for each in hidden]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (MLP(activation=Tanh(), batch_norm=True, dropout=0.2), True),
        (MLP(activation=Sigmoid()), False),  # a unit without weights would answer 1/2
        (MLP(layer_norm=True), False),
        (MLP(pieces=2), False),
        (MLP(initializer=Orthogonal()), False),
        (MLP(output_initializer=Orthogonal()), False),
        (Network((Dense(8), ReLU())), False),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_model_says_whether_it_can_be_padded(model, expected):
    assert model.paddable is expected
    if isinstance(model, MLP):
        wide = widen(with_model(model, (8, 8), (8, 7)), 5, 2)
        assert (wide[0] == wide[1]) is expected


def test_a_model_without_widths_stays_as_it_is():
    recipes = [replace(Recipe(), {"model": Network((Dense(width), ReLU()))}) for width in (8, 7)]
    assert [hidden_of(each) for each in recipes] == [(), ()]
    assert widen(recipes, 5, 2) == recipes


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=12), st.integers(1, 20))
def test_no_bucket_wastes_more_than_its_share_and_nobody_shrinks(hidden, runs):
    recipes = with_model(MLP(), *hidden)
    wide = widen(recipes, 5, 2, runs)
    own = [arithmetic(each, 5, 2) for each in hidden]
    spent = [arithmetic(hidden_of(each), 5, 2) for each in wide]
    assert all(
        all(a <= b for a, b in zip(each, hidden_of(w), strict=True)) for each, w in zip(hidden, wide, strict=True)
    )
    assert sum(spent) <= (1 + MOST_WASTE) * sum(own)
    assert [replace(w, {"model.hidden": each}) for w, each in zip(wide, hidden, strict=True)] == recipes


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_weights_of_a_narrow_network_are_the_corner_of_the_wide_ones(batch_norm):
    model = MLP(hidden=(4, 3), dropout=0.1, batch_norm=batch_norm)
    narrow, wide = model.network(2), replace(model, {"hidden": (6, 5)}).network(2)
    key = jax.random.key(0)
    params = narrow_params(wide, key, 5, np.array([4, 3], np.int32))
    own, _ = narrow.init(key, (5,))
    assert params.keys() == own.keys()
    shapes = jax.eval_shape(lambda key: wide.init(key, (5,))[0], key)
    padded = padded_like(own, shapes)
    for path, leaf in jax.tree_util.tree_flatten_with_path(padded)[0]:
        found = params[path[0].key][path[1].key]
        np.testing.assert_allclose(found, leaf, rtol=1e-6, err_msg=str(path))


def test_layers_say_whether_they_have_units_and_a_network_where_they_are():
    network = MLP(hidden=(4, 3), dropout=0.1).network(2)
    assert [(name, inputs, outputs, layer.has_units) for name, layer, inputs, outputs in network.walk(5)] == [
        ("dense_1", 5, 4, True),
        ("dropout_1", 4, 4, False),
        ("dense_2", 4, 3, True),
        ("dropout_2", 3, 3, False),
        ("dense_3", 3, 2, True),
    ]
    assert network.outputs(5) == 2
    assert not Dropout(0.1).has_units
