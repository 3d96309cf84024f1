import jax
import jax.numpy as jnp
import pytest

from fallline.core.schedule import Schedule, Time, at_time
from fallline.layers import Dense, Dropout
from fallline.models import MLP, Network
from fallline.optimizers import Adam
from fallline.penalties import L2
from fallline.schedules import Constant, Cosine
from fallline.training.recipe import Recipe


def when(progress):
    return Time(*map(jnp.float32, (0.0, 0.0, progress)))


def test_a_schedule_stands_in_any_numeric_field():
    recipe = Recipe(
        encoding=None,
        model=MLP(dropout=Cosine(0.5)),
        optimizer=Adam(Cosine(1.0), beta1=Constant(0.5)),
        penalty=L2(Constant(0.25)),
    )
    now = at_time(recipe, when(0.5))
    assert float(now.model.dropout) == pytest.approx(0.25)
    assert float(now.optimizer.learning_rate) == pytest.approx(0.5)
    assert float(now.optimizer.beta1) == 0.5
    assert float(now.penalty.strength) == 0.25
    assert not any(
        isinstance(each, Schedule) for each in jax.tree.leaves(now, is_leaf=lambda n: isinstance(n, Schedule))
    )
    assert recipe.optimizer.learning_rate == Cosine(1.0)


def test_a_schedule_stands_in_a_schedule():
    nested = Cosine(Cosine(1.0), floor=Constant(0.0))
    assert float(at_time(nested, when(0.5))) == pytest.approx(0.25)


def test_a_schedule_stands_in_a_layer_of_a_tuple():
    now = at_time(Network((Dense(4), Dropout(Cosine(0.8)))), when(0.5))
    assert float(now.layers[1].rate) == pytest.approx(0.4)


def test_a_schedule_without_a_value_says_so():
    class Silent(Schedule):
        pass

    with pytest.raises(TypeError, match="Silent does not say its value"):
        at_time(Adam(Silent()), when(0.5))
