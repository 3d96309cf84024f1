"""Converts scikit-learn's constructor arguments to a recipe."""

import numbers
from typing import Any

import numpy as np

from fallline.activations import Activation, Identity
from fallline.core.block import declared_fields, family, lookup, size_field
from fallline.core.errors import FalllineError, nearest
from fallline.core.schedule import Schedule
from fallline.encodings import Encoding
from fallline.estimators.custom import CustomActivation, CustomLoss
from fallline.estimators.types import Estimator, Scoring, Widths
from fallline.initializers import GlorotUniform
from fallline.layers import BatchNorm, Dense, Dropout, LayerNorm
from fallline.losses import BinaryCrossEntropy, Loss, Poisson, SoftmaxCrossEntropy, SquaredError, Times
from fallline.models import MLP, Model, Network
from fallline.optimizers import LBFGS, Adam, Momentum, Nesterov, Optimizer
from fallline.penalties import L1, L2, Penalties, Penalty
from fallline.scalers import Scaler, Unscaled
from fallline.schedules import InversePower
from fallline.training.recipe import Recipe

AUTO_BATCH = 200
SCHEDULES = ("constant", "invscaling", "adaptive")
SMALLEST_RATE = 1e-6  # an adaptive learning rate ends the training at or below this value
LBFGS_PATIENCE = 5  # iterations without any decrease in float32 after which L-BFGS ends
_ACTIVATIONS = {"logistic": "sigmoid"}
# Fields of update rules and the arguments that set them. An argument at its default leaves the rule's own default.
_COEFFICIENTS = {
    "beta1": ("beta_1", 0.9),
    "beta2": ("beta_2", 0.999),
    "epsilon": ("epsilon", 1e-8),
    "momentum": ("momentum", 0.9),
}


def recipe_of(estimator: Estimator, *, task: str, targets: int, rows: float, samples: float = 0.0) -> Recipe:
    """The recipe that an estimator's arguments describe, complete except for settings without an argument.

    Arguments:
        estimator: object with the arguments of scikit-learn and of Fallline as attributes.
        task: classification, multilabel or regression.
        targets: number of classes, labels or targets.
        rows: number of rows per epoch, counted by the learning rate 'invscaling'.
        samples: number of rows trained on before epoch 0.
    """
    check_numbers(estimator)
    rule = optimizer_of(estimator, rows=rows, samples=samples)
    return Recipe(
        model=model_of(estimator),
        loss=loss_of(estimator.loss, task, targets),
        optimizer=rule,
        penalty=penalty_of(estimator),
        penalty_per="example",
        scaler=scaler_of(estimator.scaler),
        encoding=encoding_of(estimator),
        target_scaler=None,
        batch_size=None if rule.full_batch else batch_rows(estimator.batch_size),
        epochs=min(estimator.max_iter, estimator.max_fun) if rule.full_batch else estimator.max_iter,
        **stopping_of(estimator, rule, task),
        shuffle=bool(estimator.shuffle),
    )


def stopping_of(estimator: Estimator, rule: Optimizer, task: str) -> dict[str, Any]:
    """The stopping criteria: no decrease of the objective, no rise of the validation score, or a flat gradient."""
    if isinstance(rule, LBFGS):
        return {
            "monitor": "train_objective",
            "keep": "last",
            "patience": LBFGS_PATIENCE,
            "tolerance": 0.0,
            "gradient_tolerance": estimator.tol,
        }
    endless = estimator.n_iter_no_change == np.inf
    # The run stops after `patience` epochs without improvement, scikit-learn after `n_iter_no_change` + 1.
    patience = None if endless else int(estimator.n_iter_no_change) + 1
    common = {"patience": patience, "tolerance": estimator.tol}
    if not estimator.early_stopping:
        return {**common, "monitor": "train_objective", "keep": "last"}
    monitor = own_monitor(estimator.scoring, task)
    if monitor is None:
        return {"monitor": "none", "keep": "last", "patience": None, "tolerance": 0.0}
    return {**common, "monitor": monitor, "keep": "best"}


def own_monitor(scoring: Scoring, task: str) -> str | None:
    """The run's name for the metric that early stopping monitors; None for a scorer that only Python can call."""
    usual = "r2" if task == "regression" else "accuracy"
    if scoring is None or (isinstance(scoring, str) and scoring == usual):
        return usual
    return "loss" if isinstance(scoring, str) and scoring == "loss" else None


def hidden_of(sizes: Widths) -> tuple[int, ...]:
    """The layer widths, from a number or a list of numbers."""
    widths = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if any(isinstance(each, bool) or not isinstance(each, numbers.Integral) or int(each) < 1 for each in widths):
        raise FalllineError(
            f"hidden_layer_sizes must be > 0 and whole, got {widths}: give one width per hidden layer, such as (100,)"
        )
    return tuple(int(each) for each in widths)


def activation_of(given: object) -> Activation:
    """An activation, from a name, a block or a function."""
    if isinstance(given, Activation):
        return given
    if isinstance(given, str):
        known = [*_ACTIVATIONS, *family("activation")]
        if given not in known:
            raise FalllineError(f"activation = {given!r} is unknown: {nearest(given, known)}")
        return lookup("activation", _ACTIVATIONS.get(given, given))()  # type: ignore[return-value]
    if callable(given):
        return CustomActivation(given)
    raise FalllineError(
        f"activation = {given!r}: give a name, an activation, a function of JAX, or one per hidden layer"
    )


def activations_of(estimator: Estimator) -> list[Activation]:
    """The activation of each hidden layer."""
    count, given = len(hidden_of(estimator.hidden_layer_sizes)), estimator.activation
    if not isinstance(given, list | tuple):
        return [activation_of(given)] * count
    if len(given) != count:
        raise FalllineError(f"activation has {len(given)} entries for {count} hidden layers: give one for each")
    return [activation_of(each) for each in given]


def model_of(estimator: Estimator) -> Model:
    """The network: an MLP, or a list of layers if their activations differ."""
    widths, activations = hidden_of(estimator.hidden_layer_sizes), activations_of(estimator)
    if estimator.batch_norm and estimator.layer_norm:
        raise FalllineError("batch_norm and layer_norm are both on: one undoes the other; keep one")
    rate = estimator.dropout
    rate = None if rate is None or (isinstance(rate, int | float) and rate == 0) else rate
    if all(each is activations[0] or each == activations[0] for each in activations):
        return MLP(
            hidden=widths,
            activation=activations[0] if activations else Identity(),
            dropout=rate,
            initializer=GlorotUniform(),
            batch_norm=bool(estimator.batch_norm),
            layer_norm=bool(estimator.layer_norm),
        )
    layers: list[Any] = []
    for width, activation in zip(widths, activations, strict=True):
        layers.append(Dense(width, GlorotUniform(), bias=not estimator.batch_norm))
        layers += [BatchNorm()] * bool(estimator.batch_norm) + [LayerNorm()] * bool(estimator.layer_norm)
        layers += [activation] + ([] if rate is None else [Dropout(rate)])
    return Network(tuple(layers))


def loss_of(given: object, task: str, targets: int) -> Loss:
    """The loss, from scikit-learn's name, another name, a block, or a function."""
    if given == "log_loss" and task != "regression":
        return SoftmaxCrossEntropy() if task == "classification" and targets > 2 else BinaryCrossEntropy()
    if task == "regression" and isinstance(given, str):
        if given == "squared_error":
            return Times(SquaredError(), 0.5 * targets)
        if given == "poisson":
            return Times(Poisson(), float(targets))
    if isinstance(given, str):
        known = ["log_loss", *family("loss")]
        if given not in known:
            raise FalllineError(f"loss = {given!r} is unknown: {nearest(given, known)}")
        return lookup("loss", given)()  # type: ignore[return-value]
    if isinstance(given, Loss):
        return given
    if callable(given):
        return CustomLoss(given, task)
    raise FalllineError(f"loss = {given!r}: give a name, a loss, or a function of outputs and targets")


def rate_of(estimator: Estimator, *, rows: float, samples: float) -> Any:
    """The learning rate: a number or a schedule."""
    given, first = estimator.learning_rate, estimator.learning_rate_init
    if isinstance(given, Schedule):
        return given
    if isinstance(given, numbers.Real) and not isinstance(given, bool):
        return float(given)
    if given not in SCHEDULES:
        raise FalllineError(
            f"learning_rate = {given!r} is unknown: {nearest(str(given), SCHEDULES)}, or give a number or a schedule"
        )
    if given == "invscaling":
        return InversePower(first, rate=rows, power=estimator.power_t, offset=samples)
    return first


def optimizer_of(estimator: Estimator, *, rows: float, samples: float) -> Optimizer:
    """The update rule, from scikit-learn's name, another name, or a block."""
    given = estimator.solver
    if isinstance(given, Optimizer):
        return given
    rate = rate_of(estimator, rows=rows, samples=samples)
    if given == "adam":
        betas = {"beta1": estimator.beta_1, "beta2": estimator.beta_2, "epsilon": estimator.epsilon}
        return Adam(rate, **betas, epsilon_place="hat")
    if given == "sgd":
        return (Nesterov if estimator.nesterovs_momentum else Momentum)(rate, estimator.momentum)
    if given == "lbfgs":
        return LBFGS()
    known = ["adam", "sgd", "lbfgs", *family("optimizer")]
    if not isinstance(given, str) or given not in known:
        raise FalllineError(f"solver = {given!r} is unknown: {nearest(str(given), known)}")
    cls: Any = lookup("optimizer", given)
    fields = declared_fields(cls)
    if any(each.role == "block" for each in fields.values()):
        raise FalllineError(
            f"solver = {given!r} is wrapped around another rule: give the optimizer itself, not its name"
        )
    size = size_field(cls)
    chosen: dict[str, Any] = {} if size is None else {size: rate}
    for field, (argument, default) in _COEFFICIENTS.items():
        value = getattr(estimator, argument)
        if field in fields and value != default:
            chosen[field] = value
    found: Optimizer = cls(**chosen)
    return found


def penalty_of(estimator: Estimator) -> Penalty:
    """The L2 penalty of alpha and, unless l1 is 0, the L1 penalty: together an elastic net."""
    squares = L2(estimator.alpha)
    return squares if estimator.l1 == 0 else Penalties((squares, L1(estimator.l1)))


def scaler_of(given: object) -> Scaler:
    """The scaler of the inputs; None means no scaling, as in scikit-learn."""
    if given is None:
        return Unscaled()
    if isinstance(given, Scaler):
        return given
    if isinstance(given, str):
        return lookup("scaler", given)()  # type: ignore[return-value]
    raise FalllineError(f"scaler = {given!r}: give a scaler, its name, or None")


def encoding_of(estimator: Estimator) -> Encoding | None:
    """The encoding of the numbers, with its columns chosen if the estimator has seen rows."""
    given = estimator.encoding
    if isinstance(given, str):
        given = lookup("encoding", given)()
    if given is not None and not isinstance(given, Encoding):
        raise FalllineError(f"encoding = {given!r}: give an encoding, its name, or None")
    counts = getattr(estimator, "_distinct", None)
    return given if given is None or counts is None else given.placed(counts, np.ones(len(counts), bool))


def first_width(estimator: Estimator, features: int) -> int:
    """Width of the input of the network's first dense layer."""
    return Recipe(scaler=scaler_of(estimator.scaler), encoding=encoding_of(estimator)).first_width(features)


def batch_rows(given: object) -> int:
    """Rows per step; 'auto' is 200, or all rows if there are fewer."""
    if given == "auto":
        return AUTO_BATCH
    if isinstance(given, bool) or not isinstance(given, numbers.Integral) or int(given) < 1:
        raise FalllineError(f"batch_size = {given!r}: give a whole number of 1 or more, or 'auto'")
    return int(given)


_REAL: dict[str, tuple[float, float, bool]] = {  # low, high, whether low itself is allowed
    "alpha": (0, np.inf, True),
    "l1": (0, np.inf, True),
    "learning_rate_init": (0, np.inf, False),
    "power_t": (0, np.inf, True),
    "tol": (0, np.inf, True),
    "momentum": (0, 1, True),
    "validation_fraction": (0, 1, True),
    "beta_1": (0, 1, True),
    "beta_2": (0, 1, True),
    "epsilon": (0, np.inf, False),
}
_WHOLE = ("max_iter", "max_fun", "n_iter_no_change", "n_members")
_FLAGS = ("shuffle", "warm_start", "nesterovs_momentum", "early_stopping", "batch_norm", "layer_norm")


def check_numbers(estimator: Estimator) -> None:
    """Raises: FalllineError for an argument outside its interval, or of the wrong type."""
    for name, (low, high, closed) in _REAL.items():
        value = getattr(estimator, name)
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not real or not ((low <= value if closed else low < value) and (value < high)):
            left = "[" if closed else "("
            raise FalllineError(f"{name} = {value!r}: give a number in {left}{low}, {high})")
    for name in _WHOLE:
        value = getattr(estimator, name)
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool) and int(value) >= 1
        if not whole and not (name == "n_iter_no_change" and value == np.inf):
            raise FalllineError(f"{name} = {value!r}: give a whole number of 1 or more")
    for name in _FLAGS:
        if not isinstance(getattr(estimator, name), bool | np.bool_):
            raise FalllineError(f"{name} = {getattr(estimator, name)!r}: give True or False")
