"""Layers that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np

from fallline.layers import BatchNorm, Layer, LayerCall
from wrong.squares import squares


class FillingCounts(BatchNorm):
    """A normalisation over the rows that only fill."""

    name: ClassVar = ""

    def apply(self, params, stats, x, call):
        return super().apply(params, stats, x, LayerCall(call.training, call.key))


class Blended(Layer):
    """A layer that predicts by the whole batch."""

    def apply(self, params, stats, x, call):
        return x - jnp.mean(x, axis=0), stats


class OtherWhenRecorded(Layer):
    """A layer that does something else while it is written down."""

    def apply(self, params, stats, x, call):
        return x * (1.0 if type(x) is np.ndarray else 2.0), stats


class OtherByNumPy(Layer):
    """A layer that doubles for JAX, and triples for NumPy."""

    def apply(self, params, stats, x, call):
        return x * (3.0 if isinstance(x, np.ndarray) else 2.0), stats


class FalseWidth(Layer):
    """A layer that halves its width and does not say so."""

    def apply(self, params, stats, x, call):
        return x[:, : x.shape[1] // 2], stats


class FalseUnits(Layer):
    """A layer that has as many outputs as inputs, and says that they are units of its own."""

    has_units: ClassVar = True

    def apply(self, params, stats, x, call):
        return x, stats


class Unseeded(Layer):
    """A layer whose params differ from call to call."""

    calls: ClassVar = []

    def init(self, key, shape, fans=None):
        self.calls.append(1)
        return {"weight": jnp.full(shape, float(len(self.calls)))}, {}

    def apply(self, params, stats, x, call):
        return x * params["weight"], stats


class WrongLayer(Layer):
    """A layer with half of its gradient."""

    def apply(self, params, stats, x, call):
        return squares(x), stats


class Fragile(Layer):
    """A normalisation without an epsilon."""

    def apply(self, params, stats, x, call):
        return x / jnp.std(x, axis=1, keepdims=True), stats


WRONG = [
    (OtherByNumPy(), "by_numpy", "by NumPy, beside JAX"),
    (OtherWhenRecorded(), "recorded", "by its program"),
    (Unseeded(), "init", "initialised again"),
    (WrongLayer(), "gradient", "beside central differences"),
    (Fragile(), "smallest", "not finite"),
    (FillingCounts(), "filling", "rows beside other filling"),
    (Blended(), "prediction", "a row among other rows"),
    (FalseWidth(), "dtypes", "outputs and stats"),
    (FalseUnits(), "has_units", "outputs for 4 and 8 inputs: [4, 8]"),
]
