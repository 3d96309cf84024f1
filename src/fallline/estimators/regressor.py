"""`MLPRegressor`: scikit-learn's regressor, with extensions that its users have asked for."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_consistent_length

from fallline.core.errors import FalllineError
from fallline.core.schedule import Schedule
from fallline.data.target import Target
from fallline.estimators.base import BaseMLP
from fallline.estimators.classifier import steps
from fallline.estimators.inputs import check_rows, is_encoded
from fallline.estimators.types import (
    AnyActivation,
    AnyEncoding,
    AnyLoss,
    AnyRows,
    AnyScaler,
    RandomState,
    Rate,
    Scoring,
    Solver,
    Targets,
    Widths,
)
from fallline.estimators.units import target_in_unit


def refuse_numberless(y: Targets) -> None:
    """Raises: FalllineError for text that is not a number, and for dates and durations."""
    if y is None:
        return
    kind = getattr(getattr(y, "dtype", None), "kind", None) or np.asarray(y).dtype.kind
    if kind in "Mm":
        raise FalllineError(
            "y holds dates or spans of time, whose unit a regression cannot know: give numbers, such as days since a date"
        )
    if kind in "USO":
        for each in np.ravel(np.asarray(y)):
            try:
                float(each)
            except (TypeError, ValueError):
                raise FalllineError(
                    f"y holds {each!r}, where a regression needs numbers: give numbers, or use MLPClassifier for classes"
                ) from None


class MLPRegressor(RegressorMixin, BaseMLP):
    """A multi-layer perceptron that predicts one number or several; a drop-in for scikit-learn's.

    Its arguments, methods and attributes mean the same as in scikit-learn; those not listed here are the same as for
    `MLPClassifier`.

    Arguments:
        loss: 'squared_error' and 'poisson' (half the sums over the targets, in the target's own unit), any other loss by
            name or as a block, or a function of outputs and targets.
        scoring: metric for early stopping: None for R^2, 'loss', the name of a scorer, or a function.
        n_members: number of networks trained together from different seeds; their predictions are averaged.

    >>> import numpy as np
    >>> X = np.linspace(-2, 2, 80)[:, None]
    >>> model = MLPRegressor(hidden_layer_sizes=(20,), activation="tanh", solver="lbfgs", max_iter=400, random_state=0)
    >>> bool(model.fit(X, np.sin(2 * X[:, 0])).score(X, np.sin(2 * X[:, 0])) > 0.99)
    True
    """

    def __init__(
        self,
        loss: AnyLoss = "squared_error",
        hidden_layer_sizes: Widths = (100,),
        activation: AnyActivation | Sequence[AnyActivation] = "relu",
        *,
        solver: Solver = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: Rate = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: RandomState = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15000,
        dropout: float | Schedule | None = None,
        batch_norm: bool = False,
        layer_norm: bool = False,
        l1: float = 0.0,
        scoring: Scoring = None,
        callbacks: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
        scaler: AnyScaler = None,
        encoding: AnyEncoding = None,
        n_members: int = 1,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.l1 = l1
        self.scoring = scoring
        self.callbacks = callbacks
        self.scaler = scaler
        self.encoding = encoding
        self.n_members = n_members

    @available_if(steps)
    def partial_fit(self, X: AnyRows, y: Targets, sample_weight: ArrayLike | None = None) -> "MLPRegressor":
        """Train one more epoch on these rows; the update rule keeps its memory of earlier epochs."""
        found: "MLPRegressor" = self._fit(X, y, sample_weight, incremental=True)
        return found

    def predict(self, X: AnyRows) -> np.ndarray:
        """The target of each row, (rows,) or (rows, targets)."""
        return self._decide(self._answer(X)).astype(self._dtype, copy=False)

    _target: Target | None = None

    @property
    def _task(self) -> str:
        return "regression"

    @property
    def _targets(self) -> int:
        return self._width

    @property
    def out_activation_(self) -> str:
        """The activation of the outputs: 'exp' for the Poisson loss, otherwise 'identity'."""
        return "exp" if self.loss == "poisson" else "identity"

    def _check(self, X: AnyRows, y: Targets, *, reset: bool) -> tuple[Any, Any]:
        if y is not None and is_encoded(self, X, reset=reset):
            X = check_rows(self, X, reset=reset)
            y = check_array(y, ensure_2d=False, dtype="numeric")
            check_consistent_length(X, y)
        else:
            refuse_numberless(y)
            X, y = check_rows(self, X, y, reset=reset, multi_output=True, y_numeric=True)
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _encode_target(self, y: Targets, *, first: bool, incremental: bool) -> np.ndarray:
        exact = np.asarray(y, np.float64).reshape(len(y), -1)
        if first:
            self._width = exact.shape[1]
            names = tuple(f"y{place}" for place in range(self._width)) if self._width > 1 else ("y",)
            self._target = target_in_unit(exact, Target(names, self._task), self.loss)
        return np.ascontiguousarray(self._target_description().condition(exact, "fit"))

    def _decide(self, answer: np.ndarray) -> np.ndarray:
        answer = self._target_description().restore(answer)
        return answer[:, 0] if answer.shape[1] == 1 else answer

    def _target_description(self) -> Target:
        if self._target is not None:
            return self._target
        return Target(tuple(f"y{place}" for place in range(self._width)) if self._width > 1 else ("y",), self._task)
