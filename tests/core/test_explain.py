"""Blocks found by the names that people use, and by what they speak of."""

import importlib

import pytest

from fallline.core.block import families, family, lookup, spelt
from fallline.core.errors import FalllineError
from fallline.core.explain import explain, mentions
from fallline.core.plain import from_plain

for part in (
    "callbacks",
    "control.recipe",
    "diagnosis",
    "methods",
    "probes",
    "strategies",
    "surfaces",
    "training.recipe",
):
    importlib.import_module(f"fallline.{part}")  # knows its families


@pytest.mark.parametrize("kind", families())
def test_no_two_blocks_of_a_family_share_a_name(kind):
    names = [spelt(each) for cls in family(kind).values() for each in (cls.name, *cls.aliases)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", families())
def test_every_alias_leads_to_its_block(kind):
    for name, cls in family(kind).items():
        assert lookup(kind, name) is cls
        for each in cls.aliases:
            assert each == each.lower().replace("-", "_")
            assert lookup(kind, each.replace("_", "-").title()) is cls
            assert cls.name in {found.name for found in explain(each)}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("he", "he_normal"), ("Kaiming", "he_normal"), ("xavier", "glorot_uniform"), ("lecun", "lecun_normal"),
        ("cross-entropy", "softmax_cross_entropy"), ("MSE", "squared_error"), ("mae", "absolute_error"),
        ("swish", "silu"), ("plateau", "reduce_on_plateau"), ("Grid Search", "grid"), ("perceptron", "mlp"),
    ],
)  # fmt: skip
def test_the_names_that_people_use(said, name):
    assert name in {each.name for each in explain(said)}


@pytest.mark.parametrize(
    ("said", "names"),
    [
        ("dead units", {"dead_at_start"}), ("minibatch", {"recipe.batch_size"}), ("early stopping", {"recipe.patience"}),
        ("learning rates", {"adagrad.learning_rate", "rate_low"}), ("amsgrad", {"adam.amsgrad"}),
        ("overfitting", {"overfits"}), ("exploding gradient", {"exploding"}), ("bias correction", {"adam.corrected"}),
    ],
)  # fmt: skip
def test_a_subject_leads_to_where_it_is_spoken_of(said, names):
    assert names <= {each.name for each in mentions(said, 20)}


def test_nothing_speaks_of_nonsense():
    assert mentions("xyzzy") == []
    assert mentions("") == []
    with pytest.raises(FalllineError, match="no block is called 'xyzzy'"):
        explain("xyzzy")


def test_a_recipe_may_use_another_name():
    assert from_plain("activation", {"name": "swish"}).name == "silu"
