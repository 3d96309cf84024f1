"""Early stopping by any scikit-learn scorer, which sees the network in training as a fitted estimator."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from sklearn.metrics import check_scoring

from fallline.core.tree import Tree
from fallline.estimators.rows import Rows
from fallline.estimators.types import Estimator
from fallline.training.exact import exact_answers
from fallline.training.recipe import Recipe
from fallline.training.state import State


class Judged:
    """An estimator with the arrays of a network in training."""

    def __init__(self, estimator: Estimator, recipe: Recipe) -> None:
        self._estimator, self._recipe = estimator, recipe
        self.arrays: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._estimator, name)

    def __sklearn_tags__(self) -> Any:
        return self._estimator.__sklearn_tags__()

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The classes or targets."""
        found: np.ndarray = self._estimator._decide(self._answer(x))
        return found

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """The probabilities (classifiers only)."""
        found: np.ndarray = self._estimator._probabilities(self._answer(x))
        return found

    def _answer(self, x: np.ndarray) -> np.ndarray:
        return exact_answers(self._recipe, self._estimator._task, self._estimator._targets, self.arrays, x)


def scorer_of(estimator: Estimator, recipe: Recipe, state: State, rows: Rows) -> Callable[[Any, Any], float]:
    """A function (params, stats) -> score of the validation rows; larger is better."""
    scaling = jax.tree.map(np.asarray, {"scaling": state.scaling, "target_scaling": state.target_scaling})
    scorer, judged = check_scoring(estimator, scoring=estimator.scoring), Judged(estimator, recipe)
    x = rows.x[rows.valid]

    def score(params: Tree, stats: Tree) -> float:
        judged.arrays = {"params": params, "stats": stats, **scaling}
        return float(scorer(judged, x, rows.y_valid))

    return score
