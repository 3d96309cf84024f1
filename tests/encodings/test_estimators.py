"""Encodings as an argument of the estimators, and in their searches."""

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.encodings import Periodic, PiecewiseLinear

OPTIONS = {"hidden_layer_sizes": (8,), "scaler": "standardise", "max_iter": 4, "random_state": 0}


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "the training has used up")
        yield


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3))
    X[:, 1] = X[:, 1] > 0
    return X, np.abs(X[:, 0])


def test_the_weights_belong_to_columns_and_codes(data, tmp_path):
    model = fl.MLPRegressor(encoding=PiecewiseLinear(4), **OPTIONS).fit(*data)
    assert [each.shape for each in model.coefs_] == [(3 + 2 * 4, 8), (8, 1)]
    first = np.abs(model.coefs_[0]).sum(axis=1)
    shares = np.array([first[0] + first[3:7].sum(), first[1], first[2] + first[7:].sum()])
    np.testing.assert_allclose(model.feature_importances_, shares / shares.sum(), rtol=1e-6)
    assert model.to_onnx(tmp_path / "model.onnx").difference < 1e-5
    np.testing.assert_allclose(model.predictor_.predict(data[0]), model.predict(data[0]), rtol=1e-4, atol=1e-5)


def test_by_name_and_with_what_is_trained(data):
    X, y = data
    model = fl.MLPClassifier(encoding="periodic", early_stopping=True, **OPTIONS).fit(X, y > 0.5)
    assert model.recipe_.encoding == Periodic(columns=(0, 2))
    again = clone(model).fit(X, y > 0.5)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_training_goes_on_with_what_was_trained(data):
    X, y = data
    model = fl.MLPRegressor(encoding=Periodic(size=2), **OPTIONS).fit(X, y)
    first = np.array(model.recipe_.encoding.columns), np.array(model._trained.params["periodic_1"]["frequency"])
    model.partial_fit(X, y)
    after = model._trained.params["periodic_1"]["frequency"]
    assert 0 < np.abs(after - first[1]).max() < 0.1


def test_folds_of_a_search_equal_fits_of_their_own(data):
    X, y = data
    model = fl.MLPRegressor(**OPTIONS)
    space = {"encoding": [None, PiecewiseLinear(3), PiecewiseLinear(5)]}
    search = fl.PopulationSearchCV(model, space, strategy="grid", cv=2, refit=False).fit(X, y)
    for own, encoding in zip(search.cv_results_["mean_test_score"], space["encoding"], strict=True):
        alone = cross_val_score(clone(model).set_params(encoding=encoding), X, y, cv=2).mean()
        np.testing.assert_allclose(own, alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("wrong", ["piecewise", 3, fl.MLP()])
def test_what_is_no_encoding_is_refused(data, wrong):
    with pytest.raises(FalllineError, match="encoding"):
        fl.MLPRegressor(encoding=wrong, **OPTIONS).fit(*data)
