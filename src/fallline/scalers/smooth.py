"""Scaling that brings outliers near without cutting them off: a smooth clip, and quantiles to a normal distribution."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace
from fallline.scalers.base import Affine, Scaler, Stats, affine
from fallline.scalers.quantiles import extremes, weighted_quantiles

FEWEST, ROWS_EACH = 10, 30  # fewest quantiles, and rows for each of them
EXTREME = 1e-7  # share of a normal distribution beyond the values given to the extremes, +-5.2


class SmoothClip(Affine):
    """Scaling by the median and the interquartile range, with outliers drawn in smoothly.

        z = (x - median) / (q(3/4) - q(1/4)),  x' = z / sqrt(1 + (z / limit)^2)

    x' hardly differs from z near the median and never exceeds the limit; unlike a clip it keeps the order of outliers. If
    the interquartile range is 0, half the range is used instead. A constant column becomes 0, a missing value the median.

    Source: Holzmueller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted trees on tabular
    data", 2024.

    >>> scaler = SmoothClip()
    >>> x = jnp.array([[1.0], [2.0], [3.0], [4.0], [900.0]])
    >>> [round(each, 3) for each in scaler.apply(scaler.fit(x, jnp.ones(5)), x)[:, 0].tolist()]
    [-0.949, -0.493, 0.0, 0.493, 3.0]
    """

    name: ClassVar[str] = "smooth_clip"
    limit: Number = number(
        3.0, valid="(0, inf)", usual=(1.0, 10.0), unit="interquartile ranges", help="size that no scaled value exceeds"
    )

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        low, median, high = weighted_quantiles(x, weight, jnp.array([0.25, 0.5, 0.75], x.dtype))
        least, most = extremes(x, weight)
        half = 0.5 * most - 0.5 * least
        spread = jnp.where(high - low > 1e-6 * half, high - low, half)
        bends = jnp.ones_like(median) if columns is None else columns.astype(x.dtype)
        return affine(median, spread, median, columns) | {"bends": bends}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        z = super().apply(stats, x)
        return z / namespace(z, self.limit).sqrt(1.0 + (z * (stats["bends"] / self.limit)) ** 2)

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        inside = 1.0 - (x * (stats["bends"] / self.limit)) ** 2
        xp = namespace(x, stats, self.limit)
        return super().invert(stats, x / xp.sqrt(xp.maximum(inside, 1e-6)))


class QuantileNormal(Scaler):
    """The place of a value among the training rows' values, as a number of a normal distribution.

        x' = Phi^-1(F(x)),  F piecewise linear through the quantiles at the levels 0, 1 / (n - 1), ..., 1

    Phi is the distribution function of N(0, 1). A column keeps only its order, so outliers and long tails are harmless,
    and so are gaps. There are as many quantiles as rows / 30, but at least 10 and at most `quantiles`. A value shared by
    many rows has the middle of its levels, at the extremes too; values beyond become -5.2 or 5.2, a missing value the median.

    Source: Beasley, Erickson and Allison, "Rank-based inverse normal transformations are increasingly used, but are they
    merited?", 2009; the number of quantiles of Gorishniy, Kotelnikov and Babenko, "TabM", 2024.

    >>> scaler = QuantileNormal()
    >>> x = jnp.array([[1.0], [2.0], [4.0], [5.0]])
    >>> [round(each, 2) for each in scaler.apply(scaler.fit(x, jnp.ones(4)), x)[:, 0].tolist()]
    [-5.2, -0.43, 0.43, 5.2]
    """

    name: ClassVar[str] = "quantile_normal"
    aliases: ClassVar[tuple[str, ...]] = ("quantile_transformer", "gauss_rank")
    invertible: ClassVar[bool] = False
    quantiles: int = structure(1000, unit="quantiles", help="most quantiles of a column")

    def __check_init__(self) -> None:
        if isinstance(self.quantiles, bool) or not isinstance(self.quantiles, int) or self.quantiles < FEWEST:
            raise FalllineError(
                f"QuantileNormal.quantiles = {self.quantiles!r} is not a number of quantiles: expected {FEWEST} or more"
            )

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        unit = jnp.min(jnp.where(weight > 0, weight, jnp.inf))
        rows = jnp.sum(jnp.where(weight > 0, weight, 0.0)) / unit
        count = jnp.clip(jnp.floor(rows / ROWS_EACH), FEWEST, self.quantiles)
        levels = jnp.minimum(jnp.arange(self.quantiles, dtype=x.dtype) / (count - 1.0), 1.0)
        low, high = extremes(x, weight)
        spread = high - low > 1e-6 * jnp.maximum(jnp.abs(low), jnp.abs(high))
        moved = jnp.ones_like(spread) if columns is None else columns
        return {
            "quantiles": weighted_quantiles(x, weight, levels).T,
            "levels": levels,
            "fill": weighted_quantiles(x, weight, jnp.array([0.5], x.dtype))[0],
            "kind": jnp.where(moved, jnp.where(spread, 1.0, 0.0), 2.0).astype(x.dtype),  # 0: constant, 2: left alone
        }

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        xp = namespace(x, stats)
        filled = xp.where(xp.isnan(x), stats["fill"], x)
        z = normal_quantile(_shares(filled, stats["quantiles"], stats["levels"]))
        found: Float[Array, "rows columns"] = xp.where(
            stats["kind"] > 1.5, filled, xp.where(stats["kind"] > 0.5, z, 0.0)
        )
        return found


def _shares(x: Float[Array, "rows columns"], q: Float[Array, "columns quantiles"], levels: Array) -> Any:
    """F(x) of each column."""
    if namespace(x, q, levels) is np:
        found = [_share(x[:, j], q[j], levels) for j in range(x.shape[1])]
        return np.stack(found, axis=1) if found else x
    return jax.vmap(_share, in_axes=(1, 0, None), out_axes=1)(x, q, levels)


def _share(x: Float[Array, " rows"], q: Float[Array, " quantiles"], levels: Float[Array, " quantiles"]) -> Any:
    """F(x): the mean of the interpolations from the last quantile up to x and from the first one from x on."""

    xp = namespace(x, q, levels)

    def between(k: Array, beyond: Array) -> Array:
        gap = q[k + 1] - q[k]  # it is 0 only where x lies outside, or is an extreme that several levels share
        part = xp.where(gap > 0, (x - q[k]) / xp.where(gap > 0, gap, 1.0), beyond)
        return levels[k] + xp.clip(part, 0.0, 1.0) * (levels[k + 1] - levels[k])

    most = q.shape[0] - 2
    last = xp.clip(xp.searchsorted(q, x, side="right") - 1, 0, most)
    first = xp.clip(xp.searchsorted(q, x, side="left") - 1, 0, most)
    return 0.5 * between(last, x >= q[last]) + 0.5 * between(first, x > q[first])


# Rational functions of Wichura's PPND7, by falling power: numerator and denominator near 1/2, then in the tails.
MIDDLE = (
    (59.10937472, 159.29113202, 50.434271938, 3.3871327179),
    (67.1875636, 78.757757664, 17.895169469, 1.0),
)
TAILS = ((0.17023821103, 1.3067284816, 2.75681539, 1.4234372777), (0.12021132975, 0.7370016425, 1.0))
NEAR = 0.425  # distance from 1/2 up to which the first pair is used


def normal_quantile(p: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Phi^-1(p), with p cut to [1e-7, 1 - 1e-7]; right to about 7 digits.

    Source: Wichura, "Algorithm AS 241: The percentage points of the normal distribution", 1988, PPND7.

    >>> [round(each, 4) for each in normal_quantile(jnp.array([0.0, 0.025, 0.5, 0.975])).tolist()]
    [-5.1993, -1.96, 0.0, 1.96]
    """
    xp = namespace(p)
    q = p - 0.5
    r = 0.180625 - q * q
    middle = q * _poly(MIDDLE[0], r) / _poly(MIDDLE[1], r)
    tail = xp.maximum(xp.minimum(p, 1.0 - p), EXTREME)
    r = xp.sqrt(-xp.log(tail)) - 1.6
    outside = xp.sign(q) * _poly(TAILS[0], r) / _poly(TAILS[1], r)
    found: Float[Array, "*shape"] = xp.where(xp.abs(q) <= NEAR, middle, outside)
    return found


def _poly(coefficients: tuple[float, ...], r: Array) -> Any:
    total: Any = coefficients[0]
    for each in coefficients[1:]:
        total = total * r + each
    return total
