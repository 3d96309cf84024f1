"""`MLPClassifier`: scikit-learn's classifier, with extensions that its users have asked for."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_array, check_consistent_length

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.core.schedule import Schedule
from fallline.data.target import Target
from fallline.estimators.base import BaseMLP
from fallline.estimators.inputs import check_rows, is_encoded
from fallline.estimators.types import (
    AnyActivation,
    AnyEncoding,
    AnyLoss,
    AnyRows,
    AnyScaler,
    Estimator,
    RandomState,
    Rate,
    Scoring,
    Solver,
    Targets,
    Widths,
)
from fallline.estimators.weights import dense_layers
from fallline.losses import SoftmaxCrossEntropy
from fallline.training.predictor import Predictor


def steps(estimator: Estimator) -> bool:
    """Whether the solver makes steps, so that it can train for one epoch."""
    solver = estimator.solver
    rule = family("optimizer").get(solver) if isinstance(solver, str) else solver
    return not getattr(rule, "line_search", False)


def refuse_targets(y: Targets) -> None:
    """Raises: FalllineError for several columns of classes, or for objects that are not all text."""
    if getattr(y, "ndim", 1) == 2 and type_of_target(y) == "multiclass-multioutput":
        raise FalllineError(
            f"y has {y.shape[1]} columns of several classes each (multiclass-multioutput), which one network does not predict: "
            "give one column of classes, columns of 0 and 1 for labels, or use sklearn.multioutput.MultiOutputClassifier"
        )
    if getattr(getattr(y, "dtype", None), "kind", "") == "O" and not all(isinstance(each, str) for each in np.ravel(y)):
        kinds = sorted({type(each).__name__ for each in np.ravel(y)})
        raise FalllineError(
            f"y holds Python objects of the type {', '.join(kinds)} (Unknown label type: unknown): give numbers, as by "
            "y.astype(int), or text, as by y.astype(str), and no missing values"
        )


def of_one_class(model: Predictor) -> Predictor:
    """The model of a single class: its probability is the softmax of one output, which is 1."""
    params = dict(model.arrays["params"])
    last = dense_layers(params)[-1]
    params[last] = {part: array[..., :1] for part, array in params[last].items()}
    recipe = dataclasses.replace(model.recipe, loss=SoftmaxCrossEntropy())
    return dataclasses.replace(model, recipe=recipe, outputs=1, arrays={**model.arrays, "params": params})


class MLPClassifier(ClassifierMixin, BaseMLP):
    """A multi-layer perceptron that predicts classes or labels; a drop-in for scikit-learn's.

    Its arguments, methods and attributes mean the same as in scikit-learn, so that changing the import is enough, and a
    seed gives the same initial weights. It trains in float32 and predicts in float64.

    Arguments:
        hidden_layer_sizes: number of units in each hidden layer.
        activation: 'identity', 'logistic', 'tanh', 'relu', any other activation by name or as a block, a JAX function, or
            a list with one of these for each hidden layer.
        solver: 'adam', 'sgd', 'lbfgs', or any other update rule by name or as a block.
        alpha: strength of the L2 penalty, alpha / 2 sum w^2, divided by the batch's weight.
        l1: strength of the L1 penalty, divided in the same way; together with alpha an elastic net.
        batch_size: rows per step; 'auto' is min(200, rows).
        learning_rate: 'constant', 'invscaling' or 'adaptive', a number, or a schedule; for every solver except 'lbfgs'.
        learning_rate_init: the initial learning rate.
        power_t: exponent of 'invscaling', learning_rate_init / t^power_t after t rows.
        max_iter: largest number of epochs.
        shuffle: whether the rows are reordered in every epoch.
        random_state: seed of the initial weights, the split, the order of rows and dropout.
        tol: smallest change that counts as an improvement; for 'lbfgs', the gradient norm at which training ends.
        verbose: whether every epoch is printed.
        warm_start: whether a fit begins with the weights of the previous fit.
        momentum, nesterovs_momentum: momentum coefficient of 'sgd' and of any rule that has one, and its variant ('sgd').
        early_stopping: whether training ends by the score of validation rows, keeping the best weights.
        validation_fraction: share of the rows for validation, unless X_val and y_val are given to `fit`.
        beta_1, beta_2, epsilon: coefficients of 'adam' and of any rule that has them.
        n_iter_no_change: number of epochs without improvement that are tolerated.
        max_fun: largest number of evaluations of 'lbfgs'; an epoch takes at least one.
        loss: 'log_loss', any other loss by name or as a block, or a function of outputs and targets.
        dropout: probability of dropping a hidden unit; a number or a schedule.
        batch_norm, layer_norm: whether a normalisation precedes each activation.
        class_weight: 'balanced', or a weight per class.
        scoring: metric for early stopping: None for the accuracy, 'loss', the name of a scorer, or a function.
        callbacks: a function of a `EpochProgress` or a list of them, called after every epoch; True ends the training.
        scaler: scaler of the inputs: None, a name such as 'standardise', or a block.
        encoding: inputs made of the numbers, beside the columns: None, a name such as 'piecewise_linear', or a block.
        n_members: number of networks trained together from different seeds; their probabilities are averaged.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = MLPClassifier((20,), solver="lbfgs", tol=1e-2, max_iter=1000, random_state=0).fit(X, y)
    >>> bool(model.score(X, y) > 0.95), [each.shape for each in model.coefs_]
    (True, [(4, 20), (20, 3)])
    """

    classes_: np.ndarray
    _several: bool

    def __init__(
        self,
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
        loss: AnyLoss = "log_loss",
        dropout: float | Schedule | None = None,
        batch_norm: bool = False,
        layer_norm: bool = False,
        l1: float = 0.0,
        class_weight: dict[Any, float] | str | None = None,
        scoring: Scoring = None,
        callbacks: Callable[..., Any] | Sequence[Callable[..., Any]] | None = None,
        scaler: AnyScaler = None,
        encoding: AnyEncoding = None,
        n_members: int = 1,
    ) -> None:
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
        self.loss = loss
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.layer_norm = layer_norm
        self.l1 = l1
        self.class_weight = class_weight
        self.scoring = scoring
        self.callbacks = callbacks
        self.scaler = scaler
        self.encoding = encoding
        self.n_members = n_members

    @available_if(steps)
    def partial_fit(
        self, X: AnyRows, y: Targets, sample_weight: ArrayLike | None = None, classes: ArrayLike | None = None
    ) -> "MLPClassifier":
        """Train one more epoch on these rows; the update rule keeps its memory of earlier epochs.

        Arguments:
            X, y, sample_weight: as for `fit`.
            classes: all classes that will ever occur; required in the first call.
        """
        if classes is None and not hasattr(self, "classes_"):
            raise FalllineError("classes must be passed on the first call to partial_fit: all that will ever be seen")
        if classes is not None:
            self._declare(classes, y)
        found: "MLPClassifier" = self._fit(X, y, sample_weight, incremental=True)
        return found

    def predict(self, X: AnyRows) -> np.ndarray:
        """The most probable class of each row, or 0/1 for every label."""
        return self._decide(self._answer(X))

    def predict_proba(self, X: AnyRows) -> np.ndarray:
        """The probability of each class or label, (rows, classes), in the order of `classes_`."""
        return self._probabilities(self._answer(X)).astype(self._dtype, copy=False)

    def predict_log_proba(self, X: AnyRows) -> np.ndarray:
        """The logarithms of the probabilities."""
        with np.errstate(divide="ignore"):
            found: np.ndarray = np.log(self.predict_proba(X))
            return found

    @property
    def _task(self) -> str:
        return "multilabel" if self._several else "classification"

    @property
    def _targets(self) -> int:
        return len(self.classes_) if self._several else max(2, len(self.classes_))

    @property
    def out_activation_(self) -> str:
        """The activation of the outputs: 'softmax' for several classes, 'logistic' for two classes and for labels."""
        return "logistic" if self._several or self.n_outputs_ == 1 else "softmax"

    def _check(self, X: AnyRows, y: Targets, *, reset: bool) -> tuple[Any, Any]:
        if y is None or is_encoded(self, X, reset=reset):
            X = check_rows(self, X, reset=reset) if y is not None else check_rows(self, X, y, reset=reset)[0]
            y = check_array(y, ensure_2d=False, dtype=None, accept_sparse=True)
            check_consistent_length(X, y)
        else:
            X, y = check_rows(self, X, y, reset=reset, multi_output=True)
        refuse_targets(y)
        check_classification_targets(y)
        y = y.toarray() if hasattr(y, "toarray") else y
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _declare(self, classes: ArrayLike | None, y: Targets) -> None:
        labels = np.unique(np.asarray(classes))
        if hasattr(self, "classes_") and not np.array_equal(self.classes_, labels):
            raise FalllineError(
                f"classes = {labels} is not what the first call to partial_fit was given: {self.classes_}"
            )
        self._several = type_of_target(y).startswith("multilabel")
        self.classes_ = np.arange(np.asarray(y).shape[1]) if self._several else labels

    def _encode_target(self, y: Targets, *, first: bool, incremental: bool) -> np.ndarray:
        several = type_of_target(y).startswith("multilabel")
        seen = np.arange(y.shape[1]) if several else np.unique(y)
        if not hasattr(self, "classes_") or (first and not incremental):
            self.classes_, self._several = seen, several
        elif self.warm_start and not incremental and not np.array_equal(seen, self.classes_):
            raise FalllineError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. Previously "
                f"got {self.classes_}, `y` has {seen}"
            )
        unknown = np.setdiff1d(seen, self.classes_)
        if len(unknown):
            raise FalllineError(f"`y` has classes not in `self.classes_`: {unknown} are none of {self.classes_}")
        if self._several:
            return np.ascontiguousarray(y, np.float32)
        return np.searchsorted(self.classes_, np.asarray(y)).astype(np.int32)

    def _weigh(self, y: Targets, weight: np.ndarray | None) -> np.ndarray | None:
        if self.class_weight is None:
            return weight
        own = compute_sample_weight(self.class_weight, y)
        found: np.ndarray | None = own if weight is None else own * weight
        return found

    def _decide(self, answer: np.ndarray) -> np.ndarray:
        if self._several:
            return (answer > 0.5).astype(int)
        found: np.ndarray = self.classes_[np.minimum(answer.argmax(axis=1), len(self.classes_) - 1)]
        return found

    def _probabilities(self, answer: np.ndarray) -> np.ndarray:
        return answer if self._several or len(self.classes_) > 1 else np.ones((len(answer), 1))

    @property
    def predictor_(self) -> Predictor:
        """The fitted network as a Fallline model, to save, explain or export."""
        found = super().predictor_
        if self._several or len(self.classes_) > 1 or self.n_members > 1:  # members are adapted one by one
            return found
        return of_one_class(found)

    def _target_description(self) -> Target:
        names = tuple(f"y{place}" for place in self.classes_) if self._several else ("y",)
        return Target(names, self._task, None if self._several else tuple(self.classes_.tolist()))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
