"""What classifier and regressor have in common: fit, partial_fit, and what a fitted one shows."""

import warnings
from abc import abstractmethod
from typing import Any

import jax
import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.schema import Schema
from fallline.estimators import settings
from fallline.estimators.batch import arrays_of
from fallline.estimators.fitting import Fit, Trained, begin, go_on
from fallline.estimators.inputs import check_rows, learn_schema, needs_encoding, plain_schema, to_float32
from fallline.estimators.weights import drawn, put, taken
from fallline.training.exact import exact_answers
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe, complete
from fallline.training.state import Epoch


class BaseMLP(BaseEstimator):
    """A multi-layer perceptron with scikit-learn's arguments, methods and attributes, trained by the run.

    A subclass says what is predicted: `_encode_target`, `_task`, `_targets` and `_out_activation`.
    """

    _schema: Schema | None
    _trained: Trained
    n_features_in_: int

    @abstractmethod
    def _encode_target(self, y: Any, *, first: bool, incremental: bool) -> np.ndarray:
        """The target as a run has it: class indices (rows,), or numbers (rows, targets)."""

    @abstractmethod
    def _check(self, X: Any, y: Any, *, reset: bool) -> tuple[Any, Any]:
        """Rows and targets as scikit-learn checks them."""

    @property
    @abstractmethod
    def _task(self) -> str:
        """classification, multilabel or regression."""

    @property
    @abstractmethod
    def _targets(self) -> int:
        """Classes, labels or targets."""

    def _weigh(self, y: Any, weight: np.ndarray | None) -> np.ndarray | None:
        """The rows' weights; a classifier's classes may have some, too."""
        return weight

    # -- fitting ------------------------------------------------------------------------------------------------------

    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        held_out: tuple[Any, Any, Any] | None = None,
        incremental: bool = False,
    ) -> Any:
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        settings.check_numbers(self)
        if incremental and self.early_stopping:
            raise FalllineError(
                "partial_fit does not support early_stopping=True: it makes one epoch of the rows given"
            )
        if held_out is not None and not self.early_stopping:
            raise FalllineError("X_val and y_val are what early stopping watches: set early_stopping=True")
        X, y = self._check(X, y, reset=first or not hasattr(self, "n_features_in_"))
        if first or not hasattr(self, "_schema"):
            self._schema = learn_schema(X) if needs_encoding(X) else None
        x = to_float32(X, self._schema)
        self._dtype = np.dtype(getattr(X, "dtype", np.float64) if self._schema is None else np.float64)
        target = self._encode_target(y, first=first, incremental=incremental)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x, ensure_non_negative=True)
        weight = self._weigh(y, weight)

        random = check_random_state(self.random_state)
        if first:
            self._begin(random, x.shape[1])
        rows = self._split(random, target, weight, held_out, len(x))
        x, target, weight, train, valid = self._join(x, target, weight, held_out, rows)
        arrays = arrays_of(
            x,
            target,
            weight,
            train,
            valid,
            task=self._task,
            n_classes=0 if self._task == "regression" else self._targets,
        )
        recipe = self._recipe(len(train), arrays.train.shape[0], target, incremental)
        self._warn_of_batch(len(train))
        fit = self._prepared(recipe, arrays, random, incremental, (x, y, valid, held_out))
        trained, seen, outcome, interrupted = fit.run(until=fit.first_epoch + 1 if incremental else None)
        self._take(trained, seen, outcome, interrupted, fit, len(train), x, incremental)
        return self

    def _outputs(self) -> int:
        """Units of the output layer."""
        return settings.loss_of(self.loss, self._task, self._targets).outputs(self._targets, self._task)

    def _begin(self, random: np.random.RandomState, features: int) -> None:
        """Fitted attributes before the first step."""
        inputs = settings.scaler_of(self.scaler).outputs(features)
        widths = [inputs, *settings.hidden_of(self.hidden_layer_sizes), self._outputs()]
        self.coefs_, self.intercepts_ = drawn(random, widths, settings.activations_of(self))
        self.__dict__.pop("_trained", None)
        self._count()

    def _count(self) -> None:
        """Nothing trained yet."""
        self.t_, self.n_iter_ = 0, 0
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -np.inf if self.early_stopping else None
        self.best_loss_: float | None = None if self.early_stopping else np.inf

    def _recipe(self, rows: int, padded_rows: int, target: np.ndarray, incremental: bool) -> Recipe:
        before = getattr(self, "t_", 0)
        # Under partial_fit the run's clock goes on, with as many rows an epoch as it has seen on average.
        clock = int(self._trained.rest["epoch"]) if incremental and hasattr(self, "_trained") else 0
        each, samples = (before / clock, 0.0) if clock else (float(rows), float(before))
        recipe = settings.recipe_of(self, task=self._task, targets=self._targets, rows=each, samples=samples)
        if clock:
            recipe = replace(recipe, {"epochs": max(int(recipe.epochs), clock + 1)})
        lowest = float(target.min()) if self._task == "regression" else None
        return complete(recipe, task=self._task, training_rows=padded_rows, lowest=lowest)

    def _prepared(self, recipe: Recipe, arrays: Any, random: Any, incremental: bool, data: Any) -> Fit:
        """The fit, from the weights that stand now."""
        before = getattr(self, "_trained", None)
        key = jax.random.key(int(random.randint(2**31 - 1)))
        given = self._params(recipe, arrays.x.shape[1])
        if before is not None and incremental:
            state = go_on(recipe, arrays, given, before)
        else:
            state = begin(recipe, arrays, key, given, before)
        scorer = None
        if self.early_stopping and settings.own_monitor(self.scoring, self._task) is None:
            scorer = self._python_scorer(recipe, state, data)
        callbacks = self.callbacks
        return Fit(
            recipe,
            arrays,
            state,
            adaptive=isinstance(self.learning_rate, str) and self.learning_rate == "adaptive" and not incremental,
            verbose=bool(self.verbose),
            callbacks=() if callbacks is None else tuple(callbacks) if hasattr(callbacks, "__iter__") else (callbacks,),
            scorer=scorer,
            patience=self.n_iter_no_change,
            tol=self.tol,
        )

    def _split(self, random: Any, target: Any, weight: Any, held_out: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Rows that train and rows that validate."""
        everything, none = np.arange(count), np.zeros(0, int)
        if not self.early_stopping or held_out is not None:
            return everything, none
        binary = self._task == "classification" and self._targets == 2
        train, valid = train_test_split(
            everything,
            random_state=random,
            test_size=self.validation_fraction,
            stratify=target if binary else None,
        )
        if len(valid) < 2:
            raise FalllineError(
                f"The validation set is too small: validation_fraction = {self.validation_fraction} of {count} rows are "
                f"{len(valid)}; raise it, or give X_val and y_val"
            )
        return train, valid

    def _join(self, x: Any, target: Any, weight: Any, held_out: Any, rows: Any) -> tuple[Any, Any, Any, Any, Any]:
        """The user's own validation rows behind the others."""
        train, valid = rows
        if held_out is None:
            return x, target, weight, train, valid
        X_val, y_val, weight_val = held_out
        X_val, y_val = self._check(X_val, y_val, reset=False)
        more = to_float32(X_val, self._schema)
        valid = np.arange(len(x), len(x) + len(more))
        if weight is not None or weight_val is not None:
            own = np.ones(len(x)) if weight is None else weight
            weight = np.concatenate([own, _check_sample_weight(weight_val, more, ensure_non_negative=True)])
        target = np.concatenate([target, self._encode_target(y_val, first=False, incremental=True)])
        return np.concatenate([x, more]), target, weight, train, valid

    def _python_scorer(self, recipe: Recipe, state: Any, data: Any) -> Any:
        """The user's scorer on the validation rows, of a network with other params."""
        x, y, valid, held_out = data
        scaling = {"scaling": state.scaling, "target_scaling": state.target_scaling}
        scaling = jax.tree.map(np.asarray, scaling)
        y_valid = np.asarray(y)[valid] if held_out is None else np.asarray(held_out[1])
        if held_out is not None and y_valid.ndim == 2 and y_valid.shape[1] == 1:
            y_valid = y_valid[:, 0]
        scorer = check_scoring(self, scoring=self.scoring)
        judged = _Judged(self, recipe, x[valid])

        def score(params: Any, stats: Any) -> float:
            judged.arrays = {"params": params, "stats": stats, **scaling}
            return scorer(judged, x[valid], y_valid)

        return score

    def _warn_of_batch(self, rows: int) -> None:
        if not isinstance(self.batch_size, str) and self.batch_size > rows:
            warnings.warn(
                f"batch_size = {self.batch_size} is more than the {rows} training rows: all of them make one batch",
                stacklevel=4,
            )

    def _take(
        self,
        trained: Trained,
        seen: Epoch | None,
        outcome: Outcome,
        interrupted: bool,
        fit: Fit,
        rows: int,
        x: np.ndarray,
        incremental: bool,
    ) -> None:
        """Fitted attributes after training.

        Raises: FalllineError for a training that diverged, unless early stopping has kept something better.
        """
        if not hasattr(self, "loss_curve_"):
            self._count()
        epochs = 0 if seen is None else len(seen.train_objective)
        if outcome is Outcome.DIVERGED:
            self._say_divergence(trained, x, epochs)
        self._trained = trained
        self.coefs_, self.intercepts_ = taken(trained.params, self._dtype)
        self.recipe_ = trained.recipe
        self.n_layers_, self.n_outputs_ = len(self.coefs_) + 1, self.coefs_[-1].shape[1]
        self.n_iter_, self.t_ = epochs, self.t_ + rows * epochs
        if seen is not None:
            self.loss_curve_ = self.loss_curve_ + seen.train_objective.astype(float).tolist()
            self.loss_ = self.loss_curve_[-1]
            self._take_scores(seen, fit)
        if interrupted:
            warnings.warn(f"training was interrupted by the user after {epochs} epochs", stacklevel=4)
        elif outcome is Outcome.FINISHED and not incremental:
            warnings.warn(
                f"the training has used up its {epochs} epochs (max_iter) and has not converged: raise max_iter, or tol",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _take_scores(self, seen: Epoch, fit: Fit) -> None:
        if not self.early_stopping:
            lowest = min(self.loss_curve_)
            self.best_loss_ = lowest if self.best_loss_ is None else min(lowest, self.best_loss_)
            return
        scores = fit.scores or ((-1.0 if self.scoring == "loss" else 1.0) * seen.monitor).astype(float).tolist()
        self.validation_scores_ = (self.validation_scores_ or []) + scores
        self.best_validation_score_ = float(np.nanmax([-np.inf, *self.validation_scores_]))

    def _say_divergence(self, trained: Trained, x: np.ndarray, epochs: int) -> None:
        step, largest = int(trained.rest["step"]), float(np.abs(x[np.isfinite(x)]).max(initial=0.0))
        what = Outcome.DIVERGED.sentence(epochs=epochs, best_epoch=int(trained.rest["best_epoch"]), step=step)
        hint = f"; the largest |X| is {largest:.3g}: scale the inputs" if largest > 30 else ""
        if self.early_stopping and int(trained.rest["best_epoch"]) > 0:
            warnings.warn(
                f"training {what}{hint}; the best parameters before are kept", ConvergenceWarning, stacklevel=5
            )
            return
        raise FalllineError(
            f"training {what}{hint} (learning_rate_init = {self.learning_rate_init}): its parameters would not be finite"
        )

    # -- what a fitted one says ---------------------------------------------------------------------------------------

    def _answer(self, X: Any) -> np.ndarray:
        """Probabilities, or targets in their own unit, in float64."""
        check_is_fitted(self, "coefs_")
        X = check_rows(self, X, reset=False)
        x = to_float32(X, self._schema) if self._schema is not None else _dense(X)
        return self._answer_rows(x)

    def _answer_rows(self, x: np.ndarray) -> np.ndarray:
        return exact_answers(self.recipe_, self._task, self._targets, self._arrays(), x)

    def _arrays(self) -> dict[str, Any]:
        """The network's arrays, `coefs_` and `intercepts_` as they stand."""
        trained = self._trained
        features = self.n_features_in_ if self._schema is None else len(self._schema.feature_names)
        return {
            "params": self._params(trained.recipe, features),
            "stats": trained.part("stats"),
            "scaling": trained.part("scaling"),
            "target_scaling": trained.part("target_scaling") or None,
        }

    def _params(self, recipe: Recipe, features: int) -> dict[str, Any]:
        """The network's params: `coefs_` and `intercepts_` as they stand, and what else a fit before has learnt."""
        assert recipe.loss is not None
        network = recipe.model.network(recipe.loss.outputs(self._targets, self._task))
        dense = put(network, recipe.scaler.outputs(features), self.coefs_, self.intercepts_)
        return {**(self._trained.params if hasattr(self, "_trained") else {}), **dense}

    @property
    def predictor_(self) -> Predictor:
        """The fitted network as a Fallline model, to save, explain or export."""
        check_is_fitted(self, "coefs_")
        names = [str(each) for each in getattr(self, "feature_names_in_", range(self.n_features_in_))]
        schema = plain_schema(names) if self._schema is None else self._schema
        schema = Schema(schema.columns, self._target_description(), schema.missing)
        return Predictor(self.recipe_, schema, self._targets, self._arrays())

    @abstractmethod
    def _target_description(self) -> Any:
        """What is predicted, as a model file describes it."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class _Judged:
    """A network in training as a scorer sees an estimator."""

    def __init__(self, estimator: Any, recipe: Recipe, x: np.ndarray) -> None:
        self._estimator, self._recipe = estimator, recipe
        self.arrays: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._estimator, name)

    def __sklearn_tags__(self) -> Any:
        return self._estimator.__sklearn_tags__()

    def _say(self, x: np.ndarray) -> np.ndarray:
        e = self._estimator
        return exact_answers(self._recipe, e._task, e._targets, self.arrays, x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self._estimator._decide(self._say(x))

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        return self._estimator._probabilities(self._say(x))


def _dense(X: Any) -> np.ndarray:
    return X.toarray() if hasattr(X, "toarray") else X
