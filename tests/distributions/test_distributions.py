"""Every distribution against SciPy's, and against its own promises."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fallline.core.block import replace
from fallline.core.distribution import Distribution
from fallline.core.errors import FalllineError
from fallline.distributions import (
    Choice,
    Integer,
    LogInteger,
    LogNormal,
    LogUniform,
    Normal,
    Quantised,
    Uniform,
)
from fallline.layers import Dense
from fallline.models import MLP, Network
from fallline.optimizers import SGD, Adam
from fallline.penalties import L2
from fallline.schedules import Cosine
from fallline.training.recipe import Recipe, complete, recipe_from_plain, recipe_to_plain

CASES = [
    Uniform(-2.0, 5.0),
    LogUniform(1e-5, 10.0),
    Integer(-3, 9),
    LogInteger(1, 700),
    Normal(1.0, 2.0),
    Normal(0.0, 1.0, low=4.0),
    Normal(0.9, 0.2, low=0.5, high=0.99),
    LogNormal(1e-3, 1.5),
    LogNormal(2.0, 0.5, low=1.0, high=3.0),
    Quantised(Uniform(0.0, 1.0), 0.1),
    Quantised(LogUniform(32, 512), 32),
    Quantised(Normal(0.0, 2.0), 0.5),
]
share = st.floats(0, 1)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CASES[0], stats.uniform(-2, 7)),
        (CASES[1], stats.loguniform(1e-5, 10)),
        (CASES[2], stats.randint(-3, 10)),
        (CASES[4], stats.truncnorm(-6, 6, 1, 2)),
        (CASES[5], stats.truncnorm(4, 6, 0, 1)),
        (CASES[6], stats.truncnorm(-2, 0.45, 0.9, 0.2)),
    ],
    ids=lambda each: repr(each) if isinstance(each, Distribution) else "scipy",  # whose repr is an address
)
def test_quantiles_and_probabilities_are_scipys(ours, theirs):
    u = np.array([0.001, 0.2, 0.5, 0.77, 0.999])
    np.testing.assert_allclose(ours.quantile(u), theirs.ppf(u), rtol=1e-7)
    x = np.array([0.1, 0.4, 1.0, 4.2])
    np.testing.assert_allclose(ours.cdf(x), theirs.cdf(x), rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("distribution", CASES, ids=repr)
@given(u=share)
def test_a_value_comes_back_from_its_place(distribution, u):
    value = distribution.quantile(u)
    again = distribution.quantile(distribution.position(value))
    if distribution.count is None:
        np.testing.assert_allclose(again, value, rtol=1e-9, atol=1e-9)
    else:
        assert again == value


@pytest.mark.parametrize("distribution", CASES, ids=repr)
def test_values_rise_with_u_within_the_ends_and_as_likely_as_the_cdf_says(distribution):
    u = np.linspace(0, 1, 2001)
    x = np.asarray(distribution.quantile(u), float)
    low, high = distribution.reached()
    assert (np.diff(x) >= 0).all()
    assert (x[0], x[-1]) == (low, high)
    for each in x[100::300]:
        assert (x <= each).mean() == pytest.approx(float(distribution.cdf(each)), abs=2e-3)


@pytest.mark.parametrize(
    ("distribution", "count"), [(CASES[2], 13), (CASES[3], 700), (CASES[9], 11), (CASES[10], 16), (CASES[4], None)]
)
def test_countable_values_are_counted(distribution, count):
    assert distribution.count == count
    if count is not None:
        assert len(np.unique(distribution.quantile(np.linspace(0, 1, 200_001)))) == count


def test_steps_are_written_as_the_step_is():
    assert Quantised(Uniform(0, 1), 0.1).quantile(np.linspace(0.0, 1.0, 11)).tolist() == [i / 10 for i in range(11)]
    assert Quantised(LogUniform(32, 512), 32).quantile(0.5).dtype.kind == "i"


def test_sample_is_the_same_for_the_same_key():
    draw = LogUniform(1e-4, 1.0).sample(jax.random.key(3), (4000,))
    np.testing.assert_array_equal(draw[:7], LogUniform(1e-4, 1.0).sample(jax.random.key(3), (7,)))
    assert stats.kstest(np.log10(draw), stats.uniform(-4, 4).cdf).pvalue > 0.01


def test_choice_gives_values_and_tells_one_from_true():
    choice = Choice((1, True, None, "all", (64, 32)))
    assert [choice.quantile(choice.position(each)) for each in choice.options] == [1, True, None, "all", (64, 32)]
    assert choice.quantile(choice.position(True)) is True
    assert choice.quantile(np.array([0.0, 0.99])).tolist() == [1, (64, 32)]
    with pytest.raises(FalllineError, match="none of the options"):
        choice.position(2)


REFUSED = [
    (lambda: Uniform(1.0, 1.0), "Uniform(1.0, 1.0) is not a range: expected low < high"),
    (lambda: Uniform(0.0, Uniform(1.0, 2.0)), "is not a range"),
    (lambda: LogUniform(0.0, 1.0), "expected 0 < low < high"),
    (lambda: Integer(3, 1), "is not a range"),
    (lambda: Integer(1, 2.5), "Integer.high = 2.5 is not a whole number"),
    (lambda: LogInteger(0, 10), "LogInteger(0, 10) is not a range: expected 0 < low < high"),
    (lambda: Normal(0.0, -1.0), "Normal.deviation = -1.0 is outside"),
    (lambda: Normal(0.0, 1.0, low=7.0), "has no values"),
    (lambda: Quantised(Integer(1, 3), 2), "rounds what is no range of numbers"),
    (lambda: Choice(()), "has nothing to choose from"),
    (lambda: MLP(dropout=Uniform(0.0, 1.0)), "comes to 1, which is outside the valid interval [0, 1)"),
    (lambda: L2(Normal(0.1, 0.1)), "comes to -0.5, which is outside the valid interval [0, inf)"),
    (lambda: MLP(dropout=Choice((0.1, 1.5))), "MLP.dropout = 1.5 is outside"),
    (lambda: MLP(batch_norm=Choice((True, "x"))), "MLP.batch_norm = 'x' is unknown"),
    (lambda: Recipe(optimizer=Uniform(0.0, 1.0)), "is not a block of the kind optimizer"),
    (lambda: Recipe(optimizer=Choice((Adam(), L2()))), "Recipe.optimizer = L2("),
    (lambda: Recipe(optimizer=Choice((Adam(), None))), "Recipe.optimizer is None"),
    (lambda: Network((Dense(4), Choice((Dense(3), SGD())))), "is not a block of the kind layer or activation"),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED, ids=[sentence[:50] for _, sentence in REFUSED])
def test_a_wrong_distribution_is_refused_in_one_sentence(make, sentence):
    with pytest.raises(FalllineError) as caught:
        make()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


SPACE = Recipe(
    encoding=None,
    model=MLP(hidden=(Quantised(LogUniform(32, 512), 32), 64), dropout=Uniform(0, 0.5)),
    optimizer=Choice((Adam(Cosine(LogUniform(1e-4, 1e-1))), SGD(Choice((0.1, LogNormal(0.01, 1.0)))))),
    penalty=Choice((None, L2(LogUniform(1e-6, 1e-2)))),
    batch_size=Choice((32, 64, "all")),
    epochs=LogInteger(3, 30),
)


def test_a_space_comes_back_from_plain_data():
    assert recipe_from_plain(recipe_to_plain(SPACE)) == SPACE


def test_a_space_is_not_trained_and_the_sentence_names_the_path():
    with pytest.raises(FalllineError, match=r"Recipe\.model\.hidden\.0 = Quantised\(.* makes this a search space"):
        complete(SPACE, task="classification", training_rows=100)
    with pytest.raises(FalllineError, match=r"Recipe\.epochs = LogInteger"):
        complete(replace(Recipe(), {"epochs": LogInteger(3, 30)}), task="classification", training_rows=100)
