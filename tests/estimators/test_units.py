"""The estimators in other units: with a scaler X has none, and a target that float32 cannot square is still learnt."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import r2_score

import fallline as fl
from fallline.core.errors import FalllineError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))
Y = X[:, 0] - X[:, 1] + 0.1 * RNG.normal(size=200)
CLASSES = (Y > 0).astype(int)


def _classifier(**options: Any) -> Any:
    return fl.MLPClassifier((8,), scaler="standardise", max_iter=25, n_iter_no_change=25, random_state=0, **options)


def _regressor(**options: Any) -> Any:
    options = {"max_iter": 60, "learning_rate_init": 0.02, **options}
    return fl.MLPRegressor(hidden_layer_sizes=(8,), random_state=0, n_iter_no_change=60, **options)


@pytest.mark.filterwarnings("ignore:the training has used up")
@pytest.mark.parametrize("change", [lambda x: 1e-20 * x, lambda x: 1e20 * x, lambda x: x + 1e8, lambda x: x - 3e12])
def test_a_scaler_takes_units_away(change: Any) -> None:
    base, moved = _classifier().fit(X, CLASSES), _classifier().fit(change(X), CLASSES)
    np.testing.assert_allclose(moved.predict_proba(change(X)), base.predict_proba(X), atol=2e-3)
    several = _classifier(n_members=2).fit(change(X), CLASSES)
    assert several.score(change(X), CLASSES) == pytest.approx(base.score(X, CLASSES), abs=0.1)


@pytest.mark.filterwarnings("ignore:the training has used up")
@pytest.mark.parametrize(
    ("scale", "offset"), [(1e-20, 0.0), (1e-17, 0.0), (1e18, 0.0), (1e60, 0.0), (1.0, 1e8), (1.0, 1.7e9)]
)
def test_targets_are_learnt_in_any_unit(scale: float, offset: float, tmp_path: Path) -> None:
    y = scale * Y + offset
    model = _regressor().fit(X, y)
    answer = model.predict(X)
    assert answer.dtype == np.float64
    assert model.score(X, y) == pytest.approx(r2_score(y, answer), abs=1e-12)
    assert model.score(X, y) > 0.9
    assert r2_score(y, model.predictor_.predict(X.astype(np.float32))) == pytest.approx(model.score(X, y), abs=1e-4)


@pytest.mark.filterwarnings("ignore:the training has used up")
def test_ordinary_targets_are_as_they_were() -> None:
    model = _regressor(max_iter=3).fit(X, 1e3 * Y)
    assert model._target == model._target_description()
    assert not model._target.conditioned
    assert model._units is None


@pytest.mark.filterwarnings("ignore:the training has used up")
def test_a_poisson_target_keeps_its_zero() -> None:
    counts = RNG.poisson(np.exp(1 + X[:, 0])).astype(float)
    model = _regressor(loss="poisson").fit(X, 1e18 * counts)
    assert model._target.shift == (0.0,)
    assert model.score(X, 1e18 * counts) > 0.4
    assert (model.predict(X) > 0).all()


def test_validation_rows_need_a_weight() -> None:
    weight = np.zeros(200)
    weight[0] = 1.0  # which is no validation row of this seed
    with pytest.raises(FalllineError, match="every validation row has the weight 0"):
        _classifier(early_stopping=True).fit(X, CLASSES, sample_weight=weight)
