"""Scalers that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from fallline.scalers import Standardise


class AllRows(Standardise):
    """Statistics of all rows, those of the validation among them."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return super().fit(x, jnp.ones_like(weight), columns)


class AllColumns(Standardise):
    """Every column scaled, zeros and ones among them."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return super().fit(x, weight)


class Gaps(Standardise):
    """Missing values left missing."""

    name: ClassVar = ""

    def apply(self, stats, x):
        return (x - stats["mean"]) * stats["inverse"]


class OtherWhenRecorded(Standardise):
    """A scaler that does something else while it is written down."""

    name: ClassVar = ""

    def apply(self, stats, x):
        return super().apply(stats, x) * (1.0 if type(x) is np.ndarray else 2.0)


class OtherByNumPy(Standardise):
    """A scaler with another way back for NumPy."""

    name: ClassVar = ""

    def invert(self, stats, x):
        return super().invert(stats, x) + (1.0 if isinstance(x, np.ndarray) else 0.0)


class Narrow(Standardise):
    """A scaler that loses a column and does not say so."""

    name: ClassVar = ""

    def apply(self, stats, x):
        return super().apply(stats, x)[:, 1:]


class FirstRow(Standardise):
    """Statistics of the first row alone."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        return {"mean": x[0], "inverse": jnp.ones_like(x[0])}


class Exploding(Standardise):
    """A division by a spread of zero, almost."""

    name: ClassVar = ""

    def fit(self, x, weight, columns=None):
        mean = weight @ x / weight.sum()
        return {"mean": mean, "inverse": 1 / (jnp.sqrt(weight @ (x - mean) ** 2 / weight.sum()) + 1e-8)}


class OneWay(Standardise):
    """A way back that forgets the mean."""

    name: ClassVar = ""

    def invert(self, stats, x):
        return x / stats["inverse"]


WRONG = [
    (OtherByNumPy(), "by_numpy", "by NumPy, beside JAX"),
    (OtherWhenRecorded(), "recorded", "by its program"),
    (Narrow(), "dtypes", "scaled rows"),
    (FirstRow(), "order", "another order"),
    (Exploding(), "constant", "a constant column's unseen value"),
    (OneWay(), "way_back", "scaled again"),
    (AllRows(), "training_rows", "scaled by other rows"),
    (AllRows(), "weights", "scaled by weights"),
    (AllColumns(), "columns", "may not be touched"),
    (Gaps(), "missing", "not finite"),
]
