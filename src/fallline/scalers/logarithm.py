"""Scaling by the logarithm, for targets whose ratios matter more than their differences."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fallline.core.namespace import namespace
from fallline.scalers.base import Scaler, Stats
from fallline.scalers.standard import Standardise

SHARE = 0.01  # of the mean distance from the smallest value, added before the logarithm where values reach 0
BEYOND = 1.0  # how far, in logarithms, an inverted value may lie above the largest value seen


class Log(Scaler):
    """Zero mean and unit variance of each column's logarithm.

        u = log(x + c),  x' = (u - mean u) / sd u
        c = 0 if all x > 0, else (mean x - min x) / 100 - min x

    For prices, incomes, areas and counts that span powers of ten: a squared error of x' is one of ratios. Values below the
    training rows' smallest count as a tenth of it. Inverted values are at most e times the largest value seen, so that no
    prediction is astronomical. The inverse of a mean of logarithms is closer to the median than to the mean.

    Source: Box and Cox, "An analysis of transformations", 1964, with lambda = 0.

    >>> scaler = Log()
    >>> x = jnp.array([[1.0], [10.0], [100.0]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].round(3).tolist()
    [-1.225000023841858, 0.0, 1.225000023841858]
    """

    name: ClassVar[str] = "log"

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        there = ~jnp.isnan(x) & (weight > 0)[:, None]
        low = jnp.min(jnp.where(there, x, jnp.inf), axis=0)
        high = jnp.max(jnp.where(there, x, -jnp.inf), axis=0)
        low, high = (jnp.where(jnp.isfinite(each), each, 1.0).astype(x.dtype) for each in (low, high))
        mean = Standardise().fit(x, weight)["mean"]
        added = jnp.where(low > 0, 0.0, SHARE * (mean - low) - low)
        added = jnp.where(low + added > 0, added, 1.0 - low)  # a constant column at 0 or below
        chosen = jnp.ones(low.shape, x.dtype) if columns is None else columns.astype(x.dtype)
        stats = {"added": added, "least": low + added, "most": high + added, "chosen": chosen}
        inner = Standardise().fit(self._log(stats, x), weight)
        return {
            **stats,
            "mean": jnp.where(chosen > 0, inner["mean"], 0.0),
            "inverse": jnp.where(chosen > 0, inner["inverse"], 1.0),
        }

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        xp = namespace(x, stats)
        scaled = (xp.where(stats["chosen"] > 0, self._log(stats, x), x) - stats["mean"]) * stats["inverse"]
        found: Float[Array, "rows columns"] = xp.where(xp.isnan(x), 0.0, scaled)
        return found

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        u = x / stats["inverse"] + stats["mean"]
        xp = namespace(x, stats)
        power = xp.exp(xp.minimum(u, xp.log(stats["most"]) + BEYOND)) - stats["added"]
        found: Float[Array, "rows columns"] = xp.where(stats["chosen"] > 0, power, u)
        return found

    def _log(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        xp = namespace(x, stats)
        found: Float[Array, "rows columns"] = xp.log(xp.maximum(x + stats["added"], 0.1 * stats["least"]))
        return found
