"""What scikit-learn's own tests ask of its multi-layer perceptrons, asked of ours."""

import itertools
import pickle

import array_api_strict
import jax
import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor

import fallline as fl
from fallline.estimators import MLPClassifier, MLPRegressor
from fallline.estimators.settings import optimizer_of
from fallline.optimizers import Rprop, WeightDecay

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@quiet
def test_alpha_shrinks_the_weights(zeros_and_ones):
    X, y = zeros_and_ones
    sizes = [
        [np.abs(each).sum() for each in MLPClassifier(15, alpha=a, random_state=1, max_iter=100).fit(X, y).coefs_]
        for a in (0.0, 1.0)
    ]
    assert (np.array(sizes[0]) > sizes[1]).all()


def test_one_step_is_the_one_worked_by_hand():
    """One row x = (0.6, 0.8, 0.7) of class 0 through 3-2-1 sigmoids, learning rate 0.1, alpha 0.1:

    h = s(x W1 + b1) = (0.6792, 0.5744),  p = s(h W2 + b2) = 0.7654
    dz = p - 0 = 0.7654,  dh = dz W2 h (1 - h) = (0.01668, 0.03742)
    W1 -= 0.1 (x dh + 0.1 W1),  b1 -= 0.1 dh,  W2 -= 0.1 (h dz + 0.1 W2),  b2 -= 0.1 dz
    """
    x, W1, b1 = np.array([[0.6, 0.8, 0.7]]), np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0.0]]), np.array([0.1, 0.1])
    W2, b2 = np.array([[0.1], [0.2]]), np.array([1.0])
    model = MLPClassifier(
        2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, max_iter=1, momentum=0, random_state=1
    )
    model.coefs_, model.intercepts_ = [W1, W2], [b1, b2]
    model.partial_fit(x, [0], classes=[0, 1])
    np.testing.assert_allclose(model.coefs_[0], [[0.098, 0.1958], [0.2957, 0.0960], [0.4938, -0.00262]], atol=6e-5)
    np.testing.assert_allclose(model.coefs_[1], [[0.04702], [0.15403]], atol=1e-5)
    np.testing.assert_allclose(model.intercepts_[0], [0.09833, 0.09626], atol=1e-5)
    np.testing.assert_allclose(model.intercepts_[1], [0.92346], atol=1e-5)
    assert model.predict_proba(x)[0, 1] == pytest.approx(0.7386, abs=1e-3)


@pytest.mark.parametrize("cls", [MLPClassifier, MLPRegressor])
def test_a_step_follows_the_gradient_by_differences(flowers, cls):
    """After one step of rate 1, w_before - w_after is the gradient of what `predict` says of the loss."""
    X, y = flowers[0][::6], flowers[1][::6]
    model = cls(
        hidden_layer_sizes=(3,),
        activation="tanh",
        solver="sgd",
        learning_rate_init=1.0,
        momentum=0,
        alpha=0.5,
        random_state=0,
    )
    kinds = {"classes": np.unique(y)} if cls is MLPClassifier else {}
    model.partial_fit(X, y, **kinds)
    before = [each.copy() for each in model.coefs_ + model.intercepts_]
    weights = model.coefs_ + model.intercepts_

    def loss():
        penalty = 0.25 * sum((each**2).sum() for each in model.coefs_) / len(X)
        if cls is MLPRegressor:
            return 0.5 * np.mean((model.predict(X) - y) ** 2) + penalty
        return penalty - np.mean(np.log(model.predict_proba(X)[np.arange(len(y)), y]))

    expected = []
    for array in weights:
        slopes = np.zeros(array.shape)
        for place in np.ndindex(*array.shape):
            w = array[place]
            sides = []
            for array[place] in (w + 1e-4, w - 1e-4):
                sides.append(loss())
            array[place] = w
            slopes[place] = (sides[0] - sides[1]) / 2e-4
        expected.append(slopes)
    model.partial_fit(X, y, **kinds)
    for old, new, slopes in zip(before, model.coefs_ + model.intercepts_, expected, strict=True):
        np.testing.assert_allclose(old - new, slopes, atol=1e-5)


@quiet
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_lbfgs_learns(zeros_and_ones, numbers, activation):
    X, y = zeros_and_ones
    model = MLPClassifier(50, activation, solver="lbfgs", max_iter=150, random_state=1).fit(X[:150], y[:150])
    assert model.score(X[:150], y[:150]) > 0.95
    assert model.predict(X[150:]).dtype.kind == "i"
    X, y = numbers
    model = MLPRegressor("squared_error", 50, activation, solver="lbfgs", tol=1e-3, random_state=1)
    model.fit(X, y)
    assert model.score(X, y) > (0.8 if activation == "identity" else 0.98)


def test_max_fun_bounds_lbfgs(zeros_and_ones):
    X, y = zeros_and_ones
    model = MLPClassifier(50, solver="lbfgs", max_iter=150, max_fun=5, random_state=1)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    assert model.n_iter_ <= 5


@quiet
def test_partial_fit_equals_fit(zeros_and_ones, numbers):
    X, y = zeros_and_ones
    settings = {"solver": "sgd", "random_state": 1, "alpha": 1e-5, "learning_rate_init": 0.2}
    whole = MLPClassifier(max_iter=40, tol=0, **settings).fit(X, y)
    steps = MLPClassifier(**settings)
    for _ in range(40):
        steps.partial_fit(X, y, classes=np.unique(y))
    np.testing.assert_allclose(whole.predict_proba(X), steps.predict_proba(X), atol=1e-6)
    X, y = numbers
    whole = MLPRegressor(solver="sgd", max_iter=40, random_state=1, batch_size=50).fit(X, y)
    steps = MLPRegressor(solver="sgd", random_state=1, batch_size=50)
    for _ in range(40):
        steps.partial_fit(X, y)
    assert whole.loss_curve_[0] == pytest.approx(steps.loss_curve_[0], rel=0.3)
    assert steps.loss_curve_[-1] < 0.9 * steps.loss_curve_[0]


def test_partial_fit_needs_the_classes_and_a_rule_that_steps(flowers):
    X, y = flowers
    with pytest.raises(fl.FalllineError, match="first call to partial_fit"):
        MLPClassifier(solver="sgd").partial_fit(X, y)
    with pytest.raises(fl.FalllineError, match="classes not in"):
        MLPClassifier(solver="sgd").partial_fit(X, y, classes=[2])
    model = MLPClassifier(solver="sgd").partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(fl.FalllineError, match="is not what the first call"):
        model.partial_fit(X, y, classes=[1, 2])
    for rule in ("lbfgs", fl.LBFGS(), WeightDecay(fl.LBFGS(), decay_by="itself")):
        assert not hasattr(MLPClassifier(solver=rule), "partial_fit")
    for rule in ("rprop", Rprop(), "newton", fl.Adam()):
        assert hasattr(MLPClassifier(solver=rule), "partial_fit")
    with pytest.raises(fl.FalllineError, match="partial_fit does not support early_stopping"):
        MLPClassifier(early_stopping=True).partial_fit(X, y, classes=[0, 1, 2])


def test_classes_that_come_later_are_learnt():
    model = MLPClassifier(random_state=0)
    model.partial_fit([[1], [2], [3]], ["a", "b", "c"], classes=["a", "b", "c", "d"])
    model.partial_fit([[4]], ["d"])
    assert model.predict_proba([[1.0]]).shape == (1, 4)
    assert set(model.predict([[1], [4]])) <= set("abcd")


def test_labels_are_learnt_and_do_not_exclude_each_other():
    X, Y = make_multilabel_classification(n_samples=50, random_state=0)
    model = MLPClassifier(50, "logistic", solver="lbfgs", alpha=1e-5, max_iter=150, random_state=0).fit(X, Y)
    assert model.score(X, Y) > 0.97
    P = model.predict_proba(X)
    np.testing.assert_array_equal(P > 0.5, Y)
    assert np.ptp(P.sum(axis=1)) > 0.5
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(P))


@quiet
def test_shuffle_changes_the_order_and_a_seed_repeats_it(numbers):
    X, y = numbers
    weights = {
        (shuffle, turn): MLPRegressor(
            hidden_layer_sizes=1, max_iter=1, batch_size=1, random_state=0, shuffle=shuffle
        ).fit(X[:50], y[:50]).coefs_[0]
        for shuffle in (True, False)
        for turn in (1, 2)
    }  # fmt: skip
    for shuffle in (True, False):
        np.testing.assert_array_equal(weights[shuffle, 1], weights[shuffle, 2])
    assert not np.array_equal(weights[True, 1], weights[False, 1])


@quiet
def test_sparse_rows_are_the_dense_ones(zeros_and_ones):
    X, y = zeros_and_ones
    dense = MLPClassifier(15, max_iter=20, random_state=1).fit(X, y)
    thin = MLPClassifier(15, max_iter=20, random_state=1).fit(sparse.csr_matrix(X), y)
    np.testing.assert_array_equal(dense.predict_proba(X), thin.predict_proba(sparse.csc_matrix(X)))


@quiet
@pytest.mark.parametrize("library", [array_api_strict, jax.numpy], ids=lambda library: library.__name__)
def test_arrays_of_other_libraries_are_numpys(flowers, library):
    X, y = (library.asarray(each) for each in flowers)
    for cls, answer in ((MLPClassifier, "predict_proba"), (MLPRegressor, "predict")):
        model = cls(hidden_layer_sizes=3, max_iter=2, random_state=0)
        other = getattr(model.fit(X, y), answer)(X)
        np.testing.assert_array_equal(other, getattr(model.fit(np.asarray(X), np.asarray(y)), answer)(np.asarray(X)))


def test_a_tolerance_ends_the_training_and_so_does_a_small_rate(zeros_and_ones):
    X, y = zeros_and_ones
    for waits in (2, 10, 50):
        model = MLPClassifier(tol=0.01, max_iter=3000, solver="sgd", n_iter_no_change=waits, random_state=0).fit(X, y)
        falls = np.minimum.accumulate(model.loss_curve_)[:-1] - model.loss_curve_[1:] >= 0.01
        assert not falls[-waits - 1 :].any()
        assert model.n_iter_ < 3000
    rates = []
    MLPClassifier(
        tol=0.5,
        max_iter=3000,
        solver="sgd",
        learning_rate="adaptive",
        callbacks=lambda p: rates.append(p.learning_rate),
    ).fit(X, y)
    assert rates[-1] < 1e-6 < rates[-13]
    assert {round(a / b, 3) for a, b in itertools.pairwise(rates)} == {1.0, 5.0}


def test_endless_patience_uses_all_epochs(zeros_and_ones):
    X, y = zeros_and_ones
    with pytest.warns(ConvergenceWarning, match="used up its 300 epochs"):
        model = MLPClassifier(tol=1e9, n_iter_no_change=np.inf, max_iter=300, solver="sgd").fit(X, y)
    assert model.n_iter_ == 300


@quiet
def test_early_stopping_keeps_the_best(zeros_and_ones):
    X, y = zeros_and_ones
    for cls in (MLPClassifier, MLPRegressor):
        model = cls(tol=0.2, max_iter=3000, solver="sgd", early_stopping=True, random_state=2).fit(X[:100], y[:100])
        assert model.n_iter_ < 3000
        assert model.best_loss_ is None
        assert max(model.validation_scores_) == model.best_validation_score_
        assert len(model.validation_scores_) == model.n_iter_


def test_early_stopping_needs_rows_of_every_kind():
    with pytest.raises(ValueError, match="least populated class"):
        MLPClassifier(early_stopping=True).fit([[1, 2], [2, 3], [3, 4], [4, 5]], [0, 0, 0, 1])
    with pytest.raises(fl.FalllineError, match="validation set is too small"):
        MLPRegressor(early_stopping=True).fit([[1.0], [2.0]], [1.0, 2.0])


@quiet
def test_warm_start_refuses_other_classes_and_uses_all_epochs(flowers):
    X, y = flowers
    model = MLPClassifier(3, solver="sgd", warm_start=True, max_iter=3, random_state=0).fit(X, y)
    first = model.loss_
    assert model.fit(X, y).n_iter_ == 3
    assert model.loss_ < first
    with pytest.raises(fl.FalllineError, match=r"Previously got \[0 1 2\], `y` has \[0 1\]"):
        model.fit(X, np.minimum(y, 1))


@quiet
def test_weights_can_be_set_and_the_network_says_them(flowers):
    X, y = flowers
    model = MLPClassifier(3, max_iter=2, random_state=0).fit(X, y)
    model.coefs_ = [np.zeros((4, 3)), np.zeros((3, 3))]
    model.intercepts_ = [np.zeros(3), np.log([0.2, 0.3, 0.5])]
    np.testing.assert_allclose(model.predict_proba(X[:2]), [[0.2, 0.3, 0.5]] * 2, atol=1e-7)
    model.coefs_[0] = np.zeros((4, 2))
    with pytest.raises(fl.FalllineError, match=r"coefs_\[0\] has shape \(4, 2\) where the network has \(4, 3\)"):
        model.predict(X)


@quiet
def test_a_pickled_model_goes_on(flowers):
    X, y = flowers
    model = MLPClassifier(3, solver="sgd", max_iter=3, random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    np.testing.assert_array_equal(again.partial_fit(X, y).coefs_[0], model.partial_fit(X, y).coefs_[0])


@quiet
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_and_answers_have_the_rows_dtype(flowers, dtype):
    X, y = flowers
    for cls in (MLPClassifier, MLPRegressor):
        model = cls(hidden_layer_sizes=3, max_iter=2).fit(X.astype(dtype), y)
        assert {each.dtype for each in model.coefs_ + model.intercepts_} == {np.dtype(dtype)}
    assert model.predict(X.astype(dtype)).dtype == dtype


def test_a_divergence_is_a_sentence_unless_something_good_was_kept(flowers):
    X, y = flowers
    settings = {"solver": "sgd", "learning_rate_init": 1e6, "max_iter": 20, "activation": "identity", "random_state": 0}
    with pytest.raises(fl.FalllineError, match=r"training diverged at step \d+ .*learning_rate_init = 1000000.0"):
        MLPRegressor(**settings).fit(X, y)
    with pytest.raises(fl.FalllineError, match="numbers beyond 3e38"):
        MLPRegressor().fit(X * 1e300, y)
    with pytest.warns(ConvergenceWarning, match="the best parameters before are kept"):
        model = MLPRegressor(early_stopping=True, **{**settings, "learning_rate_init": 1.0}).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


@quiet
def test_verbose_prints_every_epoch(flowers, capsys):
    X, y = flowers
    model = MLPClassifier(3, solver="sgd", max_iter=3, verbose=True, early_stopping=True, random_state=0).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines] == ["Iteration 1", "Iteration 2", "Iteration 3"]
    assert f"validation score = {model.validation_scores_[2]:.6f}" in lines[2]


def test_poisson_without_a_hidden_layer_is_the_linear_model():
    rng = np.random.default_rng(0)
    X = np.linspace(0, 1, 100)[:, None]
    y = rng.poisson(np.exp(X[:, 0] + 1))
    linear = PoissonRegressor(alpha=0, tol=1e-7).fit(X, y)
    model = MLPRegressor("poisson", (1,), "identity", alpha=0, solver="lbfgs", tol=1e-5, random_state=1).fit(X, y)
    np.testing.assert_allclose(model.predict(X), linear.predict(X), rtol=1e-3)


def test_wrong_arguments_are_one_sentence(flowers):
    X, y = flowers
    for settings, sentence in (
        ({"hidden_layer_sizes": -1}, "hidden_layer_sizes must be > 0"),
        ({"activation": "reluu"}, "activation = 'reluu' is unknown: did you mean 'relu'"),
        ({"activation": ["relu", "tanh"]}, "activation has 2 entries for 1 hidden layers"),
        ({"solver": "adamm"}, "solver = 'adamm' is unknown: did you mean 'adam'"),
        ({"learning_rate": "constan"}, "learning_rate = 'constan' is unknown: did you mean 'constant'"),
        ({"alpha": -1}, r"alpha = -1: give a number in \[0, inf\)"),
        ({"learning_rate_init": 0.0}, r"learning_rate_init = 0.0: give a number in \(0, inf\)"),
        ({"max_iter": 0}, "max_iter = 0: give a whole number of 1 or more"),
        ({"shuffle": "true"}, "shuffle = 'true': give True or False"),
        ({"batch_size": 0}, "batch_size = 0: give a whole number"),
        ({"loss": "log_los"}, "loss = 'log_los' is unknown: did you mean 'log_loss'"),
        ({"batch_norm": True, "layer_norm": True}, "one undoes the other"),
        ({"scaler": 3}, "scaler = 3: give a scaler"),
    ):
        with pytest.raises(fl.FalllineError, match=sentence):
            MLPClassifier(**settings).fit(X, y)
    with pytest.raises(fl.FalllineError, match="set early_stopping=True"):
        MLPClassifier().fit(X, y, X_val=X, y_val=y)
    with pytest.warns(UserWarning, match="more than the 150 training rows"), pytest.warns(ConvergenceWarning):
        MLPClassifier(3, batch_size=1000, max_iter=1).fit(X, y)


def test_coefficients_reach_every_rule_that_has_them():
    """An argument at its default leaves the rule's own default."""
    rule = optimizer_of(MLPRegressor(solver="rmsprop", momentum=0.5, epsilon=1e-6, beta_1=0.5), rows=10, samples=0)
    assert (rule.momentum, rule.epsilon) == (0.5, 1e-6)
    assert optimizer_of(MLPRegressor(solver="rmsprop"), rows=10, samples=0).momentum is None
    assert optimizer_of(MLPRegressor(solver="nadam", beta_1=0.8), rows=10, samples=0).beta1 == 0.8
