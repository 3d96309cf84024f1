"""The common part of classifier and regressor: fit and partial_fit, from checked rows to fitted attributes."""

import copy
import warnings
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Self

import jax
import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.encodings.columns import distinct_values, some
from fallline.estimators import settings
from fallline.estimators.batch import arrays_of
from fallline.estimators.fitted import FittedMLP
from fallline.estimators.fitting import Fit, FitResult, begin, go_on
from fallline.estimators.inputs import given, learn_schema, needs_encoding, to_float32
from fallline.estimators.lanes import lane_for
from fallline.estimators.members import LEARNT, fit_members
from fallline.estimators.rows import Rows, rows_of
from fallline.estimators.scoring import scorer_of
from fallline.estimators.types import AnyRows, HeldOut, Targets
from fallline.estimators.units import in_units, learn_units
from fallline.estimators.weights import drawn
from fallline.training.arrays import Arrays
from fallline.training.recipe import Recipe, complete
from fallline.training.state import Epochs


class BaseMLP(FittedMLP):
    """A multi-layer perceptron with scikit-learn's arguments, methods and attributes.

    A subclass defines the target, and checks and encodes it.
    """

    @abstractmethod
    def _encode_target(self, y: Targets, *, first: bool, incremental: bool) -> np.ndarray:
        """The target as a run sees it: class indices (rows,), or numbers (rows, targets)."""

    @abstractmethod
    def _check(self, X: AnyRows, y: Targets, *, reset: bool) -> tuple[Any, Any]:
        """Checks rows and targets as scikit-learn does, and returns them."""

    def _weigh(self, y: Targets, weight: np.ndarray | None) -> np.ndarray | None:
        """The rows' weights, which a classifier multiplies by its class weights."""
        return weight

    @property
    def _n_classes(self) -> int:
        return 0 if self._task == "regression" else self._targets

    def fit(
        self,
        X: AnyRows,
        y: Targets,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: AnyRows = None,
        y_val: Targets = None,
        sample_weight_val: ArrayLike | None = None,
        progress: bool | None = None,
    ) -> Self:
        """Train on rows and their targets.

        Arguments:
            X: numbers, dense or sparse, or a DataFrame, whose text and missing values are encoded internally.
            y: classes (rows,) or 0/1 labels (rows, labels) of a classifier; numbers (rows,) or (rows, targets) of a regressor.
            sample_weight: weight of each row; a weight of 2 is equivalent to the row twice.
            X_val, y_val, sample_weight_val: validation rows for early stopping, in place of a fraction of X.
            progress: show a progress bar; by default in a terminal and in a notebook, if the fit takes over a second.

        Raises: FalllineError for invalid arguments, or if the training diverges.
        """
        held_out = None if X_val is None else (X_val, y_val, sample_weight_val)
        found: Self = self._fit(X, y, sample_weight, held_out, progress=progress)
        return found

    def _fit(
        self,
        X: AnyRows,
        y: Targets,
        sample_weight: ArrayLike | None,
        held_out: HeldOut = None,
        incremental: bool = False,
        progress: bool | None = False,
    ) -> Any:
        ready = None if incremental else lane_for(self, X)
        if ready is not None:
            ready.become(self)
            return self
        first = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        settings.check_numbers(self)
        self._refuse(held_out, incremental)
        x, y, target, weight = self._prepare(X, y, sample_weight, first, incremental)
        random = check_random_state(self.random_state)
        if self.n_members > 1:
            self._be(fit_members(self, rows_of(self, x, y, target, weight, held_out, random), random))
            return self
        if first:
            self._begin(random, x.shape[1])
        rows = rows_of(self, x, y, target, weight, held_out, random)
        self._warn_of_batch(len(rows.train))
        arrays = arrays_of(rows, task=self._task, n_classes=self._n_classes)
        recipe = self._recipe(len(rows.train), arrays.train.shape[0], target, incremental)
        fit = self._prepared(recipe, arrays, random, incremental, rows)
        fit.progress = progress
        trained, seen, outcome, interrupted = fit.run(until=fit.first_epoch + 1 if incremental else None)
        if outcome is Outcome.DIVERGED:
            self._say_divergence(trained, x, 0 if seen is None else len(seen["train_objective"]))
        self._adopt(trained)
        self._take(seen, outcome, interrupted, fit.scores, len(rows.train), incremental)
        return self

    def _known_to(self, other: object) -> Any:
        """A copy of another estimator with what this one has learnt about its rows: classes, columns, types."""
        other = copy.copy(other)
        for name in LEARNT:
            if hasattr(self, name):
                setattr(other, name, getattr(self, name))
        return other

    def _warn_of_batch(self, rows: int) -> None:
        if not isinstance(self.batch_size, str) and self.batch_size > rows:
            many = f"batch_size = {self.batch_size} is more than the {rows} training rows"
            warnings.warn(f"{many}: all of them make one batch", stacklevel=4)

    def _refuse(self, held_out: HeldOut, incremental: bool) -> None:
        """Raises: FalllineError for arguments that contradict each other."""
        if incremental and self.early_stopping:
            raise FalllineError(
                "partial_fit does not support early_stopping=True: it makes one epoch of the rows given"
            )
        if incremental and self.n_members > 1:
            raise FalllineError(f"partial_fit does not support n_members = {self.n_members}: set n_members=1")
        if held_out is not None and not self.early_stopping:
            raise FalllineError("X_val and y_val are only used by early stopping: set early_stopping=True")

    def _prepare(
        self, X: AnyRows, y: Targets, sample_weight: ArrayLike | None, first: bool, incremental: bool
    ) -> tuple[Any, ...]:
        """(rows, targets as given, targets as a run sees them, weights), all checked."""
        X, y = self._check(given(X), y, reset=first or not hasattr(self, "n_features_in_"))
        learning = first or not hasattr(self, "_schema")
        if learning:
            self._schema = learn_schema(X) if needs_encoding(X) else None
            self._units = None if self._schema is not None else learn_units(X, self.scaler)
            self._columns = tuple(X.table.columns) if needs_encoding(X) else ()
        x = to_float32(in_units(X, self._units), self._schema, new=not learning)
        if learning:
            self._distinct = None if self.encoding is None else distinct_values(x[some(np.arange(len(x)))])
        self._dtype = np.dtype(np.float64 if self._schema is not None else X.dtype)
        target = self._encode_target(y, first=first, incremental=incremental)
        weight = None if sample_weight is None else _check_sample_weight(sample_weight, x, ensure_non_negative=True)
        return x, y, target, self._weigh(y, weight)

    def _begin(self, random: np.random.RandomState, features: int) -> None:
        """Sets the fitted attributes as they are before the first step."""
        inputs = settings.first_width(self, features)
        outputs = settings.loss_of(self.loss, self._task, self._targets).outputs(self._targets, self._task)
        widths = [inputs, *settings.hidden_of(self.hidden_layer_sizes), outputs]
        self.coefs_, self.intercepts_ = drawn(random, widths, settings.activations_of(self))
        self.__dict__.pop("_trained", None)
        self._count()

    def _count(self) -> None:
        """Resets the attributes that count and record the training."""
        self.t_, self.n_iter_ = 0, 0
        self.loss_curve_: list[float] = []
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_: float | None = -np.inf if self.early_stopping else None
        self.best_loss_: float | None = None if self.early_stopping else np.inf

    def _recipe(self, rows: int, padded_rows: int, target: np.ndarray, incremental: bool) -> Recipe:
        before = getattr(self, "t_", 0)
        # Under partial_fit the run's clock continues, with the average number of rows per epoch so far.
        clock = int(self._trained.rest.get("epoch", 0)) if incremental and hasattr(self, "_trained") else 0
        each, samples = (before / clock, 0.0) if clock else (float(rows), float(before))
        recipe = settings.recipe_of(self, task=self._task, targets=self._targets, rows=each, samples=samples)
        if clock:
            recipe = replace(recipe, {"epochs": max(int(recipe.epochs), clock + 1)})
        lowest = float(target.min()) if self._task == "regression" else None
        return complete(recipe, task=self._task, training_rows=padded_rows, lowest=lowest)

    def _prepared(
        self, recipe: Recipe, arrays: Arrays, random: np.random.RandomState, incremental: bool, rows: Rows
    ) -> Fit:
        """The fit, starting from the current weights."""
        before, callbacks = getattr(self, "_trained", None), self.callbacks
        words = np.array([0, random.randint(2**31 - 1)], np.uint32)
        key = jax.random.wrap_key_data(words)  # `jax.random.key` of the number, without compiling a program
        given = self._params(recipe, arrays.x.shape[1])
        if before is not None and incremental and "key" in before.rest:
            state = go_on(recipe, arrays, given, before)
        else:
            state = begin(recipe, arrays, key, given, before)
        in_python = self.early_stopping and settings.own_monitor(self.scoring, self._task) is None
        return Fit(
            recipe,
            arrays,
            state,
            adaptive=isinstance(self.learning_rate, str) and self.learning_rate == "adaptive" and not incremental,
            verbose=bool(self.verbose),
            callbacks=() if callbacks is None else tuple(callbacks) if hasattr(callbacks, "__iter__") else (callbacks,),
            scorer=scorer_of(self, recipe, state, rows) if in_python else None,
            patience=self.n_iter_no_change,
            tol=self.tol,
        )

    def _be(self, members: list[Any]) -> None:
        """Turns this estimator into an ensemble of fitted members."""
        self.members_, first = members, members[0]
        self.recipe_, self.n_layers_, self.n_outputs_ = first.recipe_, first.n_layers_, first.n_outputs_
        self.n_iter_ = max(each.n_iter_ for each in members)
        self.loss_ = float(np.mean([each.loss_ for each in members]))

    def _take(
        self,
        seen: Epochs | None,
        outcome: Outcome,
        interrupted: bool,
        scores: Sequence[float],
        rows: int,
        incremental: bool,
    ) -> None:
        """Sets the fitted attributes that record the training."""
        if not hasattr(self, "loss_curve_"):
            self._count()
        epochs = 0 if seen is None else len(seen["train_objective"])
        self.n_iter_, self.t_ = epochs, self.t_ + rows * epochs
        if seen is not None:
            self.loss_curve_ = self.loss_curve_ + seen["train_objective"].astype(float).tolist()
            self.loss_ = self.loss_curve_[-1]
            self._take_scores(seen, scores)
        if interrupted:
            warnings.warn(f"training was interrupted by the user after {epochs} epochs", stacklevel=4)
        elif outcome is Outcome.FINISHED and not incremental:
            warnings.warn(
                f"the training has used up its {epochs} epochs (max_iter) and has not converged: raise max_iter, or tol",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _take_scores(self, seen: Epochs, scores: Sequence[float]) -> None:
        if not self.early_stopping:
            lowest = min(self.loss_curve_)
            self.best_loss_ = lowest if self.best_loss_ is None else min(lowest, self.best_loss_)
            return
        sign = -1.0 if isinstance(self.scoring, str) and self.scoring == "loss" else 1.0
        own = list(scores) or (sign * seen["monitor"]).astype(float).tolist()
        self.validation_scores_ = (self.validation_scores_ or []) + own
        self.best_validation_score_ = float(np.nanmax([-np.inf, *self.validation_scores_]))

    def _say_divergence(self, trained: FitResult, x: np.ndarray, epochs: int) -> None:
        """Raises: FalllineError, unless early stopping has kept earlier parameters; then it warns."""
        step, best = int(trained.rest["step"]), int(trained.rest["best_epoch"])
        what = Outcome.DIVERGED.sentence(epochs=epochs, best_epoch=best, step=step)
        largest = float(np.abs(x[np.isfinite(x)]).max(initial=0.0))
        hint = f"; the largest |X| is {largest:.3g}: scale the inputs" if largest > 30 else ""
        if self.early_stopping and best > 0:
            warnings.warn(
                f"training {what}{hint}; the best parameters before are kept", ConvergenceWarning, stacklevel=4
            )
            return
        raise FalllineError(
            f"training {what}{hint} (learning_rate_init = {self.learning_rate_init}): its parameters would not be finite"
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
