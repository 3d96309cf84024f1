"""What scikit-learn's users have asked for: layers, losses, weights, validation rows, scorers, callbacks, ensembles."""

import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.neural_network as theirs
from sklearn.metrics import balanced_accuracy_score, make_scorer
from sklearn.model_selection import train_test_split

import fallline as fl
from fallline.estimators import MLPClassifier, MLPRegressor, to_fallline

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden_layer_sizes": (12,), "max_iter": 25, "random_state": 0, "learning_rate_init": 0.01}


@pytest.mark.parametrize(
    "settings",
    [
        {"dropout": 0.2, "batch_norm": True},
        {"layer_norm": True, "solver": "rmsprop"},
        {"hidden_layer_sizes": (12, 6), "activation": ["gelu", jnp.sin], "solver": fl.Momentum(0.005)},
        {"l1": 1e-3, "learning_rate": fl.Cosine(0.02)},
        {"loss": "hinge", "scaler": "standardise", "learning_rate": 0.02},
        {"loss": lambda z, y: jnp.sum((z - (y[:, None] == jnp.arange(3))) ** 2, axis=-1)},
    ],
    ids=lambda settings: "-".join(settings),
)
def test_every_setting_learns_and_goes_on(flowers, settings):
    X, y = flowers
    model = MLPClassifier(**{**SHORT, **settings, "warm_start": True}).fit(X, y)
    before = model.loss_curve_[0]
    first = model.score(X, y)
    model.fit(X, y)
    assert model.loss_ < before
    assert model.score(X, y) >= max(0.8, first - 0.1)
    np.testing.assert_allclose(model.predict_proba(X[:3]), model.predict_proba(X)[:3], atol=1e-12)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_l1_takes_the_weights_of_useless_columns(numbers):
    X, y = numbers
    X = np.column_stack([X, np.random.default_rng(0).normal(size=(len(X), 5))])
    plain, sparse = (
        MLPRegressor(l1=l1, alpha=0.0, **{**SHORT, "max_iter": 300}).fit(X, y).coefs_[0] for l1 in (0.0, 5.0)
    )
    assert np.abs(sparse[10:]).mean() < 0.3 * np.abs(plain[10:]).mean()


def test_a_weight_of_two_is_the_row_twice_and_a_class_weight_is_its_rows_weight(flowers):
    X, y = flowers
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    settings = {**SHORT, "solver": "sgd", "batch_size": 1000, "alpha": 1.0}
    with pytest.warns(UserWarning, match="make one batch"):
        weighted = MLPClassifier(**settings).fit(X, y, weight)
    with pytest.warns(UserWarning, match="make one batch"):
        repeated = MLPClassifier(**settings).fit(np.repeat(X, weight, axis=0), np.repeat(y, weight))
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-5)
    settings.pop("batch_size")
    classed = MLPClassifier(class_weight={0: 1, 1: 3, 2: 0.5}, **settings).fit(X, y)
    rowed = MLPClassifier(**settings).fit(X, y, np.array([1, 3, 0.5])[y])
    np.testing.assert_array_equal(classed.predict_proba(X), rowed.predict_proba(X))
    balanced = MLPClassifier(class_weight="balanced", **settings).fit(X[20:], y[20:])
    assert balanced.score(X, y) > 0.6


@pytest.mark.parametrize("scoring", [None, "loss", "balanced_accuracy", make_scorer(balanced_accuracy_score)], ids=str)
def test_the_users_own_validation_rows_and_score(flowers, scoring):
    X, y = flowers
    X, X_val, y, y_val = train_test_split(X, y, random_state=0, stratify=y, test_size=0.3)
    model = MLPClassifier(early_stopping=True, scoring=scoring, n_iter_no_change=5, **{**SHORT, "max_iter": 200})
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert len(model.validation_scores_) == model.n_iter_ < 200
    best = model.best_validation_score_
    if scoring == "loss":
        P = model.predict_proba(X_val)[np.arange(len(y_val)), y_val]
        assert best == pytest.approx(np.log(P).mean(), rel=1e-5)
    else:
        assert best == pytest.approx(balanced_accuracy_score(y_val, model.predict(X_val)), abs=1e-6)


def test_callbacks_see_every_epoch_and_can_end_the_training(flowers):
    X, y = flowers
    seen = []

    def third(progress):
        seen.append((progress.epoch, progress.loss, progress.learning_rate, progress.params["dense_1"]["weight"].shape))
        return progress.epoch == 3

    model = MLPClassifier(callbacks=third, **SHORT).fit(X, y)
    assert [each[0] for each in seen] == [1, 2, 3]
    assert [each[1] for each in seen] == pytest.approx(model.loss_curve_)
    assert seen[0][3] == (4, 12)
    assert model.n_iter_ == 3


def test_an_ensemble_is_the_mean_of_its_members(flowers, tmp_path):
    X, y = flowers
    model = MLPClassifier(n_members=3, **{**SHORT, "max_iter": 80}).fit(X, y)
    each = np.array([member.predict_proba(X) for member in model.members_])
    assert len({member.loss_ for member in model.members_}) == 3
    np.testing.assert_allclose(model.predict_proba(X), each.mean(axis=0))
    assert model.score(X, y) > 0.8
    assert model.to_onnx(tmp_path / "mean.onnx").difference < 1e-6
    model.predictor_.save(tmp_path / "model.safetensors")
    back = fl.load_predictor(tmp_path)
    np.testing.assert_allclose(back.answer(X.astype(np.float32))[0], model.predict_proba(X), atol=1e-6)
    np.testing.assert_allclose(back.spread(X.astype(np.float32)), each.std(axis=0), atol=1e-6)
    for settings in ({"warm_start": True}, {"learning_rate": "adaptive"}, {"callbacks": print}):
        with pytest.raises(fl.FalllineError, match="n_members = 3 are trained in one program"):
            MLPClassifier(n_members=3, **{**SHORT, **settings}).fit(X, y)


def test_a_scikit_learn_network_is_taken_over_exactly_and_goes_on(flowers):
    X, y = flowers
    for name, target in (("MLPClassifier", y), ("MLPClassifier", np.eye(3, dtype=int)[y]), ("MLPRegressor", y)):
        model = getattr(theirs, name)((6, 4), max_iter=30, random_state=0).fit(X, target) if name != "MLPRegressor" else (
            theirs.MLPRegressor(hidden_layer_sizes=(6, 4), activation="tanh", max_iter=30, random_state=0).fit(X, target)
        )  # fmt: skip
        mine = to_fallline(model)
        answer = "predict_proba" if name == "MLPClassifier" else "predict"
        np.testing.assert_allclose(getattr(mine, answer)(X), getattr(model, answer)(X), rtol=1e-12, atol=1e-14)
        assert mine.loss_curve_ == model.loss_curve_
        assert mine.get_params()["hidden_layer_sizes"] == (6, 4)
        assert mine.partial_fit(X, target).loss_ < mine.loss_curve_[0]
    with pytest.raises(fl.FalllineError, match="is no fitted network"):
        to_fallline(theirs.MLPClassifier())


def test_predictor_and_onnx_say_the_same(flowers, tmp_path):
    X, y = flowers
    model = MLPClassifier(scaler="standardise", **SHORT).fit(X, np.array(["a", "b", "c"])[y])
    np.testing.assert_allclose(model.predictor_.probabilities(X.astype(np.float32)), model.predict_proba(X), atol=1e-6)
    done = model.to_onnx(tmp_path / "iris.onnx")
    assert done.difference < 1e-6
    assert done.outputs == ("label", "probabilities")
