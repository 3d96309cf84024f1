"""The part of an estimator that exists after fitting: its weights, its answers, a model to save or export."""

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from fallline.core.errors import FalllineError
from fallline.data.schema import Schema
from fallline.data.units import Unit
from fallline.encodings import Inputs
from fallline.estimators.fitting import FitResult
from fallline.estimators.inputs import check_rows, dense, given, is_plain, plain_schema, to_float32
from fallline.estimators.types import AnyRows
from fallline.estimators.units import in_units
from fallline.estimators.weights import put, taken
from fallline.training.ensemble import Ensemble
from fallline.training.exact import exact_answers
from fallline.training.host import host_of
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe


class FittedMLP(BaseEstimator):
    """The part of an estimator that is used after training. It predicts with `coefs_` and `intercepts_`."""

    _schema: Schema | None
    _units: tuple[Unit, ...] | None = None
    _columns: tuple[str, ...]
    _trained: FitResult
    _dtype: Any
    n_features_in_: int
    n_members: int

    @property
    @abstractmethod
    def _task(self) -> str:
        """The task: classification, multilabel or regression."""

    @property
    @abstractmethod
    def _targets(self) -> int:
        """The number of classes, labels or targets."""

    @abstractmethod
    def _target_description(self) -> Any:
        """The target, as a model file describes it."""

    def _adopt(self, trained: FitResult) -> None:
        """Takes over a trained network."""
        self._trained, self.recipe_ = trained, trained.recipe
        self.coefs_, self.intercepts_ = taken(trained.params, self._dtype)
        self.n_layers_, self.n_outputs_ = len(self.coefs_) + 1, self.coefs_[-1].shape[1]

    def _answer(self, X: AnyRows) -> np.ndarray:
        """The probabilities, or the targets as a run sees them, in float64."""
        if not hasattr(
            self, "recipe_"
        ):  # asked first, since `check_is_fitted` takes as long as the network for one row
            check_is_fitted(self, "recipe_")
        x = self._rows(X)
        if self.n_members == 1:
            return self._answer_rows(x)
        found: np.ndarray = np.mean([each._answer_rows(x) for each in self._networks()], axis=0)
        return found

    def _rows(self, X: AnyRows) -> np.ndarray:
        """Checked rows as the network sees them."""
        if not is_plain(self, X):
            X = check_rows(self, given(X), reset=False)
        found: np.ndarray = to_float32(X, self._schema) if self._schema is not None else in_units(dense(X), self._units)
        return found

    def _networks(self) -> list[Any]:
        """The members of an ensemble, or this estimator alone."""
        return self.members_ if self.n_members > 1 else [self]

    def _answer_rows(self, x: np.ndarray) -> np.ndarray:
        params = self._params(self._trained.recipe, self._features, np.float64, copy=False)
        return exact_answers(self.recipe_, self._task, self._targets, {"params": params, **self._trained.wide}, x)

    def _arrays(self, dtype: DTypeLike = np.float64) -> dict[str, Any]:
        """The network's arrays, with the current `coefs_` and `intercepts_`."""
        return {"params": self._params(self._trained.recipe, self._features, dtype), **self._trained.fitted}

    @property
    def _features(self) -> int:
        """Number of encoded features."""
        return self.n_features_in_ if self._schema is None else len(self._schema.feature_names)

    def _params(
        self, recipe: Recipe, features: int, dtype: DTypeLike = np.float32, *, copy: bool = True
    ) -> dict[str, Any]:
        """The network's params: the current `coefs_` and `intercepts_`, and any other params of an earlier fit."""
        assert recipe.loss is not None
        host = host_of(recipe, self._task, self._targets)
        dense = put(host.dense, host.first_width(features), self.coefs_, self.intercepts_, dtype, copy=copy)
        return {**(self._trained.params if hasattr(self, "_trained") else {}), **dense}

    @property
    def predictor_(self) -> Predictor:
        """The fitted network, or ensemble, as a Fallline model, to save, explain or export."""
        check_is_fitted(self, "recipe_")
        if self.n_members > 1:
            return Ensemble.of([each.predictor_ for each in self._networks()])
        return Predictor(self.recipe_, self._described(), self._targets, self._arrays(np.float32))

    def to_onnx(self, path: str | Path, *, inputs: str = "auto") -> Any:
        """Write one ONNX file, preprocessing included; an ensemble is averaged. See `fallline.to_onnx`."""
        from fallline.onnx.export import to_onnx

        check_is_fitted(self, "recipe_")
        return to_onnx(self.predictor_, path, inputs=inputs)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Each column's share of the first layer's weights: sum_j |w_ij|, summed over its features, over the total.

        This is a rough measure, which `SelectFromModel` can use if columns have comparable sizes;
        `permutation_importance` measures the actual effect.
        """
        check_is_fitted(self, "recipe_")
        found = np.abs(np.asarray([each.coefs_[0] for each in self._networks()])).sum(axis=(0, 2))
        features, inputs = len(self._described().feature_names), self.recipe_.inputs
        if isinstance(inputs, Inputs) and inputs.scaler.columnwise:
            found = np.bincount(inputs.sources(features), found, minlength=features)
        if len(found) != features:
            raise FalllineError(
                "a scaler that mixes columns, such as PCA, leaves no first weights of their own to them"
            )
        if self._schema is not None:
            counts = [len(column.feature_names()) for column in self._schema.columns]
            places = [self._columns.index(column.name) for column in self._schema.columns]
            used = np.add.reduceat(found, np.cumsum([0, *counts[:-1]]))
            found = np.zeros(self.n_features_in_)  # a column that was left out has importance 0
            found[places] = used
        result: np.ndarray = found / max(found.sum(), 1e-300)
        return result

    def _described(self) -> Schema:
        """The columns and the target, as a model file describes them."""
        names = [f"x{place}" for place in range(self.n_features_in_)]
        schema = plain_schema([str(each) for each in getattr(self, "feature_names_in_", names)])
        schema = schema if self._schema is None else self._schema
        columns = schema.columns
        if self._units is not None:
            columns = tuple(
                replace(column, **unit._asdict()) for column, unit in zip(columns, self._units, strict=True)
            )
        return Schema(columns, self._target_description(), schema.missing)
