"""Comparisons: the protocol's measures on made-up scores, the answer, the page, and a small real comparison."""

import re

import numpy as np
import pytest

import fallline as fl
from fallline.core.block import family, get, size_field
from fallline.lab.compare import Comparison, compare
from fallline.lab.compare_page import comparison_page
from fallline.lab.contenders import contenders_of, rate_of, usual_rules
from fallline.lab.protocol import good_range


def made(scores, rates=(0.1, 1.0, 10.0), labels=("a", "b", "c")):
    """A comparison from scores with the axes (contenders, rates, seeds)."""
    scores = np.asarray(scores, float)
    curves = np.stack([scores + 2, scores + 1, scores], axis=-1)
    rates = np.tile(np.asarray(rates), (len(scores), 1))
    return Comparison(
        "optimizer", labels[: len(scores)], rates, scores, "accuracy", 1 - scores / 9, curves, 0.2, "x", 1.0, 1
    )


GOOD = [[3.0, 3.1, 2.9], [1.0, 1.1, 0.9], [2.0, 2.1, 1.9]]


def test_a_seed_is_judged_at_the_rate_that_the_others_choose():
    # Seed 0 alone finds rate 0.1 superb; the others choose 1, so seed 0 is judged there.
    found = made([[[0.0, 3.1, 2.9], [1.0, 1.1, 0.9], [2.0, 2.1, 1.9]], GOOD])
    assert found.chosen[0].tolist() == [1, 1, 1]
    assert found.tuned[0].tolist() == [1.0, 1.1, 0.9]


def test_measures_of_made_up_scores():
    slow = [[4.0, 4.1, 3.9], [3.0, 3.1, 2.9], [np.inf, 4.0, 4.0]]
    found = made([GOOD, slow])
    first, second = found.frame.to_dicts()
    assert (first["default_rate"], first["tuned_rate"]) == (1.0, 1.0)
    assert first["tuned_loss"] == pytest.approx(1.0)
    assert first["tuned_error"] == pytest.approx(0.1 / 3**0.5)
    # The target is the mean of the two: 2.0. The better one passes it in its second epoch, the other never.
    assert found.target == pytest.approx(2.0)
    assert (first["epochs_to_target"], second["epochs_to_target"]) == (2.0, None)
    assert (first["diverged"], second["diverged"]) == (0, 1)
    assert found.ceiling == pytest.approx(6.0)  # the diverged rate counts as this
    assert second["best_of_1"] == pytest.approx((4.0 + 3.0 + 6.0) / 3)
    assert second["best_of_3"] < second["best_of_1"]
    assert found.runs.height == 18
    assert found.runs["loss"].null_count() == 1


def test_the_good_range_is_interpolated_and_ends_at_the_grid():
    rates = np.array([0.1, 1.0, 10.0])
    low, high, width = good_range(rates, np.array([1.0, 1.0, 1.4]), 0.2)
    assert (low, high) == (pytest.approx(0.1), pytest.approx(10**0.5))
    assert width == pytest.approx(1.5)
    assert good_range(rates, np.array([np.inf, 1.0, np.inf]), 0.2)[2] == 0.0
    assert good_range(rates, np.full(3, np.inf), 0.2) == (None, None, 0.0)


def test_answers_in_one_sentence():
    alike = [[3.0, 3.1, 2.9], [1.1, 1.0, 0.95], [2.0, 2.1, 1.9]]
    worse = [[4.0, 4.1, 3.9], [3.0, 3.1, 2.9], [4.0, 4.0, 4.0]]
    wild = np.full((3, 3), np.inf)
    assert made([GOOD, worse]).answer.startswith("a is best: validation loss 1 ± 0.058 at the rate 1; next is b, 2 ± ")
    assert made([GOOD, alike]).answer.startswith("No difference beyond the noise of 3 seeds: a has the lowest")
    assert "between a and b: the lowest is a" in made([GOOD, alike, worse]).answer
    assert "which diverges with some seed" in made([GOOD, wild]).answer
    assert made([wild, wild]).answer.startswith("Every contender diverges")


def test_the_page_is_whole_and_needs_no_network():
    page = comparison_page(made([GOOD, [[4.0, 4.1, 3.9]] * 3], labels=("<b>", "y")))
    assert len(page) < 300_000
    assert page.count("<svg") == 3
    assert "&lt;b&gt; ★" in page
    assert "<b>" not in page
    assert not re.findall(r"(?:src|href)=", page)


def test_eleven_rules_each_around_its_own_rate_with_the_recipes_schedule():
    data = fl.load("sklearn:iris")
    found = {each.label: each for each in contenders_of(fl.Recipe(), data, "optimizer", None, 5, 4.0)}
    own = {name: rule for name, rule in family("optimizer").items() if rule.__module__.startswith("fallline.")}
    trainable = {name for name, rule in own.items() if size_field(rule) is not None and rule.full_batch is False}
    assert set(found) == {*trainable, "amsgrad"}
    assert list(found) == list(usual_rules())
    assert len(found) == 11
    assert rate_of(found["adam"].recipe) == 0.003  # the recipe's own rule keeps its numbers
    assert found["sgd"].rates.tolist() == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1.0])
    assert found["sgd"].recipe.optimizer.learning_rate.warmup == 0.05
    assert found["adadelta"].recipe.optimizer.learning_rate == 1.0  # it sets its steps itself: no schedule


@pytest.mark.parametrize(
    ("vary", "values", "path", "expected"),
    [
        ("activation", ["tanh", "relu"], "model.activation", ["tanh", "relu"]),
        ("initializer", ["orthogonal", "he_normal"], "model.initializer", ["orthogonal", "he_normal"]),
        ("batch_size", None, "batch_size", [8, 16, 32, 64]),
        ("schedule", ["constant", "cosine"], "optimizer.learning_rate", ["constant", "cosine"]),
        ("model.dropout", [0.0, 0.5], "model.dropout", [0.0, 0.5]),
        ("optimizer.beta1", [0.5, 0.9], "optimizer.beta1", [0.5, 0.9]),
    ],
)
def test_what_can_be_varied(vary, values, path, expected):
    data = fl.load("sklearn:iris")
    found = contenders_of(fl.Recipe(), data, vary, values, 3, 2.0)
    assert [getattr(held := get(each.recipe, path), "name", held) for each in found] == expected
    assert all(rate_of(each.recipe) == each.rates[1] == 0.003 for each in found)


def test_a_real_comparison_equals_runs_alone():
    """The rules share one program; the last lane of the second of three is a run alone."""
    data = fl.load("sklearn:iris")
    recipe = fl.Recipe(model=fl.MLP((4,)), optimizer=fl.AdamW(fl.Cosine(3e-3, warmup=0.05)))
    found = compare(data, recipe, values=["sgd", "adamw", "nadam"], rates=3, seeds=3, epochs=3)
    assert found.scores.shape == (3, 3, 3)
    assert found.curves.shape == (3, 3, 3, 3)
    assert found.programs == 1
    alone = fl.train(
        fl.replace(recipe, {"epochs": 3, "patience": None, "optimizer.learning_rate.peak": 0.3}), data, seed=2
    )
    assert found.rates[1, 2] == pytest.approx(0.3)
    assert found.scores[1, 2, 2] == pytest.approx(min(alone.history["valid_loss"]), rel=1e-4)
    assert found.curves[1, 2, 2] == pytest.approx(alone.history["valid_loss"], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rates": 4}, "rates = 4 is not a number of learning rates"),
        ({"seeds": 2}, "seeds = 2 is not a number of seeds"),
        ({"values": ["sgd"]}, "needs two or more values"),
        ({"values": ["sgd", "lbfgs"]}, "rule 'lbfgs' needs all rows"),
        ({"vary": "optmizer"}, "did you mean 'optimizer'"),
        ({"vary": "optimizer.learning_rate"}, "is tried in any case"),
        ({"decades": 0}, "decades = 0"),
        ({"within": -1}, "within = -1"),
        ({"epochs": 0}, "epochs = 0"),
    ],
)
def test_what_is_refused(changes, says):
    with pytest.raises(fl.FalllineError, match=re.escape(says)):
        compare(fl.load("sklearn:iris"), **changes)


def test_data_without_validation_rows_are_refused():
    with pytest.raises(fl.FalllineError, match="needs validation rows"):
        compare(fl.load("sklearn:iris", valid=0.0))
