"""Bins of a target, for regression as classification."""

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.core.namespace import namespace
from fallline.scalers.base import Scaler, Stats
from fallline.scalers.quantiles import extremes, weighted_quantiles


class Bins(Scaler):
    """A number becomes the index of its bin; the probabilities of bins become a number again.

        bin(x) = how many inner edges are <= x,  x = sum_k p_k centre_k,  centre_k = mean of the bin's training values

    Edges lie at the quantiles 1/bins, 2/bins, ... of the training rows, or equally far apart between their extremes;
    values beyond belong to the outer bins. Quantile edges lie halfway between two values, so that rounding cannot move a
    value shared by many rows into a neighbouring bin. The loss `BinnedCrossEntropy` sets it as the target's scaler itself.

    Source: Dougherty, Kohavi and Sahami, "Supervised and unsupervised discretization of continuous features", 1995.

    >>> scaler = Bins(bins=2)
    >>> y = jnp.array([[1.0], [2.0], [10.0], [20.0]])
    >>> stats = scaler.fit(y, jnp.ones(4))
    >>> scaler.apply(stats, y)[:, 0].tolist(), scaler.invert(stats, jnp.array([[0.0, 1.0], [0.5, 0.5]]))[:, 0].tolist()
    ([0.0, 0.0, 1.0, 1.0], [15.0, 8.25])
    """

    name: ClassVar[str] = "bins"
    columnwise: ClassVar[bool] = False  # a column of probabilities comes back for each bin
    fills: ClassVar[bool] = False  # a target has no missing values
    bins: int = structure(32, unit="bins", help="number of bins")
    by: str = structure("quantile", choices=("quantile", "width"), help="what the bins have in common")

    def __check_init__(self) -> None:
        if isinstance(self.bins, bool) or not isinstance(self.bins, int) or self.bins < 2:
            raise FalllineError(f"Bins.bins = {self.bins!r} is not a number of bins: expected 2 or more")

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        levels = jnp.arange(self.bins + 1, dtype=x.dtype) / self.bins
        if self.by == "quantile":
            edges = _between(x, weight, weighted_quantiles(x, weight, levels)).T
        else:
            low, high = extremes(x, weight)
            edges = low[:, None] + (high - low)[:, None] * levels
        stats = {"edges": edges, "centres": 0.5 * (edges[:, :-1] + edges[:, 1:])}
        # The mean within each bin, computed relative to its middle to keep float32's rounding error small.
        bin = self.apply(stats, x).astype(jnp.int32)
        column = jnp.arange(x.shape[1])
        w = jnp.broadcast_to(weight[:, None], x.shape)
        away = jnp.where(w > 0, w * (x - stats["centres"][column, bin]), 0.0)
        zero = jnp.zeros_like(stats["centres"])
        sums, counts = zero.at[column, bin].add(away), zero.at[column, bin].add(w)
        return stats | {"centres": stats["centres"] + sums / jnp.where(counts > 0, counts, 1.0)}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return namespace(x, stats).sum(x[..., None] >= stats["edges"][:, 1:-1], axis=-1).astype(x.dtype)

    def invert(self, stats: Stats, x: Float[Array, "rows bins"]) -> Float[Array, "rows columns"]:
        return namespace(x, stats).sum(self._histograms(x) * stats["centres"], axis=-1)

    def interval(
        self, stats: Stats, x: Float[Array, "rows bins"], coverage: float = 0.9
    ) -> tuple[Float[Array, "rows columns"], Float[Array, "rows columns"]]:
        """(low, high): the target lies between them with the given probability, half of the rest on either side."""
        return self.quantile(stats, x, 0.5 * (1.0 - coverage)), self.quantile(stats, x, 0.5 * (1.0 + coverage))

    def quantile(self, stats: Stats, x: Float[Array, "rows bins"], level: float) -> Float[Array, "rows columns"]:
        """The value below which the target lies with probability `level`; values within a bin are equally likely."""
        xp = namespace(x, stats, level)
        p = self._histograms(x)
        below = xp.cumsum(p, axis=-1)
        bin = xp.sum(below[..., :-1] <= level, axis=-1, keepdims=True)

        def pick(values: Array) -> Array:
            found: Array = xp.take_along_axis(values, bin, axis=-1)[..., 0]
            return found

        low, high = (xp.broadcast_to(each, p.shape) for each in (stats["edges"][:, :-1], stats["edges"][:, 1:]))
        share = (level - pick(below - p)) / xp.maximum(pick(p), 1e-30)
        return pick(low) + xp.clip(share, 0.0, 1.0) * (pick(high) - pick(low))

    def _histograms(self, x: Float[Array, "rows bins"]) -> Float[Array, "rows columns each"]:
        return x.reshape(x.shape[0], -1, self.bins)


def _between(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], quantiles: Float[Array, "levels columns"]
) -> Float[Array, "levels columns"]:
    """Each inner quantile moved halfway between the largest value up to it and the smallest beyond it."""
    present = ~jnp.isnan(x) & (weight[:, None] > 0)

    def one(q: Float[Array, " columns"]) -> Float[Array, " columns"]:
        below = jnp.max(jnp.where(present & (x <= q), x, -jnp.inf), axis=0)
        above = jnp.min(jnp.where(present & (x > q), x, jnp.inf), axis=0)
        return jnp.where(jnp.isfinite(below) & jnp.isfinite(above), 0.5 * below + 0.5 * above, q)

    return jnp.concatenate([quantiles[:1], lax.map(one, quantiles[1:-1]), quantiles[-1:]])
