"""`PopulationSearchCV`: scikit-learn's search, trained as a population instead of a loop of fits."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
from joblib import parallel_config  # type: ignore[import-untyped]
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state, indexable

from fallline.core.errors import FalllineError
from fallline.estimators.base import BaseMLP
from fallline.estimators.candidates import candidates_of, model_of, seeded
from fallline.estimators.folds import Split
from fallline.estimators.inputs import sliceable
from fallline.estimators.lanes import ready
from fallline.estimators.together import Together
from fallline.population.table import Report


class PopulationSearchCV(BaseSearchCV):
    """Cross-validated search over an estimator's arguments; all candidates on all folds form one population.

    Arguments, attributes and `cv_results_` are those of `RandomizedSearchCV` and `GridSearchCV`. So are the scores, up to
    float32 rounding: with a `random_state` in the estimator or the candidate, every candidate begins with the weights,
    validation rows and order of rows that its own `fit` on the fold would have. Only the training differs: candidates of
    one structure (the same layers, rule and batch size) train together in one program, whatever their numbers, and
    candidates that differ only in widths may share a padded program. The best is then fitted on its own on all rows.

    Two things agree with scikit-learn only up to seeds. Candidates with different `hidden_layer_sizes` begin with their
    own weights, but share the first one's validation rows, order of rows and dropout; without early stopping, minibatches
    and dropout their scores are equal as well. An estimator without a `random_state` draws a new seed for every fit of
    `GridSearchCV`; here it draws one seed for all candidates, which compares like with like.

    A population does not support `n_members`, `callbacks`, `learning_rate="adaptive"`, a `scoring` of the estimator that
    only Python can compute, or a subclass with its own `fit`. Such candidates are fitted one by one.

    Arguments:
        estimator: an `MLPClassifier` or `MLPRegressor`.
        space: dict from argument to a list or a scipy.stats distribution, or a list of such dicts.
        n_iter: number of candidates to draw; a grid takes all.
        strategy: 'random', 'grid', or a function (space, n_iter, random) -> list of arguments.
        scoring: as in scikit-learn: None, a name, a function, or several of them.
        n_jobs: number of processes if all candidates are fitted one by one; a population uses every core anyway.
        refit: whether to fit the best again: True or False, the name of one of several scores, or a function of
            `cv_results_`.
        cv: folds: a number, a splitter, or index sets.
        verbose: 1 to print how the population was run, 2 or more to print also every candidate's folds.
        pre_dispatch: number of dispatched jobs, as in scikit-learn, for `n_jobs`.
        random_state: seed of the candidates, and of weights, order and dropout if the estimator has no `random_state`.
        error_score: score of a network that diverged or was refused; 'raise' to raise the error.
        return_train_score: whether to score the training rows as well.

    Attributes:
        report_: programs, lanes and seconds of every population that was run.

    >>> from scipy.stats import loguniform
    >>> from sklearn.datasets import load_iris
    >>> from fallline.estimators import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((8,), max_iter=400, tol=0.01, n_iter_no_change=5, random_state=0)
    >>> space = {"learning_rate_init": loguniform(1e-2, 1e-1), "alpha": [1e-4, 1e-2]}
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
        n_jobs: int | None = None,
        refit: Any = True,
        cv: Any = None,
        verbose: int = 0,
        pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None,
        error_score: Any = np.nan,
        return_train_score: bool = False,
    ) -> None:
        super().__init__(
            estimator=estimator,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=refit,
            cv=cv,
            verbose=verbose,
            pre_dispatch=pre_dispatch,
            error_score=error_score,
            return_train_score=return_train_score,
        )
        self.space = space
        self.n_iter = n_iter
        self.strategy = strategy
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> "PopulationSearchCV":
        """Train every candidate on every fold, score them, and fit the best again.

        Arguments:
            X, y: rows and targets, as for the estimator.
            params: arguments of the estimator's `fit` (`sample_weight`, `X_val`, ...), which scorers receive as in
                `GridSearchCV`, and `groups` for the splitter; or whatever metadata routing requests.

        Raises: FalllineError for an estimator that is not one of Fallline's, or a space without candidates. ValueError if
            every fit has failed.
        """
        if not isinstance(self.estimator, BaseMLP):
            raise FalllineError(
                f"estimator = {type(self.estimator).__name__} is no multi-layer perceptron of Fallline's: give MLPClassifier "
                "or MLPRegressor, whose `scaler` and DataFrames take the place of a pipeline"
            )
        self.report_: list[Report] = []
        random = check_random_state(self.random_state)
        candidates = candidates_of(self.strategy, self.space, self.n_iter, random)
        models = [model_of(self.estimator, candidate) for candidate in candidates]
        self._asked = (candidates, models, random, *indexable(sliceable(X), y))
        # Lanes are handed out in this process; if there are none, fits may run in other processes.
        in_turn = any(model is not None for model in models)
        try:
            with parallel_config(backend="sequential") if in_turn else nullcontext():
                super().fit(sliceable(X), y, **params)
        finally:
            for name in ("_asked", "_routed", "_seconds"):
                self.__dict__.pop(name, None)
        return self

    def _get_routed_params_for_fit(self, params: dict[str, Any]) -> Any:
        self._routed = super()._get_routed_params_for_fit(params)
        return self._routed

    def _run_search(self, evaluate_candidates: Callable[..., Any], *, callback_ctx: Any = None) -> None:
        """Trains the population, then lets scikit-learn score its networks as if it had fitted each one itself."""
        candidates, models, random, X, y = self._asked
        splits = list(self._checked_cv_orig.split(X, y, **self._routed.splitter.split))
        seeded(models, random)
        options: dict[str, Any] = {"cv": _FixedFolds(splits)}
        if callback_ctx is not None:
            options["callback_ctx"] = callback_ctx.subcontext(
                task_name="search", max_subtasks=len(candidates) * len(splits), sequential_subtasks=False
            ).call_on_fit_task_begin(estimator=self)
        together = Together(candidates, models, X, y, self._routed.estimator.fit, splits)
        together.train()
        self._seconds, self.report_ = together.seconds.ravel(), together.reports
        if self.verbose:
            for report in self.report_:
                lanes = int((together.seconds > 0).sum())
                print(f"{lanes} networks in {report.programs} programs, {report.seconds:.1f} s")
        with ready(together.expected()):
            evaluate_candidates(candidates, **options)
        if callback_ctx is not None:
            options["callback_ctx"].call_on_fit_task_end(estimator=self)

    def _format_results(self, candidate_params: Any, n_splits: int, out: Any, more_results: Any = None) -> Any:
        """scikit-learn's results, with each network's share of its population's seconds added to its fit time."""
        timed = [
            {**each, "fit_time": each["fit_time"] + seconds} for each, seconds in zip(out, self._seconds, strict=True)
        ]
        return super()._format_results(candidate_params, n_splits, timed, more_results)


class _FixedFolds:
    """A splitter with fixed index sets, so that scoring uses the folds that were trained."""

    def __init__(self, splits: list[Split]) -> None:
        self.splits = splits

    def split(self, X: Any, y: Any = None, **params: Any) -> list[Split]:
        return self.splits
