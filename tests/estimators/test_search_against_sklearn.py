"""PopulationSearchCV is GridSearchCV with another engine: both get the same, whatever a user can pass, and must agree.

GridSearchCV fits the same estimator, so that scores are equal to float32's rounding: both begin with the same weights, and
these rows make one batch.
"""

import copy
import pickle
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from scipy.stats import loguniform, rankdata
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import accuracy_score, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePGroupsOut,
    LeavePOut,
    PredefinedSplit,
    RandomizedSearchCV,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TimeSeriesSplit,
    cross_val_score,
)  # fmt: skip

from fallline.estimators import MLPClassifier, MLPRegressor, PopulationSearchCV
from fallline.estimators.lanes import SearchLane

ROWS = 60
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0, "tol": 0.0}
RATES = {"learning_rate_init": [0.001, 0.1]}
METHODS = ("predict", "predict_proba", "predict_log_proba", "transform", "inverse_transform", "decision_function",
           "score_samples", "score")  # fmt: skip
FITTED = ("best_index_", "best_params_", "best_score_", "best_estimator_", "cv_results_", "n_splits_", "refit_time_",
          "scorer_", "multimetric_", "classes_", "n_features_in_", "feature_names_in_")  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quickly_compiled():
    """Every shape is trained for a moment: nearly all of the time would be LLVM's."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def some_flowers():
    X, y = load_iris(return_X_y=True)
    rows = np.random.default_rng(0).permutation(len(X))[:ROWS]
    return X[rows], y[rows]


X, Y = some_flowers()
GROUPS = np.arange(ROWS) % 6
WEIGHTS = np.random.default_rng(1).uniform(0, 3, ROWS) * (np.arange(ROWS) % 4 > 0)


def search_of(kind, model, space, **options):
    """A search of either kind over a grid."""
    if kind is GridSearchCV:
        return GridSearchCV(model, space, **options)
    return PopulationSearchCV(model, space, strategy="grid", **options)


def outcome(kind, model, space, X, y, fit, request=None, **options):
    """(the search, the exception's type, what it warned of): everything that a user sees of one fit."""
    np.random.seed(0)
    options = {name: value() if callable(value) and name == "cv" else value for name, value in options.items()}
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        search, error = search_of(kind, clone(model), space, **options), None
        try:
            search.fit(X, y, **copy.deepcopy(fit))
        except Exception as raised:
            error = type(raised)
    return search, error, {each.category for each in seen}


def assert_agree(model=None, space=RATES, X=X, y=Y, fit=(), together=True, tolerance=2e-5, **options):
    """Fit both, compare all; `together`: whether, or how many, of ours were trained in populations."""
    model = MLPClassifier(**SHORT) if model is None else model
    theirs, error, warned = outcome(GridSearchCV, model, space, X, y, dict(fit), **options)
    became = []
    with pytest.MonkeyPatch.context() as patch:
        original = SearchLane.become
        patch.setattr(SearchLane, "become", lambda lane, own: (became.append(own), original(lane, own))[1])
        ours, own_error, own_warned = outcome(PopulationSearchCV, model, space, X, y, dict(fit), **options)
    assert own_error is error, (own_error, error)
    assert own_warned == warned
    if error is not None:
        return theirs, ours
    count = theirs.n_splits_ * len(theirs.cv_results_["params"])
    expected = together(theirs) if callable(together) else count if together is True else together
    assert len(became) == expected
    assert_same_results(theirs, ours, tolerance)
    for name in (*FITTED, *METHODS):
        assert hasattr(ours, name) == hasattr(theirs, name), name
    if hasattr(theirs, "best_index_"):
        assert ours.best_index_ == theirs.best_index_
        assert ours.best_params_ == theirs.best_params_
    if hasattr(theirs, "best_score_"):
        assert ours.best_score_ == pytest.approx(theirs.best_score_, abs=tolerance, nan_ok=True)
    if hasattr(theirs, "predict"):
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert scored(ours, X, y) == scored(theirs, X, y)
    assert ours.multimetric_ == theirs.multimetric_
    assert ours.n_splits_ == theirs.n_splits_
    assert type(ours.scorer_) is type(theirs.scorer_)
    assert not {"_asked", "_routed", "_seconds"} & set(vars(ours))
    return theirs, ours


def scored(search, X, y):
    """What `score` says, or the kind of error that it ends in."""
    try:
        return search.score(X, y)
    except Exception as error:
        return type(error)


def ranks(results, scores):
    """Ranks of scores; those that differ by rounding alone are a tie: NumPy and JAX may have computed them."""
    return rankdata(-np.nan_to_num(np.round(results[scores], 12), nan=-np.inf), method="min")


def assert_same_results(theirs, ours, tolerance):
    expected, got = theirs.cv_results_, ours.cv_results_
    assert list(got) == list(expected)
    assert got["params"] == expected["params"] or repr(got["params"]) == repr(expected["params"])
    for name, column in expected.items():
        if name == "params":
            continue
        assert type(got[name]) is type(column), name
        assert got[name].dtype == column.dtype, name
        if name.startswith("param_"):
            np.testing.assert_array_equal(got[name].mask, column.mask)
            assert repr(got[name]) == repr(column)
        elif "rank" in name:
            places = [ranks(each, name.replace("rank_", "mean_")) for each in (got, expected)]
            np.testing.assert_array_equal(*places, err_msg=name)
        elif "time" not in name:
            np.testing.assert_allclose(got[name], column, rtol=tolerance, atol=tolerance, err_msg=name)


def third(number):
    """Training and test rows: two thirds and one."""
    test = np.arange(number, ROWS, 3)
    return np.setdiff1d(np.arange(ROWS), test), test


def mask(rows):
    return np.isin(np.arange(ROWS), rows)


THIRDS = [third(number) for number in range(3)]
HALVES = [(np.arange(0, ROWS, 2), np.arange(1, ROWS, 2)), (np.arange(1, ROWS, 2), np.arange(0, ROWS, 2))]
CV = {
    "the usual": None,
    "a number": 3,
    "KFold": KFold(3),
    "shuffled": KFold(3, shuffle=True, random_state=1),
    "shuffled by the global generator": lambda: KFold(3, shuffle=True),
    "StratifiedKFold": StratifiedKFold(3),
    "StratifiedKFold, shuffled": StratifiedKFold(3, shuffle=True, random_state=1),
    "RepeatedKFold": RepeatedKFold(n_splits=3, n_repeats=2, random_state=0),
    "RepeatedStratifiedKFold": RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
    "rows left out": ShuffleSplit(3, train_size=40, test_size=10, random_state=0),
    "StratifiedShuffleSplit": StratifiedShuffleSplit(3, train_size=40, test_size=12, random_state=0),
    "TimeSeriesSplit": TimeSeriesSplit(3),
    "PredefinedSplit": PredefinedSplit(np.arange(ROWS) % 4 - 1),
    "one fold": [THIRDS[0]],
    "arrays": THIRDS,
    "a generator": lambda: (each for each in THIRDS),
    "lists": [(train.tolist(), test.tolist()) for train, test in THIRDS],
    "ranges": [(range(0, 40), range(40, 60)), (range(20, 60), range(20))],
    "masks": [(mask(train), mask(test)) for train, test in THIRDS],
    "masks as lists": [(mask(train).tolist(), mask(test).tolist()) for train, test in THIRDS],
    "masks and indices": [(mask(THIRDS[0][0]), THIRDS[0][1]), (THIRDS[1][0], mask(THIRDS[1][1]))],
    "negative": [(train - ROWS, test - ROWS) for train, test in THIRDS],
    "unequal and overlapping": [(np.arange(40), np.arange(35, 60)), (np.arange(30, 50), np.arange(0, 60, 7))],
    "rows repeated": [(np.random.default_rng(k).integers(0, ROWS, 40), third(k)[1]) for k in range(2)],
    "int32": [(train.astype(np.int32), test.astype(np.uint8)) for train, test in THIRDS],
    "no test rows": [(THIRDS[0][0], [])],
    "no training rows": [([], THIRDS[0][1])],
    "beyond the rows": [([0, 1, 99], [2, 3])],
    "too many": 1000,
    "one": 1,
    "a word": "three",
}


@pytest.mark.parametrize("cv", CV.values(), ids=CV)
def test_folds(cv):
    assert_agree(cv=cv, scoring="neg_log_loss")


@pytest.mark.parametrize("cv", [
    GroupKFold(3), LeaveOneGroupOut(), LeavePGroupsOut(1), StratifiedGroupKFold(3),
    GroupShuffleSplit(2, train_size=4, random_state=0),
], ids=lambda cv: type(cv).__name__)  # fmt: skip
@pytest.mark.parametrize("groups", ["groups", "none"])
def test_groups(cv, groups):
    assert_agree(cv=cv, fit={"groups": GROUPS // 2} if groups == "groups" else {})


@pytest.mark.parametrize("cv", [LeaveOneOut(), LeavePOut(2)], ids=lambda cv: type(cv).__name__)
def test_every_row_or_pair_left_out(cv):
    assert_agree(space={"alpha": [0.1]}, X=X[:6], y=np.array([0, 0, 0, 1, 1, 1]), cv=cv)


@pytest.mark.parametrize("scoring", [None, "accuracy", "neg_log_loss", "roc_auc_ovr"])
def test_folds_without_a_class(scoring):
    order = np.argsort(Y, kind="stable")
    assert_agree(X=X[order], y=Y[order], cv=KFold(3), scoring=scoring)


def of_floats(model, X, y):
    return float(np.mean(model.predict(X) == y))


def weighed(model, X, y, sample_weight=None):
    return accuracy_score(y, model.predict(X), sample_weight=sample_weight)


def of_several(model, X, y):
    return {
        "right": accuracy_score(y, model.predict(X)),
        "loss": -log_loss(y, model.predict_proba(X), labels=[0, 1, 2]),
    }


def of_the_fit(model, X, y):
    """What a scorer can see of a fit."""
    assert model.loss_ == model.loss_curve_[-1]
    assert model.best_loss_ == min(model.loss_curve_)
    return model.n_iter_ + model.loss_ + model.t_ / 1000 + len(model.coefs_) + model.n_features_in_ + model.n_outputs_


def failing(model, X, y):
    raise RuntimeError("no score")


def a_word(model, X, y):
    return "good"


PROBABILITIES = make_scorer(log_loss, response_method="predict_proba", greater_is_better=False, labels=[0, 1, 2])
SCORING = {
    "none": (None, True),
    "a name": ("balanced_accuracy", True),
    "an unknown name": ("goodness", True),
    "a function": (of_floats, True),
    "a function of weights": (weighed, True),
    "a function of several": (of_several, "loss"),
    "a function of several, the usual refit": (of_several, True),
    "a function of several, no refit": (of_several, False),
    "the fit's own": (of_the_fit, True),
    "probabilities": (PROBABILITIES, True),
    "a list": (["accuracy", "neg_log_loss"], "neg_log_loss"),
    "a tuple": (("accuracy", "neg_log_loss"), "accuracy"),
    "a set": ({"accuracy", "neg_log_loss"}, "accuracy"),
    "a dict": ({"a": "accuracy", "b": of_floats, "c": PROBABILITIES}, "c"),
    "a dict, the usual refit": ({"a": "accuracy"}, True),
    "a dict, an unknown refit": ({"a": "accuracy"}, "b"),
    "an empty list": ([], False),
    "twice the same": (["accuracy", "accuracy"], "accuracy"),
    "failing": (failing, True),
    "one of two failing": ({"a": "accuracy", "b": failing}, "a"),
    "a word": (a_word, True),
    "refit by a function": ("accuracy", lambda results: 1),
    "refit by a function of several": (of_several, lambda results: int(results["mean_test_loss"].argmax())),
    "refit of no number": ("accuracy", lambda results: 1.5),
    "refit out of range": ("accuracy", lambda results: 7),
    "no refit": ("accuracy", False),
    "refit by name": ("accuracy", "accuracy"),
    "refit of a wrong kind": ("accuracy", 3.5),
}


# Weights reach the scorers by few ways: one by its name, one that takes weights, several, those of a failing one.
WEIGHED = ("none", "a name", "a function of weights", "a function of several", "probabilities", "one of two failing")
SCORED = [pytest.param(*each, {}, id=name) for name, each in SCORING.items()]
SCORED += [pytest.param(*SCORING[name], {"sample_weight": WEIGHTS}, id=f"{name}, weighed") for name in WEIGHED]


@pytest.mark.parametrize(("scoring", "refit", "fit"), SCORED)
def test_scores(scoring, refit, fit):
    assert_agree(scoring=scoring, refit=refit, cv=2, fit=fit, return_train_score=True)


@pytest.mark.parametrize(("scoring", "error_score"), [
    ("accuracy", "ignore"), *((failing, each) for each in ("raise", 0.0, -1, np.nan, "ignore")),
    ({"a": "accuracy", "b": failing}, "raise"), ({"a": "accuracy", "b": failing}, np.nan),
], ids=lambda each: "failing" if each is failing else "one of two" if isinstance(each, dict) else str(each))  # fmt: skip
def test_failed_scores(scoring, error_score):
    assert_agree(scoring=scoring, refit=False, cv=2, error_score=error_score)


FIT = {
    "weights": {"sample_weight": WEIGHTS},
    "weights as a list": {"sample_weight": WEIGHTS.tolist()},
    "weights of none": {"sample_weight": None},
    "weights of zero": {"sample_weight": np.zeros(ROWS)},
    "weights of whole numbers": {"sample_weight": np.arange(ROWS) % 3},
    "a series of weights": {"sample_weight": pd.Series(WEIGHTS)},
    "too few weights": {"sample_weight": WEIGHTS[:7]},
    "weights below zero": {"sample_weight": -WEIGHTS},
    "no such argument": {"temperature": 3},
    "validation rows without early stopping": {"X_val": X[:9], "y_val": Y[:9]},
}


@pytest.mark.parametrize("fit", FIT.values(), ids=FIT)
def test_what_fit_is_given(fit):
    assert_agree(fit=fit, cv=2, together=0 if "X_val" in fit else True)


@pytest.mark.parametrize("rows", [9, ROWS])
def test_validation_rows_of_the_users_own(rows):
    model = MLPClassifier(**SHORT, early_stopping=True)
    fit = {"X_val": X[:rows], "y_val": Y[:rows], "sample_weight_val": WEIGHTS[:rows], "sample_weight": WEIGHTS}
    assert_agree(model, fit=fit, cv=2)


FAILING = {
    "one of two": {"alpha": [1e-4, -1.0]},
    "all": {"alpha": [-1.0, -2.0]},
    "of a wrong type": {"hidden_layer_sizes": [(4,), "wide"]},
    "an unknown name": {"solver": ["adam", "gradient"]},
    "an unknown argument": {"depth": [1, 2]},
    "diverging": {"solver": ["sgd"], "learning_rate_init": [0.01, 1e30]},
    "nothing to choose from": {"alpha": []},
    "no grid": {"alpha": 1.0},
}


@pytest.mark.parametrize("error_score", ["raise", -7.0, np.nan])
@pytest.mark.parametrize("space", FAILING.values(), ids=FAILING)
def test_failed_fits(space, error_score):
    def together(theirs):
        """One of two candidates is refused before it begins; a diverging one is trained with the other."""
        return 4 if "learning_rate_init" in theirs.cv_results_["params"][0] else 2

    assert_agree(space=space, cv=2, error_score=error_score, return_train_score=True, together=together)


SPACES = {
    "one": {"alpha": [0.1]},
    "nothing": {},
    "several": [{"alpha": [1e-4, 1.0]}, {"learning_rate_init": [0.1], "l1": [0.0]}],
    "widths": {"hidden_layer_sizes": [(3,), 5, (4, 3)]},
    "none and functions": {"activation": ["tanh", jnp.tanh], "dropout": [None]},
    "arrays": {"alpha": np.array([1e-4, 1.0]), "max_iter": np.array([2, 3])},
    "seeds": {"random_state": [0, 1]},
    "the same twice": {"alpha": [1e-4, 1e-4]},
    "solvers": {"solver": ["adam", "sgd", "lbfgs"]},
    "scalers": {"scaler": [None, "standardise"]},
}  # fmt: skip


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_spaces(space):
    assert_agree(space=space, cv=2, scoring="neg_log_loss", refit=False, tolerance=2e-3 if "solver" in space else 2e-5)


def test_widths_share_the_order_of_minibatches():
    options = {"cv": HALVES, "scoring": "neg_log_loss", "refit": False}
    theirs, ours = (
        outcome(kind, MLPClassifier(**SHORT, batch_size=16), {"hidden_layer_sizes": [3, 5]}, X, Y, {}, **options)[0]
        for kind in (GridSearchCV, PopulationSearchCV)
    )
    first, second = np.abs(ours.cv_results_["mean_test_score"] - theirs.cv_results_["mean_test_score"])
    assert first < 2e-5
    assert second < 0.05  # the same weights, in another order of rows


class Logarithms(MLPClassifier):
    """A subclass that prepares its rows."""

    def fit(self, X, y):
        return super().fit(np.log1p(X), y)


SETTINGS = {
    "balanced": ({"class_weight": "balanced"}, True),
    "balanced, in minibatches": ({"class_weight": "balanced", "batch_size": 16}, True),
    "a weight per class": ({"class_weight": {0: 1.0, 1: 5.0, 2: 0.5}}, True),
    "early stopping": ({"early_stopping": True, "n_iter_no_change": 2}, True),
    "early stopping, in minibatches": ({"early_stopping": True, "n_iter_no_change": 2, "batch_size": 16}, True),
    "early stopping by a scorer": ({"early_stopping": True, "scoring": "balanced_accuracy"}, 0),
    "minibatches": ({"batch_size": 16}, True),
    "more than all rows": ({"batch_size": 1000}, True),
    "dropout": ({"dropout": 0.5}, True),
    "batch normalisation": ({"batch_norm": True}, True),
    "batch normalisation, in minibatches": ({"batch_norm": True, "batch_size": 16}, True),
    "inverse scaling": ({"solver": "sgd", "learning_rate": "invscaling"}, True),
    "adaptive": ({"solver": "sgd", "learning_rate": "adaptive"}, 0),
    "members": ({"n_members": 2}, 0),
    "callbacks": ({"callbacks": lambda progress: progress.epoch == 2}, 0),
    "warm start": ({"warm_start": True}, True),
    "not in another order": ({"shuffle": False, "batch_size": 16}, True),
    "a generator": ({"random_state": np.random.RandomState(3)}, True),
}


@pytest.mark.parametrize(("settings", "together"), SETTINGS.values(), ids=SETTINGS)
def test_settings_of_the_estimator(settings, together):
    model = MLPClassifier(**{**SHORT, **settings})
    assert_agree(model, cv=[(np.arange(40), np.arange(35, 60)), (np.arange(25, 60), np.arange(0, 60, 7))],
                 scoring="neg_log_loss", refit=False, together=together)  # fmt: skip


def test_a_subclass_fits_as_it_wants():
    assert_agree(Logarithms(**SHORT), cv=2, together=0)


@pytest.mark.parametrize(("task", "fit"), [
    *((task, {}) for task in ("regression", "several targets", "labels", "two classes", "words", "flags")),
    *((task, {"sample_weight": WEIGHTS}) for task in ("regression", "labels", "words")),
])  # fmt: skip
def test_tasks(task, fit):
    model = MLPRegressor(**SHORT) if task in ("regression", "several targets") else MLPClassifier(**SHORT)
    y = {
        "regression": X[:, 0] + X[:, 3], "several targets": X[:, 1:3], "labels": (X[:, :3] > X[:, :3].mean(0)).astype(int),
        "two classes": Y > 1, "words": np.array(["a", "bb", "c"])[Y], "flags": np.array([True, False, False])[Y],
    }[task]  # fmt: skip
    assert_agree(model, y=y, cv=2, fit=fit)


def table():
    """Text, and numbers that are missing: both are encoded from the training rows alone."""
    names = np.array(["red", "green", "blue", "rare"])[np.minimum(np.arange(ROWS) % 7 // 2, 3)]
    frame = pd.DataFrame({"length": X[:, 0], "colour": names, "width": X[:, 3]})
    frame.loc[::9, "width"] = np.nan
    return frame


KINDS = {
    "table": table,
    "table of numbers": lambda: pd.DataFrame(X, columns=list("abcd")),
    "sparse": lambda: sparse.csr_matrix(X),
    "float32": lambda: X.astype(np.float32),
    "whole numbers": lambda: np.rint(X * 10).astype(int),
    "lists": X.tolist,
    "a hole": lambda: np.where(np.arange(ROWS)[:, None] == 7, np.nan, X),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_kinds_of_rows(make):
    assert_agree(X=make(), cv=2, scoring="neg_log_loss", together=0 if make is KINDS["a hole"] else True)


ROUTES = {
    "asked for": lambda model: model.set_fit_request(sample_weight=True),
    "refused": lambda model: model.set_fit_request(sample_weight=False),
    "warned of": lambda model: model.set_fit_request(sample_weight="$WARN$"),
    "by another name": lambda model: model.set_fit_request(sample_weight="importance"),
    "not said": lambda model: model,
    "asked by the model's own score": lambda m: m.set_fit_request(sample_weight=True).set_score_request(sample_weight=True),
    "refused by the model's own score": lambda m: m.set_fit_request(sample_weight=True).set_score_request(
        sample_weight=False
    ),
}  # fmt: skip
SCORERS = {
    "none": lambda: None,
    "asks": lambda: make_scorer(accuracy_score).set_score_request(sample_weight=True),
    "refuses": lambda: make_scorer(accuracy_score).set_score_request(sample_weight=False),
    "does not say": lambda: make_scorer(accuracy_score),
    "by another name": lambda: make_scorer(accuracy_score).set_score_request(sample_weight="importance"),
}


PAIRS = [(ask, scorer) for ask in ROUTES for scorer in SCORERS if ask == "asked for" or scorer in ("none", "asks")]
NAMED = [(*pair, "sample_weight") for pair in PAIRS]
NAMED += [(*pair, "importance") for pair in PAIRS if "by another name" in pair or pair == ("not said", "none")]


@pytest.mark.parametrize(("ask", "scorer", "name"), NAMED, ids=str)
def test_routes(ask, scorer, name):
    with sklearn.config_context(enable_metadata_routing=True):
        assert_agree(ROUTES[ask](MLPClassifier(**SHORT)), scoring=SCORERS[scorer](), fit={name: WEIGHTS}, cv=HALVES)


@pytest.mark.parametrize("cv", [GroupKFold, KFold])
@pytest.mark.parametrize("asks", [None, True, False])
def test_groups_by_routes(cv, asks):
    with sklearn.config_context(enable_metadata_routing=True):
        splitter = cv(3) if asks is None or cv is KFold else cv(3).set_split_request(groups=asks)
        assert_agree(cv=splitter, fit={"groups": GROUPS // 2})


def test_draws_are_those_of_a_random_search():
    space = {"learning_rate_init": loguniform(1e-3, 1e-1), "alpha": [1e-4, 1e-2]}
    options = {"n_iter": 3, "cv": 2, "random_state": 5, "scoring": "neg_log_loss"}
    model = MLPClassifier(**SHORT, n_iter_no_change=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = RandomizedSearchCV(model, space, **options).fit(X, Y)
        ours = PopulationSearchCV(model, space, **options).fit(X, Y)
    assert_same_results(theirs, ours, 2e-5)


@pytest.mark.parametrize("verbose", [0, 1, 2, 10])
def test_what_is_printed(verbose, capsys):
    models = MLPClassifier(**SHORT, verbose=verbose == 2)
    shown = []
    for kind in (GridSearchCV, PopulationSearchCV):
        outcome(kind, models, RATES, X, Y, {}, cv=HALVES, verbose=verbose)
        lines = [line.split(" total time")[0].rstrip(".") for line in capsys.readouterr().out.splitlines()]
        shown.append([line for line in lines if "networks in" not in line])
        assert len(lines) - len(shown[-1]) == (verbose > 0 and kind is PopulationSearchCV)
    first, second = shown
    assert [line.split("loss")[0] for line in second] == [line.split("loss")[0] for line in first]


@pytest.mark.parametrize("together", [True, 0])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_processes(n_jobs, together):
    model = MLPClassifier(**SHORT, **({} if together else {"callbacks": []}))
    options = {"n_jobs": n_jobs, "pre_dispatch": 2, "cv": 2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = PopulationSearchCV(model, RATES, strategy="grid", **options).fit(X, Y)
    assert bool(search.report_) == bool(together)
    assert search.cv_results_["mean_fit_time"].min() > 0


def test_it_is_an_estimator_like_any_other():
    theirs, ours = assert_agree(X=pd.DataFrame(X, columns=list("abcd")), cv=2)
    assert ours.feature_names_in_.tolist() == theirs.feature_names_in_.tolist() == list("abcd")
    assert ours.classes_.tolist() == theirs.classes_.tolist()
    again = pickle.loads(pickle.dumps(ours))
    np.testing.assert_array_equal(again.predict(pd.DataFrame(X, columns=list("abcd"))), theirs.predict(
        pd.DataFrame(X, columns=list("abcd"))))  # fmt: skip
    fresh = clone(ours)
    assert not hasattr(fresh, "cv_results_")
    assert fresh.get_params().keys() - {"space", "n_iter", "strategy", "random_state"} == theirs.get_params().keys() - {
        "param_grid"
    }
    assert fresh.set_params(estimator__alpha=0.5, cv=2).estimator.alpha == 0.5
    assert "PopulationSearchCV" in repr(fresh)
    assert "PopulationSearchCV" in fresh._repr_html_()


def test_searches_within_folds():
    scores = []
    for kind in (GridSearchCV, PopulationSearchCV):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search = search_of(kind, MLPClassifier(**SHORT), RATES, cv=2, scoring="neg_log_loss")
            scores.append(cross_val_score(search, X, Y, cv=2, error_score="raise"))
    np.testing.assert_allclose(scores[1], scores[0], rtol=2e-5)


class Noting:
    """A callback of scikit-learn's that notes what it is told."""

    max_propagation_depth = 1

    def __init__(self):
        self.notes = []

    def setup(self, estimator, context):
        self.notes.append(("setup", context.task_name))

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        shape = None if X is None else np.shape(X)
        self.notes.append(("begin", context.task_name, context.task_id, context.max_subtasks, shape, metadata is None))

    def on_fit_task_end(self, estimator, context):
        self.notes.append(("end", context.task_name, context.task_id))

    def teardown(self, estimator, context):
        self.notes.append(("teardown", context.task_name))


@pytest.mark.skipif(not hasattr(GridSearchCV, "set_callbacks"), reason="this scikit-learn has no callbacks")
@pytest.mark.parametrize("space", [RATES, {"alpha": [1e-4, -1.0]}], ids=["good", "failing"])
def test_callbacks_of_scikit_learns(space):
    notes = []
    for kind in (GridSearchCV, PopulationSearchCV):
        note = Noting()
        search = search_of(kind, MLPClassifier(**SHORT), space, cv=2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            search.set_callbacks(note).fit(X, Y, sample_weight=WEIGHTS)
        notes.append(note.notes)
    assert notes[1] == notes[0]
    assert ("begin", "search", 0, 4, None, True) in notes[1]


@pytest.mark.skipif(not hasattr(GridSearchCV, "set_callbacks"), reason="this scikit-learn has no callbacks")
def test_a_progress_bar_of_scikit_learns(capsys):
    from sklearn.callback import ProgressBar

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        PopulationSearchCV(MLPClassifier(**SHORT), RATES, strategy="grid", cv=2).set_callbacks(ProgressBar()).fit(X, Y)
    assert "PopulationSearchCV" in capsys.readouterr().out


def test_the_common_case_is_one_population():
    _, ours = assert_agree(cv=2, fit={"sample_weight": WEIGHTS})
    _, balanced = assert_agree(MLPClassifier(**SHORT, class_weight="balanced"), cv=2)
    for search in (ours, balanced):
        assert [report.groups for report in search.report_] == [1]
