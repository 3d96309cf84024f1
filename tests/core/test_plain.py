import json
import tomllib

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fallline.activations import ReLU
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.plain import from_plain, to_plain
from fallline.initializers import GlorotNormal, HeUniform
from fallline.layers import Dense, Dropout
from fallline.losses import BinaryCrossEntropy
from fallline.models import MLP, Network
from fallline.optimizers import SGD, Adam, Momentum
from fallline.penalties import L2
from fallline.scalers import Standardise, Unscaled
from fallline.schedules import Constant, Cosine
from fallline.training.recipe import Recipe, recipe_from_plain, recipe_to_plain

positive = st.floats(0, 1e30, allow_subnormal=False)
share = st.floats(0, 0.999)
rates = st.one_of(positive, st.builds(Constant, positive), st.builds(Cosine, positive, share, positive))
layers = st.lists(
    st.one_of(
        st.builds(Dense, st.integers(1, 99), st.sampled_from([HeUniform(), GlorotNormal()]), bias=st.booleans()),
        st.just(ReLU()),
        st.builds(Dropout, share),
    ),
    max_size=4,
)
recipes = st.builds(
    Recipe,
    model=st.one_of(
        st.builds(MLP, st.lists(st.integers(1, 500), max_size=3), dropout=st.one_of(st.none(), share)),
        st.builds(Network, layers.map(tuple)),
    ),
    loss=st.sampled_from([None, BinaryCrossEntropy()]),
    optimizer=st.one_of(
        st.builds(SGD, rates), st.builds(Momentum, rates, share), st.builds(Adam, rates, share, share, positive)
    ),
    penalty=st.one_of(st.none(), st.builds(L2, positive)),
    scaler=st.sampled_from([Standardise(), Unscaled()]),
    target_scaler=st.sampled_from([None, Standardise()]),
    batch_size=st.one_of(st.none(), st.just("all"), st.integers(1, 10**6)),
    epochs=st.integers(0, 10**9),
    patience=st.one_of(st.none(), st.integers(1, 10**9)),
    tolerance=positive,
    monitor=st.sampled_from(["loss", "accuracy", "none"]),
)


@given(recipes)
def test_a_recipe_comes_back_from_toml_and_from_json(recipe):
    plain = recipe_to_plain(recipe)
    assert recipe_from_plain(tomllib.loads(tomli_w.dumps(plain))) == recipe
    assert recipe_from_plain(json.loads(json.dumps(plain))) == recipe


def test_traced_numbers_come_back_as_they_were_written():
    plain = to_plain(as_arrays(Adam(0.001, beta1=0.9)))
    assert (
        plain.items()
        >= {"name": "adam", "learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-08}.items()
    )
    assert to_plain(SGD(np.float32(0.1))) == {"name": "sgd", "learning_rate": 0.1}


def test_a_name_alone_is_a_block_with_its_defaults():
    assert from_plain("optimizer", "adam") == Adam()
    assert recipe_from_plain({"penalty": "l2", "optimizer": {"name": "sgd", "learning_rate": 1}}).optimizer == SGD(1.0)
    assert recipe_from_plain({"penalty": "none"}).penalty is None
    assert recipe_from_plain({}) == Recipe()


REFUSED = [
    ({"optimiser": {}}, "has no field 'optimiser': did you mean 'optimizer' (valid: 'batch_size', "),
    ({"optimizer": {"name": "adm"}}, "optimizer 'adm' is unknown: did you mean 'adam'"),
    ({"optimizer": {"learning_rate": 0.1}}, "[recipe.optimizer] does not say which optimizer it is"),
    ({"optimizer": {"name": "sgd", "lr": 0.1}}, "[recipe.optimizer] sgd has no field 'lr'"),
    ({"optimizer": {"name": "sgd", "learning_rate": -1}}, "SGD.learning_rate = -1.0 is outside"),
    ({"optimizer": {"name": "sgd", "learning_rate": "big"}}, "recipe.optimizer.learning_rate] = 'big' is not a number"),
    ({"optimizer": {"name": "sgd", "learning_rate": True}}, "is not a number"),
    ({"optimizer": {"name": "sgd", "learning_rate": [0.1]}}, "is not a number"),
    (
        {"optimizer": {"name": "sgd", "learning_rate": {"name": "cosin"}}},
        "'cosin' is no schedule: did you mean 'cosine'",
    ),
    ({"optimizer": {"name": "sgd", "learning_rate": {"name": ["cosine"]}}}, "is no schedule"),
    ({"optimizer": {"name": "sgd", "learning_rate": {}}}, "is no schedule"),
    ({"optimizer": {"name": "mlp"}}, "optimizer 'mlp' is unknown"),
    ({"optimizer": {"name": "os.system"}}, "optimizer 'os.system' is unknown"),
    ({"optimizer": {"name": ["adam"]}}, "does not say which optimizer it is"),
    ({"optimizer": {"name": {}}}, "does not say which optimizer it is"),
    ({"optimizer": 3}, "does not say which optimizer it is"),
    ({"optimizer": "none"}, "optimizer 'none' is unknown"),
    ({"model": {"name": "network", "layers": [{"name": "dense"}]}}, "[recipe.model.layers.0] dense is incomplete"),
    ({"model": {"name": "network", "layers": [{"name": "adam"}]}}, "is unknown"),
    ({"model": {"name": "mlp", "hidden": ["a"]}}, "MLP.hidden = ('a',) is not a list of layer widths"),
    ({"epochs": [3]}, "Recipe.epochs = (3,) is not a whole number"),
    ({"epochs": 1.5}, "Recipe.epochs = 1.5 is not a whole number"),
    ({"name": "adam"}, "recipe 'adam' is unknown"),
]


@pytest.mark.parametrize(("plain", "sentence"), REFUSED, ids=[str(plain)[:60] for plain, _ in REFUSED])
def test_a_file_can_only_say_what_is_declared(plain, sentence):
    with pytest.raises(FalllineError) as caught:
        recipe_from_plain(plain)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
