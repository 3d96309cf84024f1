"""`to_fallline` converts a fitted scikit-learn network."""

import inspect
from typing import Any

import numpy as np
import sklearn.neural_network

from fallline.core.errors import FalllineError
from fallline.estimators.classifier import MLPClassifier
from fallline.estimators.fitting import FitResult
from fallline.estimators.regressor import MLPRegressor
from fallline.estimators.settings import AUTO_BATCH, recipe_of
from fallline.training.recipe import complete

_FITTED = (
    "loss_", "best_loss_", "loss_curve_", "validation_scores_", "best_validation_score_", "n_iter_", "t_",
    "n_features_in_", "feature_names_in_", "classes_",
)  # fmt: skip


def to_fallline(model: Any) -> MLPClassifier | MLPRegressor:
    """Converts a fitted network to a Fallline estimator with its arguments, weights and history, and equal answers.

    The result can be trained further, exported, and converted to a `predictor_`. The update rule starts with an empty
    memory.

    Arguments:
        model: a fitted `sklearn.neural_network.MLPClassifier` or `MLPRegressor`.

    Raises: FalllineError for anything else.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = sklearn.neural_network.MLPClassifier(solver="lbfgs", max_iter=50, tol=0.1, random_state=0).fit(X, y)
    >>> bool(abs(to_fallline(theirs).predict_proba(X) - theirs.predict_proba(X)).max() < 1e-12)
    True
    """
    pairs = {sklearn.neural_network.MLPClassifier: MLPClassifier, sklearn.neural_network.MLPRegressor: MLPRegressor}
    cls = next((ours for theirs, ours in pairs.items() if isinstance(model, theirs)), None)
    if cls is None or not hasattr(model, "coefs_"):
        raise FalllineError(
            f"{type(model).__name__} is no fitted network: give a fitted MLPClassifier or MLPRegressor of scikit-learn's"
        )
    known = inspect.signature(cls).parameters
    mine: Any = cls(**{name: value for name, value in model.get_params().items() if name in known})
    for name in _FITTED:
        if hasattr(model, name):
            setattr(mine, name, getattr(model, name))
    if cls is MLPClassifier:
        mine._several = model._label_binarizer.y_type_.startswith("multilabel")
    else:
        mine._width = model.n_outputs_
    mine._schema, mine._dtype = None, model.coefs_[0].dtype
    recipe = recipe_of(mine, task=mine._task, targets=mine._targets, rows=1.0)
    mine.recipe_ = complete(recipe, task=mine._task, training_rows=AUTO_BATCH)
    score = (
        getattr(model, "best_loss_", None) if not model.early_stopping else -(model.best_validation_score_ or -np.inf)
    )
    past = {"best_score": np.array(np.inf if score is None else score, np.float32), "waited": np.array(0, np.int32)}
    mine._trained = FitResult(mine.recipe_, {}, {"scaling/mean": np.zeros(model.n_features_in_, np.float32), **past})
    mine.coefs_ = [np.array(each) for each in model.coefs_]
    mine.intercepts_ = [np.array(each) for each in model.intercepts_]
    mine.n_layers_, mine.n_outputs_ = model.n_layers_, model.n_outputs_
    found: MLPClassifier | MLPRegressor = mine
    return found
