"""Encodings that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import lax

from fallline.core.block import replace
from fallline.encodings import Periodic, PiecewiseLinear


class AllRows(PiecewiseLinear):
    """Edges of all rows, those of the validation among them."""

    name: ClassVar = ""

    def fit(self, x, weight, target, classes):
        return super().fit(x, jnp.ones_like(weight), target, classes)


class YesOrNo(PiecewiseLinear):
    """An encoding of all columns, also of zeros and ones."""

    name: ClassVar = ""

    def placed(self, counts, scaled):
        return replace(self, {"columns": tuple(range(len(counts)))})


class Gaps(PiecewiseLinear):
    """Missing values left missing."""

    name: ClassVar = ""

    def codes(self, stats, x):
        return super().codes({**stats, "fill": jnp.nan}, x)


class OtherWhenRecorded(PiecewiseLinear):
    """Codes that are others while they are written down."""

    name: ClassVar = ""

    def codes(self, stats, x):
        return super().codes(stats, x) * (1.0 if type(x) is np.ndarray else 2.0)


class OtherByNumPy(PiecewiseLinear):
    """Codes of which NumPy makes the negatives."""

    name: ClassVar = ""

    def codes(self, stats, x):
        return super().codes(stats, x) * (-1.0 if isinstance(x, np.ndarray) else 1.0)


class FalseWidth(PiecewiseLinear):
    """An encoding that loses a code and does not say so."""

    name: ClassVar = ""

    def codes(self, stats, x):
        return super().codes(stats, x)[:, 1:]


class Neighbour(PiecewiseLinear):
    """Bins that begin with the value of a neighbour."""

    name: ClassVar = ""

    def codes(self, stats, x):
        return super().codes({**stats, "left": stats["left"] + x[1, 0]}, x)


class FirstRowFitted(PiecewiseLinear):
    """Edges that begin with the first row's value."""

    name: ClassVar = ""

    def fit(self, x, weight, target, classes):
        stats = super().fit(x, weight, target, classes)
        return {**stats, "left": stats["left"] + x[0, 0]}


class Exploding(PiecewiseLinear):
    """A bin as narrow as the difference of two values, with an open end."""

    name: ClassVar = ""

    def fit(self, x, weight, target, classes):
        stats = super().fit(x, weight, target, classes)
        spread = jnp.max(x[:, 1]) - jnp.min(x[:, 1])
        return {**stats, "slope": 1.0 / (spread + 1e-9), "middle": jnp.mean(x[:, 1])}

    def codes(self, stats, x):
        away = jnp.nan_to_num((x[:, 1:2] - stats["middle"]) * stats["slope"])
        return jnp.concatenate([super().codes(stats, x)[:, 1:], away], axis=1)


class Still(Periodic):
    """Waves whose gradient does not reach the frequencies."""

    name: ClassVar = ""

    def embed(self, params, scaled, codes):
        return super().embed({**params, "frequency": lax.stop_gradient(params["frequency"])}, scaled, codes)


WRONG = [
    (OtherByNumPy(), "by_numpy", "by NumPy, beside JAX"),
    (OtherWhenRecorded(), "recorded", "by its program"),
    (FalseWidth(), "dtypes", "inputs"),
    (YesOrNo(), "chosen", "a column of zeros and ones is encoded"),
    (AllRows(), "training_rows", "encoded by other rows"),
    (AllRows(), "weights", "encoded by weights"),
    (FirstRowFitted(), "order", "another order"),
    (Gaps(), "missing", "not finite"),
    (Exploding(), "constant", "a constant column's unseen value"),
    (Neighbour(), "rows_apart", "a row among other rows"),
    (Still(), "gradient", "central differences"),
]
