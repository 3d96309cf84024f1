"""Epochs and patience that follow the number of steps: the rule, the words that ask for it, and where they are resolved."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.core.plain import parse
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.training.folder import Plan, plan_to_toml, read_plan
from fallline.training.length import LADDER, STEPS, auto_epochs, auto_patience
from fallline.training.recipe import complete, complete_for


@given(st.integers(1, 10**7), st.sampled_from([1, 32, 64, 256, 10**6]))
def test_steps_stay_within_the_budget_as_far_as_the_bounds_allow(rows, batch):
    epochs, steps = auto_epochs(rows, batch), math.ceil(rows / batch)
    assert epochs in LADDER
    assert epochs * steps <= STEPS or epochs == LADDER[0]
    higher = [each for each in LADDER if each > epochs]
    assert not higher or higher[0] * steps > STEPS


def test_more_rows_never_mean_more_epochs():
    lengths = [auto_epochs(rows, 32) for rows in range(1, 20_000, 37)]
    assert lengths == sorted(lengths, reverse=True)
    assert set(lengths) == set(LADDER)


def test_auto_is_filled_in_from_the_rows_and_the_batch():
    recipe = fl.Recipe(epochs="auto", patience="auto")
    done = complete(recipe, task="classification", training_rows=615)
    assert (done.epochs, done.patience) == (250, 50)
    done = complete(fl.replace(recipe, {"batch_size": 1}), task="classification", training_rows=615)
    assert (done.epochs, done.patience) == (60, 30)
    assert complete(fl.Recipe(patience=20), task="regression", training_rows=615).patience == 20
    assert complete(fl.Recipe(epochs=60), task="regression", training_rows=615).patience == 30
    assert complete(fl.Recipe(patience="auto", epochs=500), task="regression", training_rows=615).patience == 100
    plain = complete(fl.Recipe(), task="regression", training_rows=615)
    assert (plain.epochs, plain.patience) == (250, 50)


@pytest.mark.parametrize("field", ["epochs", "patience"])
def test_other_words_are_refused_and_auto_is_for_no_other_field(field):
    with pytest.raises(FalllineError, match=f"Recipe.{field} = 'Auto' is not a whole number or 'auto'"):
        fl.Recipe(**{field: "Auto"})
    with pytest.raises(FalllineError, match=r"= 'soon' is not a number or 'auto'"):
        parse(fl.Recipe(), field, "soon")
    with pytest.raises(FalllineError, match=r"Recipe.tolerance = 'auto' is not a number, a schedule"):
        fl.Recipe(tolerance="auto")
    assert getattr(parse(fl.Recipe(), field, "auto"), field) == "auto"


def test_a_recipe_file_keeps_the_word(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(plan_to_toml(Plan(fl.Recipe(epochs="auto", patience="auto"), {}, 0)))
    back = read_plan(path).recipe
    assert (back.epochs, back.patience) == ("auto", "auto")


def test_a_run_in_auto_is_the_run_with_its_numbers_to_the_bit(flowers, whole, same):
    recipe = fl.replace(whole, {"epochs": "auto", "patience": "auto"})
    run = fl.train(recipe, flowers)
    assert (run.recipe.epochs, run.recipe.patience) == (250, 50)
    again = fl.train(fl.replace(whole, {"epochs": 250, "patience": 50}), flowers)
    assert same(run.state, again.state)


def test_lanes_of_a_population_are_as_long_as_their_own_runs(flowers, whole):
    recipes = [fl.replace(whole, {"epochs": "auto", "patience": "auto", "batch_size": 16}),
               fl.replace(whole, {"epochs": 4, "batch_size": 16})]  # fmt: skip
    population = fl.evaluate(recipes, flowers)
    alone = complete_for(recipes[0], flowers.dataset)
    assert [int(each.epochs) for each in population.recipes] == [alone.epochs, 4]
    assert population.epochs[0] == len(fl.train(recipes[0], flowers).history)
    assert population.epochs[1] == 4


def test_a_model_file_must_hold_numbers(flowers, whole, tmp_path):
    path = tmp_path / "model.safetensors"
    fl.train(fl.replace(whole, {"epochs": 1}), flowers).model.save(path)
    arrays, described = load_tensors(path, "model")
    described["recipe"]["epochs"] = "auto"
    save_tensors(path, {name: np.asarray(each) for name, each in arrays.items()}, described)
    with pytest.raises(FalllineError, match="does not say how long it was trained"):
        fl.load_predictor(path)


def test_patience_is_a_fifth():
    assert [auto_patience(each) for each in LADDER] == [30, 30, 30, 30, 30, 40, 50]
