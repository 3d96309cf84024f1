"""Class weights of a recipe: the same run as with the rows' own weights, judged on rows that weigh as the data say."""

import dataclasses

import numpy as np
import pytest
from sklearn.utils import compute_class_weight

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.training import chunks
from fallline.training.class_weights import parse_class_weight, weighed, with_class_weights
from fallline.training.folder import Plan, plan_to_toml, read_plan
from fallline.training.recipe import LATER, recipe_to_plain
from fallline.training.resuming import digest_of

PAIRS = (("a", 2.0), ("b", 1.0), ("c", 0.5))


@pytest.fixture(scope="module")
def quick(whole):
    return fl.replace(whole, {"epochs": 4})


def by_rows(table, weights):
    """The table with a weight per row, written without the code under test; test rows weigh 1."""
    data = table.dataset
    w = np.ones(len(data.x), np.float32)
    for row in [*data.train, *data.valid]:
        w[row] = weights[table.classes[data.y[row]]]
    return dataclasses.replace(table, dataset=dataclasses.replace(data, weight=w))


def test_a_run_is_the_run_with_weighted_rows_to_the_bit(flowers, quick, same):
    run = fl.train(fl.replace(quick, {"class_weight": PAIRS}), flowers)
    other = fl.train(quick, by_rows(flowers, dict(PAIRS)))
    assert same(run.state, other.state)
    assert same(run.history.columns, other.history.columns)
    assert not same(run.state.params, fl.train(quick, flowers).state.params)


def test_metrics_weigh_rows_as_the_data_do(flowers, quick):
    run = fl.train(fl.replace(quick, {"class_weight": PAIRS}), flowers)
    data = flowers.dataset
    for split, rows in (("train", data.train), ("valid", data.valid), ("test", data.test)):
        p = run.model.probabilities(data.x[rows]).astype(np.float64)
        assert run.metrics[split]["accuracy"] == pytest.approx(np.mean(p.argmax(axis=1) == data.y[rows]))
        assert run.metrics[split]["loss"] == pytest.approx(
            -np.log(p[np.arange(len(rows)), data.y[rows]]).mean(), rel=1e-4
        )


def test_balanced_is_scikit_learns(flowers, quick):
    done = with_class_weights(fl.replace(quick, {"class_weight": "balanced"}), flowers)
    y = flowers.dataset.y[flowers.dataset.train]
    expected = compute_class_weight("balanced", classes=np.arange(3), y=y)
    assert [label for label, _ in done.class_weight] == ["a", "b", "c"]
    np.testing.assert_allclose([weight for _, weight in done.class_weight], expected)
    run = fl.train(fl.replace(quick, {"class_weight": "balanced"}), flowers)
    assert run.recipe.class_weight == done.class_weight  # the run's recipe holds the numbers


def test_rows_with_weights_of_their_own_are_multiplied(flowers, quick):
    own = np.linspace(0.5, 2.0, len(flowers.dataset.x)).astype(np.float32)
    table = dataclasses.replace(flowers, dataset=dataclasses.replace(flowers.dataset, weight=own))
    done = weighed(table, with_class_weights(fl.replace(quick, {"class_weight": {"b": 4}}), table))
    data, rows = table.dataset, table.dataset.train
    np.testing.assert_array_equal(done.dataset.weight[rows], own[rows] * np.where(data.y[rows] == 1, 4, 1))
    np.testing.assert_array_equal(done.dataset.weight[data.test], own[data.test])
    assert table.dataset.weight is own  # the table that was given is not changed


def test_a_population_equals_single_runs(flowers, quick):
    recipes = [fl.replace(quick, {"class_weight": "balanced", "penalty.strength": s}) for s in (1e-3, 1e-1)]
    population = fl.evaluate(recipes, flowers)
    for lane, recipe in enumerate(recipes):
        run = fl.train(recipe, flowers)
        assert population.score[lane] == pytest.approx(run.history["valid_loss"].min(), rel=1e-4)
        assert population.columns["test_accuracy"][lane] == pytest.approx(run.metrics["test"]["accuracy"], abs=1e-6)
    with pytest.raises(FalllineError, match="different class weights"):
        fl.evaluate([recipes[0], quick], flowers)


def test_other_weights_do_not_compile_again(flowers, quick):
    fl.train(fl.replace(quick, {"class_weight": PAIRS}), flowers)
    before = chunks.compiled_advance._cache_size()
    fl.train(fl.replace(quick, {"class_weight": {"a": 7}}), flowers)
    assert chunks.compiled_advance._cache_size() == before


def test_a_recipe_file_keeps_them(tmp_path, quick):
    path = tmp_path / "recipe.toml"
    for given in (PAIRS, "balanced", None):
        path.write_text(plan_to_toml(Plan(fl.replace(quick, {"class_weight": given}), {}, 0)))
        assert read_plan(path).recipe.class_weight == given


def test_a_recipe_without_them_is_the_recipe_of_earlier_versions(quick):
    """The digest that a checkpoint holds does not depend on fields that it could not know."""
    plain = recipe_to_plain(fl.replace(quick, {"encoding": None}))
    assert {name: plain[name] for name in LATER} == LATER
    assert digest_of(quick) != digest_of(fl.replace(quick, {"class_weight": "balanced"}))


def test_texts():
    assert parse_class_weight("balanced") == "balanced"
    assert parse_class_weight("none") is None
    assert parse_class_weight("a=b=2,c=1e-1") == (("a=b", 2.0), ("c", 0.1))
    for text in ("yes", "yes=", "yes=three", "yes=1,no", "=", ""):
        with pytest.raises(FalllineError, match=r"class weights .* cannot be read"):
            parse_class_weight(text)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("even", "is not readable: expected 'balanced'"),
        (3.0, "is not readable"),
        ((), "is not readable"),
        ({"a": 0}, "'a' the weight 0.0: expected a positive number"),
        ({"a": float("nan")}, "the weight nan"),
        ({"a": float("inf")}, "the weight inf"),
        ({"a": True}, "the weight True"),
        ({"a": "much"}, "the weight 'much'"),
        ([("1", 2), (1, 3)], "names the class '1' twice"),
        ({None: 1}, "names the class None"),
    ],
)
def test_what_is_not_a_weight_is_refused(given, sentence):
    with pytest.raises(FalllineError, match=sentence):
        fl.Recipe(class_weight=given)


def test_classes_must_be_those_of_the_target(flowers, prices, quick):
    with pytest.raises(FalllineError, match="names 'A', which is not a class of the target: valid: 'a', 'b', 'c'"):
        fl.train(fl.replace(quick, {"class_weight": {"A": 2}}), flowers)
    with pytest.raises(FalllineError, match="class_weight is for a classification; the target makes this a regression"):
        fl.train(fl.replace(quick, {"class_weight": "balanced"}), prices)


def test_labels_that_are_numbers_may_be_written_as_text(quick):
    table = fl.Table.from_arrays(np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2)
    done = with_class_weights(fl.replace(quick, {"class_weight": {"1": 5}}), table)
    assert done.class_weight == ((0, 1.0), (1, 5.0))
