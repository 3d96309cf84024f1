"""`PopulationSearchCV`: scikit-learn's search over a population instead of a loop of fits."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics._scorer import _MultimetricScorer
from sklearn.model_selection import ParameterGrid, ParameterSampler, check_cv
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import _safe_indexing, check_random_state, indexable

from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.estimators import settings
from fallline.estimators.base import BaseMLP
from fallline.estimators.batch import table_of
from fallline.estimators.inputs import sliceable
from fallline.estimators.members import LEARNT, member_of
from fallline.estimators.rows import Rows, rows_of
from fallline.population import evaluate
from fallline.population.result import Population

Candidates = Callable[[Any, int, np.random.RandomState], Sequence[dict[str, Any]]]
_CUT = (
    "early_stopping",
    "validation_fraction",
    "class_weight",
)  # arguments that decide which rows train, and their weights


def random_candidates(space: Any, n_iter: int, random: np.random.RandomState) -> list[dict[str, Any]]:
    """Independent draws from distributions and lists."""
    return list(ParameterSampler(space, n_iter, random_state=random))


def grid_candidates(space: Any, n_iter: int, random: np.random.RandomState) -> list[dict[str, Any]]:
    """Every combination of lists."""
    return list(ParameterGrid(space))


STRATEGIES: Mapping[str, Candidates] = {"random": random_candidates, "grid": grid_candidates}


class PopulationSearchCV(BaseSearchCV):
    """Search over an estimator's arguments, cross-validated; all candidates on all folds are one population.

    Interface and `cv_results_` are those of `RandomizedSearchCV` and `GridSearchCV`. Candidates of one structure (the same
    layers, rule and batch size) train together in one program, whatever their numbers; those that differ in widths alone
    may share one, padded. Every fold uses one seed for all candidates, so that they are compared like with like. The best
    is fitted again on all rows by itself.

    Arguments:
        estimator: an `MLPClassifier` or `MLPRegressor`.
        space: argument to a list or a distribution of scipy.stats; or a list of such.
        n_iter: candidates to draw; a grid takes all.
        strategy: 'random', 'grid', or a function (space, n_iter, random) -> list of arguments.
        scoring: as scikit-learn's: None, a name, a function, or several of them.
        cv: folds: a number, a splitter, or index sets.
        refit: fit the best again: True or False, the name of one of several scores, or a function of `cv_results_`.
        random_state: of candidates, initial weights, order and dropout.
        error_score: of a network that diverged; 'raise' to have the error.
        return_train_score: score the training rows, too.
        verbose: print how the population was run.

    Attributes:
        report_: programs, lanes and seconds of every population that was run.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from fallline.estimators import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,), max_iter=30, n_iter_no_change=30, random_state=0)
    >>> space = {"learning_rate_init": loguniform(1e-3, 1e-1), "alpha": [1e-4, 1e-2]}
    >>> search = PopulationSearchCV(model, space, n_iter=6, cv=3, refit=False, random_state=0).fit(X, y)
    >>> len(search.cv_results_["params"]), bool(search.best_score_ > 0.8)
    (6, True)
    """

    def __init__(
        self,
        estimator: Any,
        space: Any,
        *,
        n_iter: int = 10,
        strategy: Any = "random",
        scoring: Any = None,
        cv: Any = None,
        refit: Any = True,
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            refit=refit,
            cv=cv,
            verbose=verbose,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.n_iter = n_iter
        self.strategy = strategy
        self.random_state = random_state

    def _run_search(self, evaluate_candidates: Callable[[Sequence[dict[str, Any]]], Any]) -> None:
        """Hand the candidates over, as scikit-learn's base class has it; `fit` trains the same ones as a population."""
        evaluate_candidates(self._candidates(check_random_state(self.random_state)))

    def fit(self, X: Any, y: Any = None, **params: Any) -> "PopulationSearchCV":
        """Train every candidate on every fold, score them, and fit the best again.

        Arguments:
            X, y: as the estimator takes them.
            params: `sample_weight`, and `groups` for the splitter.

        Raises: FalllineError for an estimator that is none of ours, or arguments that a population does not know.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise FalllineError(
                f"estimator = {type(self.estimator).__name__} is no multi-layer perceptron of Fallline's: give MLPClassifier "
                "or MLPRegressor, whose `scaler` and DataFrames take the place of a pipeline"
            )
        scorers, refit_metric = self._get_scorers()
        X, y = indexable(sliceable(X), y)
        sample_weight, groups = params.get("sample_weight"), params.pop("groups", None)
        random = check_random_state(self.random_state)
        candidates = self._candidates(random)
        folds = list(check_cv(self.cv, y, classifier=is_classifier(self.estimator)).split(X, y, groups))
        seed = int(random.randint(2**31 - 1))
        shared = clone(self.estimator)
        scalers = [each.get("scaler", self.estimator.scaler) for each in candidates]
        if all(each is not None for each in scalers):
            shared.scaler = scalers[0]  # all scale, so X may be brought into a unit that float32 holds
        data = (X, y, shared._prepare(X, y, sample_weight, True, False))
        out: list[dict[str, Any]] = [{}] * (len(candidates) * len(folds))
        self.report_: list[Any] = []
        for places in self._together(candidates):
            self._run(shared, [candidates[p] for p in places], places, folds, data, seed, scorers, out)
        self.n_splits_, self.multimetric_ = len(folds), isinstance(out[0]["test_scores"], dict)
        if self.multimetric_ and callable(self.scoring):
            self._check_refit_for_multimetric(out[0]["test_scores"])
            refit_metric = self.refit
        self.cv_results_ = self._format_results(candidates, len(folds), out)
        self.scorer_ = scorers._scorers if isinstance(scorers, _MultimetricScorer) else scorers
        if self.refit or not self.multimetric_:
            self.best_index_ = self._select_best_index(self.refit, refit_metric, self.cv_results_)
            if not callable(self.refit):
                self.best_score_ = self.cv_results_[f"mean_test_{refit_metric}"][self.best_index_]
            self.best_params_ = candidates[self.best_index_]
        if self.refit:
            began = time.perf_counter()
            self.best_estimator_ = clone(self.estimator).set_params(**self.best_params_).fit(X, y, **params)
            self.refit_time_ = time.perf_counter() - began
            if hasattr(self.best_estimator_, "feature_names_in_"):
                self.feature_names_in_ = self.best_estimator_.feature_names_in_
        return self

    def _candidates(self, random: np.random.RandomState) -> list[dict[str, Any]]:
        strategy = self.strategy if callable(self.strategy) else STRATEGIES.get(self.strategy)
        if strategy is None:
            raise FalllineError(f"strategy = {self.strategy!r}: give 'random', 'grid' or a function of the space")
        found = [dict(each) for each in strategy(self.space, self.n_iter, random)]
        if not found:
            raise FalllineError("the space has no candidates: give at least one value per argument")
        return found

    def _together(self, candidates: list[dict[str, Any]]) -> list[list[int]]:
        """The places of candidates whose folds are the same rows with the same weights."""
        groups: dict[str, list[int]] = {}
        for place, each in enumerate(candidates):
            groups.setdefault(repr([each.get(name) for name in _CUT]), []).append(place)
        return list(groups.values())

    def _run(
        self,
        shared: BaseMLP,
        candidates: list[dict[str, Any]],
        places: list[int],
        folds: list[tuple[np.ndarray, np.ndarray]],
        data: Any,
        seed: int,
        scorers: Any,
        out: list[dict[str, Any]],
    ) -> None:
        """One population: candidates that agree on their rows, on all folds."""
        X, y, (x, y_checked, target, weight) = data
        models = [_with_settings(shared, each) for each in candidates]
        first = models[0]
        # Each fold's own validation rows, for early stopping, are cut from its training rows; the fold itself only scores.
        inner = []
        for train, _ in folds:
            cut = rows_of(
                first, x[train], np.asarray(y_checked)[train], target[train], None, None, np.random.RandomState(seed)
            )
            inner.append((train[cut.train], train[cut.valid]))
        own = first._weigh(y_checked, weight)
        rows = Rows(x, target, own, np.arange(len(x)), np.zeros(0, int), np.zeros(0))
        recipes = [
            settings.recipe_of(each, task=first._task, targets=first._targets, rows=len(inner[0][0])) for each in models
        ]
        table = table_of(shared._described(), rows, first._n_classes)
        began = time.perf_counter()
        population = evaluate(recipes, table, seeds=[seed], folds=inner, test=False, keep=True)
        each_seconds = (time.perf_counter() - began) / len(population)
        self.report_.append(population.report)
        if self.verbose:
            report = population.report
            print(f"{len(population)} networks in {report.programs} programs, {report.seconds:.1f} s")
        for lane in range(len(population)):
            candidate, fold = divmod(lane, len(folds))
            result = self._score(models[candidate], population, lane, folds[fold], X, y, scorers, len(inner[fold][0]))
            out[places[candidate] * len(folds) + fold] = {"fit_time": each_seconds, **result}

    def _score(
        self,
        model: BaseMLP,
        population: Population,
        lane: int,
        fold: tuple[np.ndarray, np.ndarray],
        X: Any,
        y: Any,
        scorers: Any,
        count: int,
    ) -> dict[str, Any]:
        """Scores of one network on its fold, and on its training rows if asked."""
        began, train_scores = time.perf_counter(), {}
        if Outcome(int(population.outcome[lane])) is Outcome.DIVERGED:
            if self.error_score == "raise":
                member_of(model, population, lane, count)
            names = list(scorers._scorers) if isinstance(scorers, _MultimetricScorer) else None
            score: Any = self.error_score if names is None else dict.fromkeys(names, self.error_score)
            warnings.warn(f"a candidate diverged; its score is {self.error_score}", stacklevel=4)
            train_score = score
        else:
            member = member_of(model, population, lane, count)
            train, test = fold
            score = scorers(member, _safe_indexing(X, test), _safe_indexing(y, test))
            train_score = score
            if self.return_train_score:
                train_score = scorers(member, _safe_indexing(X, train), _safe_indexing(y, train))
        if self.return_train_score:
            train_scores = {"train_scores": train_score}
        return {"test_scores": score, "score_time": time.perf_counter() - began, **train_scores}


def _with_settings(shared: BaseMLP, candidate: dict[str, Any]) -> BaseMLP:
    """A candidate that knows the rows' classes, columns and types.

    Raises: FalllineError for arguments that lanes of a population do not know.
    """
    model = clone(shared).set_params(**candidate)
    settings.check_numbers(model)
    adaptive = isinstance(model.learning_rate, str) and model.learning_rate == "adaptive"
    if model.n_members > 1 or adaptive or model.callbacks is not None or model.warm_start:
        raise FalllineError(
            "a population knows no n_members, callbacks, warm_start or learning_rate='adaptive': leave them out of the "
            "estimator and of the space"
        )
    for name in LEARNT:
        if hasattr(shared, name):
            setattr(model, name, getattr(shared, name))
    if model.early_stopping and settings.own_monitor(model.scoring, model._task) is None:
        raise FalllineError(
            f"scoring = {model.scoring!r} of the estimator: a population knows 'loss' or the task's own"
        )
    return model
