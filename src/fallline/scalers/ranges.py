"""Scaling by the range of the values: from minimum to maximum, by the interquartile range, or as pixels."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace
from fallline.scalers.base import Affine, Stats, affine, column_sums
from fallline.scalers.quantiles import extremes, weighted_quantiles


class MinMax(Affine):
    """The smallest value of a column becomes -1, the largest 1.

        x' = 2 (x - min) / (max - min) - 1

    For columns with natural bounds, and for tanh networks. One outlier squeezes all other values together; use `Robust`
    then. A constant column becomes 0, a missing value the column's mean; unseen values may lie outside [-1, 1].

    Source: LeCun et al., "Efficient backprop", 1998, section 4.3, with the range in place of the deviation.

    >>> scaler = MinMax()
    >>> x = jnp.array([[1.0], [2.0], [5.0]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [-1.0, -0.5, 1.0]
    """

    name: ClassVar[str] = "min_max"
    aliases: ClassVar[tuple[str, ...]] = ("min_max_scaler",)

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        low, high = extremes(x, weight)
        return affine(0.5 * low + 0.5 * high, 0.5 * high - 0.5 * low, total / jnp.maximum(count, 1e-30), columns)


class Robust(Affine):
    """Scaling by the median and the interquartile range, which a few outliers cannot move.

        x' = (x - median) / (q(3/4) - q(1/4)),  cut to [-clip, clip] if asked

    For columns with outliers. Quantiles are exact: each column is sorted in turn. If the interquartile range is 0, the
    standard deviation is used instead. A constant column becomes 0, a missing value the median.

    Source: Tukey, "Exploratory data analysis", 1977, chapter 2; quantiles of Hyndman and Fan, 1996, type 7.

    >>> scaler = Robust()
    >>> x = jnp.array([[1.0], [2.0], [3.0], [4.0], [900.0]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(5)), x)[:, 0].tolist()
    [-1.0, -0.5, 0.0, 0.5, 448.5]
    """

    name: ClassVar[str] = "robust"
    aliases: ClassVar[tuple[str, ...]] = ("robust_scaler",)
    clip: Number = number(
        None,
        valid="(0, inf]",
        usual=(2.0, 10.0),
        optional=True,
        unit="interquartile ranges",
        help="largest size of a scaled value; none: no limit",
    )

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        low, median, high = weighted_quantiles(x, weight, jnp.array([0.25, 0.5, 0.75], x.dtype))
        squares, count = column_sums(x, weight, lambda part: (part - median) ** 2)
        spread = jnp.sqrt(squares / jnp.maximum(count, 1e-30))
        half = high - low
        return affine(median, jnp.where(half > 1e-6 * spread, half, spread), median, columns)

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        scaled = super().apply(stats, x)
        return scaled if self.clip is None else namespace(scaled, self.clip).clip(scaled, -self.clip, self.clip)


class Pixels(Affine):
    """Scaling of images: one scale for all columns, so that the image keeps its contrast.

        x' = x / 255                                 (byte)
        x' = (x - min) / (max - min) over all columns (range)

    With `range`, images of any bit depth are scaled to [0, 1]. A missing pixel becomes its column's mean.

    Source: one scale for all pixels, in LeCun et al., "Gradient-based learning applied to document recognition", 1998,
    section II.B; the scales here are those of a byte and of the data.

    >>> scaler = Pixels()
    >>> x = jnp.array([[0.0, 51.0], [255.0, 0.0]])
    >>> [[round(each, 3) for each in row] for row in scaler.apply(scaler.fit(x, jnp.ones(2)), x).tolist()]
    [[0.0, 0.2], [1.0, 0.0]]
    """

    name: ClassVar[str] = "pixels"
    by: str = structure("byte", choices=("byte", "range"), help="divide by 255, or by the range of all pixels")

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        fill = total / jnp.maximum(count, 1e-30)
        if self.by == "byte":
            return affine(jnp.zeros_like(fill), jnp.full_like(fill, 255.0), fill, columns)
        low, high = extremes(x, weight)
        own = (count > 0) if columns is None else (count > 0) & columns
        lowest, highest = jnp.min(jnp.where(own, low, jnp.inf)), jnp.max(jnp.where(own, high, -jnp.inf))
        lowest, highest = jnp.where(jnp.any(own), lowest, 0.0), jnp.where(jnp.any(own), highest, 1.0)
        return affine(jnp.full_like(fill, lowest), jnp.full_like(fill, highest - lowest), fill, columns)
