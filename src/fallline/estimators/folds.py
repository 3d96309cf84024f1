"""The folds of a search, each with the rows, weights, classes and encoding that its own fit would have."""

import copy
import dataclasses
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params

from fallline.estimators.base import BaseMLP
from fallline.estimators.rows import Rows, rows_of
from fallline.estimators.types import AnyRows, Targets

Split = tuple[np.ndarray, np.ndarray]


@dataclasses.dataclass(frozen=True)
class Fold:
    """The training rows of one fold as a run sees them.

    Arguments:
        number: index of the fold.
        model: an estimator that knows the classes, columns and types of these rows, without weights.
        rows: the rows that are read; several folds may share them.
        seed: seed of the order of the rows and of dropout.
        count: number of rows that the fold passes to `fit`.
    """

    number: int
    model: BaseMLP
    rows: Rows
    seed: int
    count: int

    def together_with(self) -> tuple[Any, ...]:
        """The key that folds must share to be trained in one population."""
        classes = tuple(getattr(self.model, "classes_", ()))
        # 'invscaling' counts rows, so the folds must have epochs of the same length.
        clock = len(self.rows.train) if self.model.learning_rate == "invscaling" else 0
        return (
            self.model._task,
            self.model._targets,
            self.rows.x.shape[1],
            repr(classes),
            len(self.rows.valid) > 0,
            clock,
            self.seed,  # differs if validation rows were drawn from folds of different sizes
        )


def folds_of(
    model: BaseMLP, X: AnyRows, y: Targets, fit_params: dict[str, Any], splits: Sequence[Split]
) -> list[Fold | None]:
    """Every fold's rows; None for a fold whose fit would be refused, and which must raise that error itself.

    Folds share one array of rows unless something depends on which rows train: class weights, the encoding of a table,
    the classes that occur, or the user's own validation rows.
    """
    shared = _shared(model, X, y, fit_params, splits)
    if shared is not None:
        return list(shared)
    return [_alone(model, X, y, fit_params, train, number) for number, (train, _) in enumerate(splits)]


def places_of(train: np.ndarray, rows: int) -> np.ndarray:
    """The rows selected by indices of any form: integers (also negative or repeated), a mask, a range or a list."""
    found: np.ndarray = _safe_indexing(np.arange(rows), np.asarray(train))
    return found


def stacked(folds: Sequence[Fold]) -> tuple[Rows, list[tuple[np.ndarray, np.ndarray]]]:
    """One set of rows with those of all folds, and every fold's (training, validation) index sets into it."""
    first = folds[0].rows
    if all(fold.rows.x is first.x for fold in folds):
        return first, [(fold.rows.train, fold.rows.valid) for fold in folds]
    ends = np.cumsum([len(fold.rows.x) for fold in folds])
    begins = ends - [len(fold.rows.x) for fold in folds]
    weights = None
    if any(fold.rows.weight is not None for fold in folds):
        weights = [np.ones(len(f.rows.x)) if f.rows.weight is None else f.rows.weight for f in folds]
    rows = Rows(
        np.concatenate([fold.rows.x for fold in folds]),
        np.concatenate([fold.rows.target for fold in folds]),
        None if weights is None else np.concatenate(weights),
        np.arange(ends[-1]),
        np.zeros(0, int),
        np.zeros(0),
    )
    places = zip(begins, folds, strict=True)
    return rows, [(begin + fold.rows.train, begin + fold.rows.valid) for begin, fold in places]


def begun(model: BaseMLP, features: int) -> tuple[BaseMLP, np.random.RandomState]:
    """A copy of a model with the initial weights that its fit would draw, and the generator after drawing them."""
    random = check_random_state(copy.deepcopy(model.random_state))
    with_weights = copy.copy(model)
    with_weights._begin(random, features)
    return with_weights, random


def _shared(
    model: BaseMLP, X: AnyRows, y: Targets, fit_params: dict[str, Any], splits: Sequence[Split]
) -> list[Fold] | None:
    """Folds that share one array, if every fold's own fit would encode the rows in the same way; otherwise None."""
    model = copy.copy(model)
    # The columns that an encoding is of depend on the values that occur in the fold's own rows.
    if (
        getattr(model, "class_weight", None) is not None
        or model.encoding is not None
        or not set(fit_params) <= {"sample_weight"}
    ):
        return None
    try:
        x, y, target, weight = model._prepare(X, y, fit_params.get("sample_weight"), True, False)
    except Exception:  # the cause may be a row on which no fold trains
        return None
    places = [places_of(train, len(x)) for train, _ in splits]
    if model._schema is not None or not all(_has_all_classes(model, target[each]) for each in places):
        return None
    drawn, none = begun(model, x.shape[1])[1], np.zeros(0, int)
    folds = []
    for number, train in enumerate(places):
        random, valid = copy.deepcopy(drawn), none
        own = train
        if model.early_stopping:
            cut = rows_of(model, x[train], np.asarray(y)[train], target[train], None, None, random)
            own, valid = train[cut.train], train[cut.valid]
        rows = Rows(x, target, weight, own, valid, np.zeros(0))
        folds.append(Fold(number, model, rows, int(random.randint(2**31 - 1)), len(train)))
    return folds


def _has_all_classes(model: BaseMLP, target: np.ndarray) -> bool:
    return model._task != "classification" or len(np.unique(target)) == len(model.classes_)


def _alone(
    model: BaseMLP, X: AnyRows, y: Targets, fit_params: dict[str, Any], train: np.ndarray, number: int
) -> Fold | None:
    """One fold's rows, prepared as its own fit would prepare them."""
    model = copy.copy(model)
    try:
        X_train, y_train = _safe_split(model, X, y, np.asarray(train))
        own = _check_method_params(X, params=fit_params, indices=np.asarray(train))
        given = inspect.signature(model.fit).bind(X_train, y_train, **own).arguments
        held_out = None
        if given.get("X_val") is not None:
            held_out = (given["X_val"], given.get("y_val"), given.get("sample_weight_val"))
        model._refuse(held_out, False)
        x, y_checked, target, weight = model._prepare(X_train, y_train, given.get("sample_weight"), True, False)
        random = begun(model, x.shape[1])[1]
        rows = rows_of(model, x, y_checked, target, weight, held_out, random)
    except Exception:
        return None
    return Fold(number, model, rows, int(random.randint(2**31 - 1)), len(x))
