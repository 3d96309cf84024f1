"""scikit-learn judges: from one seed, the same weights, split, losses and predictions."""

import warnings

import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

import fallline.estimators as ours

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
STEPS = {"max_iter": 12, "random_state": 3, "hidden_layer_sizes": (16,)}


def both(name, X, y, **settings):
    models = [getattr(library, name)(**{**STEPS, **settings}).fit(X, y) for library in (ours, theirs)]
    return models


def assert_alike(mine, other, X, tolerance=2e-5):
    for a, b in zip(mine.coefs_ + mine.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_allclose(a, b, atol=tolerance)
    answer = "predict_proba" if hasattr(other, "predict_proba") else "predict"
    np.testing.assert_allclose(getattr(mine, answer)(X), getattr(other, answer)(X), atol=10 * tolerance)
    assert (mine.n_iter_, mine.t_, mine.n_layers_, mine.n_outputs_) == (
        other.n_iter_, other.t_, other.n_layers_, other.n_outputs_,
    )  # fmt: skip
    assert mine.out_activation_ == other.out_activation_


# All rows are one batch, so that the order, which is each library's own, does not matter.
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"solver": "sgd", "learning_rate_init": 0.1, "alpha": 1.0},
        {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.5, "nesterovs_momentum": False},
        {"activation": "logistic"},
        {"early_stopping": True, "validation_fraction": 0.2, "max_iter": 40},
        {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.02, "n_iter_no_change": 2, "max_iter": 60},
        {"n_iter_no_change": 3, "tol": 0.05, "max_iter": 60},
    ],
    ids=str,
)
def test_two_classes_step_for_step(zeros_and_ones, settings):
    X, y = zeros_and_ones
    mine, other = both("MLPClassifier", X, y, **settings)
    assert_alike(mine, other, X)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, atol=1e-5)
    if settings.get("early_stopping"):
        np.testing.assert_allclose(mine.validation_scores_, other.validation_scores_, atol=1e-6)
        assert mine.best_validation_score_ == pytest.approx(other.best_validation_score_)
        assert mine.best_loss_ is other.best_loss_ is None
    else:
        assert mine.best_loss_ == pytest.approx(other.best_loss_, abs=1e-5)
        assert mine.validation_scores_ is other.validation_scores_ is None


def test_several_classes_and_minibatches_in_the_rows_own_order(three_digits):
    X, y = three_digits
    mine, other = both("MLPClassifier", X, y, batch_size=48, shuffle=False, alpha=0.5)
    assert_alike(mine, other, X)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))


def test_labels():
    X, Y = make_multilabel_classification(n_samples=60, n_features=6, random_state=0)
    mine, other = both("MLPClassifier", X / 10, Y, activation="tanh", solver="sgd")
    assert_alike(mine, other, X)
    np.testing.assert_array_equal(mine.predict(X), other.predict(X))


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_targets_and_weights(numbers, loss):
    X, y = numbers
    y = np.exp(0.5 * y) if loss == "poisson" else np.column_stack([y, y**2, -y])
    weight = np.arange(len(X)) % 3 + 0.5
    settings = {**STEPS, "loss": loss, "solver": "sgd", "learning_rate_init": 0.01, "activation": "tanh"}
    mine, other = (library.MLPRegressor(**settings).fit(X, y, weight) for library in (ours, theirs))
    assert_alike(mine, other, X)


def test_warm_start_and_partial_fit_go_on_alike(flowers):
    X, y = flowers
    for settings in ({"solver": "sgd", "learning_rate_init": 0.05}, {"solver": "adam"}):
        mine, other = both("MLPClassifier", X, y, warm_start=True, **settings)
        for model in (mine, other):
            model.fit(X, y).partial_fit(X, y).partial_fit(X[::2], y[::2])
        assert mine.t_ == other.t_ == 150 * 25 + 75
        np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, atol=1e-5)
        np.testing.assert_allclose(mine.predict_proba(X), other.predict_proba(X), atol=1e-4)


@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_parts_of_the_rows_with_weights_go_on_alike(three_digits, numbers, name):
    X, y = three_digits if name == "MLPClassifier" else numbers
    kinds = {"classes": np.unique(y)} if name == "MLPClassifier" else {}
    weight = np.arange(len(X)) % 3 + 0.5
    settings = {**STEPS, "solver": "adam", "learning_rate_init": 0.01, "shuffle": False}
    mine, other = (getattr(library, name)(**settings) for library in (ours, theirs))
    for model in (mine, other):
        for part in np.array_split(np.arange(len(X)), 3) * 2:
            model.partial_fit(X[part], y[part], sample_weight=weight[part], **kinds)
    assert mine.t_ == other.t_ == 2 * len(X)
    assert_alike(mine, other, X, tolerance=5e-5)
    np.testing.assert_allclose(mine.loss_curve_, other.loss_curve_, atol=1e-5)


def test_initial_weights_are_theirs_to_the_bit():
    X, y = np.eye(5), np.arange(5)
    settings = {"hidden_layer_sizes": (4, 3), "activation": "logistic", "learning_rate_init": 1e-30, "max_iter": 1}
    mine, other = (library.MLPClassifier(random_state=5, **settings).fit(X, y) for library in (ours, theirs))
    for a, b in zip(mine.coefs_ + mine.intercepts_, other.coefs_ + other.intercepts_, strict=True):
        np.testing.assert_array_equal(a, b.astype(np.float32))


def test_arguments_methods_and_fitted_attributes_are_all_there(flowers):
    X, y = flowers
    for name in ("MLPClassifier", "MLPRegressor"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            mine, other = both(name, X, y)
        theirs_only = {each for each in vars(other) if not each.startswith("_")} | {
            each for each in dir(other) if not each.startswith("_") and callable(getattr(other, each))
        }
        assert {each for each in theirs_only if not hasattr(mine, each)} == set()
        defaults = type(other)().get_params()
        assert {key: value for key, value in type(mine)().get_params().items() if key in defaults} == defaults
