"""PopulationSearchCV: scikit-learn's searches judge its results, and each lane is a fit of its own."""

import numpy as np
import pytest
from scipy.stats import loguniform
from sklearn.metrics import accuracy_score, log_loss
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold

import fallline as fl
from fallline.estimators import MLPClassifier, MLPRegressor, PopulationSearchCV

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden_layer_sizes": (8,), "max_iter": 60, "n_iter_no_change": 60, "random_state": 0}
RATES = {"learning_rate_init": [1e-4, 1e-2]}


@pytest.fixture(scope="module")
def searched(flowers):
    X, y = flowers
    return PopulationSearchCV(
        MLPClassifier(**SHORT), RATES, strategy="grid", cv=3, scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss", random_state=0, return_train_score=True,
    ).fit(X, y)  # fmt: skip


def test_results_have_the_columns_of_scikit_learns(searched, flowers):
    X, y = flowers
    theirs = GridSearchCV(
        MLPClassifier(**SHORT), RATES, cv=3, scoring=["accuracy", "neg_log_loss"], refit=False, return_train_score=True
    ).fit(X, y)
    assert searched.cv_results_.keys() == theirs.cv_results_.keys()
    assert searched.cv_results_["params"] == theirs.cv_results_["params"]
    # Other initial weights and orders, the same settings: of what has learnt something, about the same.
    for score in ("accuracy", "neg_log_loss"):
        ours, other = (each.cv_results_[f"mean_test_{score}"] for each in (searched, theirs))
        assert ours.argmax() == other.argmax() == 1
        assert ours[1] == pytest.approx(other[1], abs=0.25)


def test_the_best_is_fitted_again(searched, flowers):
    X, y = flowers
    assert searched.best_index_ == searched.cv_results_["mean_test_neg_log_loss"].argmax()
    assert searched.best_params_ == searched.cv_results_["params"][searched.best_index_]
    again = MLPClassifier(**SHORT, **{}).set_params(**searched.best_params_).fit(X, y)
    np.testing.assert_array_equal(searched.predict_proba(X), again.predict_proba(X))
    assert searched.score(X, y) == pytest.approx(-log_loss(y, again.predict_proba(X)))
    assert searched.n_features_in_ == 4
    assert searched.refit_time_ > 0


def test_all_candidates_and_folds_are_one_population(searched):
    assert [report.groups for report in searched.report_] == [1]
    assert searched.report_[0].lane_epochs == 2 * 3 * 60


def test_widths_distributions_and_any_splitter(flowers):
    X, y = flowers
    space = {"hidden_layer_sizes": [(6,), (8,)], "alpha": loguniform(1e-5, 1.0)}
    model = MLPClassifier(**SHORT, learning_rate_init=0.02)
    cv = StratifiedKFold(2, shuffle=True, random_state=1)
    first, second = (
        PopulationSearchCV(model, space, n_iter=4, cv=cv, refit=False, random_state=3).fit(X, y) for _ in range(2)
    )
    assert first.cv_results_["params"] == second.cv_results_["params"]
    np.testing.assert_array_equal(first.cv_results_["mean_test_score"], second.cv_results_["mean_test_score"])
    assert {each["hidden_layer_sizes"] for each in first.cv_results_["params"]} == {(6,), (8,)}
    assert first.best_score_ > 0.5


def test_a_strategy_may_be_a_function_and_a_scorer_may_return_several(flowers):
    X, y = flowers

    def halves(space, n_iter, random):
        return [{"alpha": space["alpha"] / 2**i} for i in range(n_iter)]

    def scores(model, X, y):
        return {"right": accuracy_score(y, model.predict(X)), "loss": -log_loss(y, model.predict_proba(X))}

    search = PopulationSearchCV(
        MLPClassifier(**SHORT), {"alpha": 1.0}, n_iter=2, strategy=halves, cv=KFold(2, shuffle=True, random_state=0),
        scoring=scores, refit="loss",
    ).fit(X, y)  # fmt: skip
    assert [each["alpha"] for each in search.cv_results_["params"]] == [1.0, 0.5]
    assert "std_test_right" in search.cv_results_


def test_early_stopping_never_sees_the_fold_it_is_scored_on(numbers):
    X, y = numbers
    model = MLPRegressor(early_stopping=True, solver="sgd", **{**SHORT, "max_iter": 100, "n_iter_no_change": 20})
    space = {"learning_rate_init": [0.01, 1e6]}
    search = PopulationSearchCV(model, space, strategy="grid", cv=2, refit=False, random_state=0)
    with pytest.warns(UserWarning, match="diverged"):
        search.fit(X, y)
    good, bad = search.cv_results_["mean_test_score"]
    assert good > 0.3
    assert bad < good
    assert search.best_index_ == 0


def test_what_it_cannot_search_is_one_sentence(flowers):
    from sklearn.linear_model import LogisticRegression

    X, y = flowers
    for search, sentence in (
        (PopulationSearchCV(LogisticRegression(), {"C": [1]}), "is no multi-layer perceptron"),
        (PopulationSearchCV(MLPClassifier(), {"alpha": [1]}, strategy="gird"), "strategy = 'gird'"),
        (PopulationSearchCV(MLPClassifier(), {}, strategy=lambda space, n_iter, random: []), "has no candidates"),
    ):
        with pytest.raises(fl.FalllineError, match=sentence):
            search.fit(X, y)
    with pytest.raises(ValueError, match=r"All the 5 fits failed[\s\S]*alpha = -1.0: give a number"):
        PopulationSearchCV(MLPClassifier(), {"alpha": [-1.0]}, strategy="grid").fit(X, y)
