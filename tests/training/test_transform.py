"""Learning the logarithm of a target: when it is chosen, what is said, and that everything else is in the target's own unit."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import skew as scipys

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.scalers import Log
from fallline.training.transform import chosen_transform, skew


def table(y, seed=0):
    x = np.random.default_rng(seed).normal(size=(len(y), 3)).astype(np.float32)
    return fl.Table.from_arrays(x, y, task="regression", valid=0.2)


def prices_of(x, seed=0):
    return np.exp(1.5 * x[:, 0] + 5 + 0.1 * np.random.default_rng(seed).normal(size=len(x)))


@pytest.fixture(scope="module")
def skewed():
    x = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)
    return fl.Table.from_arrays(x, prices_of(x), valid=0.2)


@pytest.fixture(scope="module")
def quick():
    return fl.Recipe(
        encoding=None, model=fl.MLP(hidden=(8,)), optimizer=fl.Adam(fl.Cosine(0.02)), batch_size=32, epochs=30
    )


RNG = np.random.default_rng(0)
DRAWN = {
    "log": {
        "lognormal": RNG.lognormal(3, 1.2, 400),
        "counts": RNG.poisson(np.exp(RNG.normal(3, 1.2, 400))).astype(float),
        "tiny": 1e-9 * RNG.lognormal(0, 1.5, 400),
    },
    "none": {
        "normal": RNG.normal(100, 10, 400),
        "uniform": RNG.uniform(0, 1, 400),
        "narrow": 1000 + RNG.lognormal(0, 1, 400),  # skewed, but all ratios are near 1
        "negative": RNG.lognormal(3, 1.2, 400) - 5,
        "left": -RNG.lognormal(0, 1, 400) + 1000,
        "constant": np.full(400, 3.0),
        "mostly 0": np.where(RNG.random(400) < 0.9, 0, RNG.lognormal(0, 1, 400)),  # its logarithm is as skewed
    },
}


@pytest.mark.parametrize(("expected", "name"), [(kind, name) for kind, them in DRAWN.items() for name in them])
def test_it_is_chosen_by_the_training_rows(expected, name):
    assert chosen_transform(table(DRAWN[expected][name]).dataset) == expected


def test_the_skew_is_scipys():
    for y in (RNG.lognormal(size=50), RNG.normal(size=51)):
        assert skew(y) == pytest.approx(scipys(y))
    assert skew(np.full(5, 1e9)) == 0


def test_only_training_rows_decide(skewed):
    data = skewed.dataset
    truth = data.given.copy()
    truth[data.test] = -1.0
    changed = dataclasses.replace(data, truth=truth)
    assert chosen_transform(changed) == "log"


def test_auto_is_the_run_of_log_with_a_note(skewed, quick, same):
    auto = fl.train(fl.replace(quick, {"target_transform": "auto"}), skewed)
    log = fl.train(fl.replace(quick, {"target_transform": "log"}), skewed)
    by_hand = fl.train(fl.replace(quick, {"target_scaler": Log()}), skewed)
    assert same(auto.state, log.state)
    assert same(auto.state, by_hand.state)
    assert (auto.recipe.target_transform, auto.recipe.target_scaler) == ("log", Log())
    assert any(each.startswith("the target's skew is ") for each in auto.notes)
    assert log.notes == ()


def test_metrics_are_of_the_target_itself_and_better_for_ratios(skewed, quick):
    plain, log = fl.train(quick, skewed), fl.train(fl.replace(quick, {"target_transform": "log"}), skewed)
    data = skewed.dataset
    y, answer = data.given[data.test, 0], log.model.predict(data.x[data.test])
    assert log.metrics["test"]["rmse"] == pytest.approx(np.sqrt(np.mean((answer - y) ** 2)), rel=1e-5)
    assert log.metrics["test"]["r2"] == pytest.approx(
        1 - np.sum((answer - y) ** 2) / np.sum((y - y.mean()) ** 2), rel=1e-5
    )
    assert (answer > 0).all()
    ratio = lambda p: np.mean(np.abs(np.log(np.maximum(p, 1e-9) / y)))  # noqa: E731
    assert ratio(answer) < 0.5 * ratio(plain.model.predict(data.x[data.test]))


def test_a_population_an_onnx_file_and_a_model_file_know_it(skewed, quick, tmp_path):
    recipe = fl.replace(quick, {"target_transform": "auto"})
    run, population = fl.train(recipe, skewed), fl.evaluate([recipe], skewed)
    assert population.score[0] == pytest.approx(run.history["valid_loss"].min(), rel=1e-3)
    run.model.save(tmp_path / "model.safetensors")
    x = skewed.dataset.x
    np.testing.assert_array_equal(fl.load_predictor(tmp_path).predict(x), run.model.predict(x))
    assert run.model.to_onnx(tmp_path / "model.onnx").difference < 1e-4


def test_predictions_are_not_astronomical(skewed, quick):
    model = fl.train(fl.replace(quick, {"target_transform": "log"}), skewed).model
    largest = skewed.dataset.given[skewed.dataset.train].max()
    far = np.full((4, 3), 1e3, np.float32) * np.array([[1], [-1], [10], [0]], np.float32)
    assert (model.predict(far) <= np.e * largest * 1.001).all()


@pytest.mark.parametrize(
    ("low", "expected"),
    [(1.0, 0.0), (0.0, 0.01 * 37.0), (-3.0, 3.0 + 0.01 * 37.0)],
    ids=["positive", "zero", "negative"],
)
def test_what_is_added_before_the_logarithm(low, expected):
    x = np.array([[low], [low + 10], [low + 101]], np.float32)
    assert Log().fit(x, np.ones(3))["added"][0] == pytest.approx(expected, rel=1e-5)


def test_what_has_no_logarithm_is_refused(skewed, quick, flowers):
    log = fl.replace(quick, {"target_transform": "log"})
    with pytest.raises(FalllineError, match="needs targets of 0 or more; the smallest here is -"):
        fl.train(log, table(RNG.normal(size=60)))
    with pytest.raises(FalllineError, match="is for a regression; the target makes this a classification"):
        fl.train(log, flowers)
    for loss in (fl.Poisson(), fl.BinnedCrossEntropy()):
        with pytest.raises(FalllineError, match=f"loss '{loss.name}' scales the target by itself"):
            fl.train(fl.replace(log, {"loss": loss}), skewed)
    with pytest.raises(FalllineError, match=r"target_transform = 'square' is unknown"):
        fl.Recipe(target_transform="square")
