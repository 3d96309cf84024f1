"""Tables with text and missing values, and life among scikit-learn's tools."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_selection import SelectFromModel
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fallline as fl
from fallline.core.errors import DataWarning
from fallline.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden_layer_sizes": (12,), "max_iter": 80, "random_state": 0, "learning_rate_init": 0.02}


@pytest.fixture(scope="module")
def cars():
    """Colour and weight decide; some weights are missing, some colours, too."""
    rng = np.random.default_rng(0)
    colour = rng.choice(["red", "blue", "green"], 200)
    weight = rng.normal(1.0, 0.3, 200)
    y = np.where((colour == "red") | (weight > 1.2), "fast", "slow")
    frame = pd.DataFrame({"colour": colour, "weight": weight, "new": rng.random(200) > 0.5})
    frame.loc[::9, "weight"] = np.nan
    frame.loc[::17, "colour"] = None
    return frame, y


@pytest.mark.parametrize("library", ["pandas", "categories", "polars"])
def test_text_and_missing_values_are_encoded_inside(cars, library):
    X, y = cars
    if library == "categories":
        X = X.astype({"colour": "category"})
    X = pl.from_pandas(X) if library == "polars" else X
    model = MLPClassifier(scaler="standardise", **SHORT).fit(X, y)
    assert model.score(X, y) > 0.9
    assert list(model.feature_names_in_) == ["colour", "weight", "new"]
    assert model.coefs_[0].shape[0] == len(model.predictor_.schema.feature_names) > 3
    assert model.feature_importances_.shape == (3,)
    assert model.feature_importances_.sum() == pytest.approx(1.0)
    unheard = (
        X.head(2).with_columns(colour=pl.lit("mauve")) if library == "polars" else X.head(2).assign(colour="mauve")
    )
    with pytest.raises(fl.FalllineError, match=r"'colour' of X holds 2 of 2 cells \(100 %\) with values .* not seen"):
        model.predict_proba(unheard)
    one = unheard[:1] if library == "polars" else unheard.head(1)
    with pytest.warns(DataWarning, match="such as 'mauve': they count as other"):
        assert np.isfinite(model.predict_proba(one)).all()
    with pytest.raises(fl.FalllineError, match="give a table here, too"):
        model.predict(np.zeros((1, 3)))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[["weight", "colour", "new"]])


def test_a_table_of_numbers_is_its_array(flowers):
    X, y = flowers
    names = ["a", "b", "c", "d"]
    tables = pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)
    plain = MLPClassifier(**SHORT).fit(X, y).predict_proba(X)
    for table in tables:
        model = MLPClassifier(**SHORT).fit(table, y)
        np.testing.assert_array_equal(model.predict_proba(table), plain)
        assert list(model.feature_names_in_) == names


def test_tools_of_scikit_learn_take_it(flowers):
    X, y = flowers
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**SHORT)).set_output(transform="pandas")
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.85
    pipeline.fit(X, y)
    assert list(pipeline[:-1].get_feature_names_out()) == ["x0", "x1", "x2", "x3"]
    assert list(pipeline[-1].feature_names_in_) == ["x0", "x1", "x2", "x3"]
    copy = clone(pipeline[-1])
    assert copy.get_params() == pipeline[-1].get_params()
    assert not hasattr(copy, "coefs_")
    calibrated = CalibratedClassifierCV(MLPClassifier(**SHORT), cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.8
    found = permutation_importance(pipeline[-1], pipeline[:-1].transform(X), y, n_repeats=2, random_state=0)
    assert found.importances_mean.argmax() >= 2  # the petals
    assert SelectFromModel(MLPClassifier(**SHORT), max_features=2, threshold=-np.inf).fit_transform(X, y).shape == (
        150,
        2,
    )


def test_a_grid_in_two_processes(flowers):
    X, y = flowers
    search = GridSearchCV(MLPClassifier(**SHORT), {"alpha": [1e-4, 1.0]}, cv=2, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.7


def test_metadata_reaches_fit(flowers):
    X, y = flowers
    weight = np.where(y == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = MLPClassifier(**SHORT).set_fit_request(sample_weight=True).set_score_request(sample_weight=False)
        scores = cross_val_score(model, X, y, cv=3, params={"sample_weight": weight})
    assert scores.mean() < 0.75  # a class without weight is not learnt


def test_targets_of_a_table(cars):
    X, _ = cars
    y = X["weight"].fillna(1.0) * 2
    model = MLPRegressor(scaler="standardise", **SHORT).fit(X, y)
    assert model.score(X, y) > 0.9
