"""Scaling by mean and standard deviation, by the mean alone, or not at all."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from fallline.core.field import Number, number
from fallline.core.namespace import filled, namespace
from fallline.scalers.base import Affine, Scaler, Stats, affine, column_sums


class Standardise(Scaler):
    """Zero mean and unit variance per column.

        x' = (x - mean) / sd,  sd^2 = mean((x - mean)^2),  cut to [-clip, clip] if asked

    Gradient descent sees every column at the same scale. A constant column becomes 0; NaN becomes 0, the mean. Clipping
    keeps an outlier, or a column that is almost always 0, from dominating the first layer.

    Source: LeCun et al., "Efficient backprop", 1998, section 4.3.

    >>> scaler = Standardise()
    >>> x = jnp.array([[1.0], [3.0], [jnp.nan]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [-1.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "standardise"
    aliases: ClassVar[tuple[str, ...]] = ("standardize", "standard", "standard_scaler", "z_score")
    clip: Number = number(
        None,
        valid="(0, inf]",
        usual=(2.0, 10.0),
        optional=True,
        unit="standard deviations",
        help="largest size of a scaled value; none: no limit",
    )

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        mean = total / jnp.maximum(count, 1e-30)
        squares, _ = column_sums(x, weight, lambda part: (part - mean) ** 2)
        sd = jnp.sqrt(squares / jnp.maximum(count, 1e-30))
        # A constant column's sd is 0 or rounding error; dividing by it would blow up values unseen in training.
        inverse = jnp.where(sd > 1e-6 * jnp.abs(mean), 1.0 / jnp.maximum(sd, 1e-30), 0.0)
        inverse = jnp.where((sd <= 1e-6 * jnp.abs(mean)) | (sd == 0), 1.0, inverse)
        if columns is not None:
            mean = jnp.where(columns, mean, 0.0)
            inverse = jnp.where(columns, inverse, 1.0)
        return {"mean": mean, "inverse": inverse}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        xp = namespace(x, stats, self.clip)
        scaled = xp.where(xp.isnan(x), 0.0, (x - stats["mean"]) * stats["inverse"])
        return scaled if self.clip is None else xp.clip(scaled, -self.clip, self.clip)

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return x / stats["inverse"] + stats["mean"]


class Unscaled(Scaler):
    """No scaling, but missing values are filled with the column's mean.

    Source: imputation of means, in Little and Rubin, "Statistical analysis with missing data", 2002, section 4.2.

    >>> scaler = Unscaled()
    >>> x = jnp.array([[1.0], [3.0], [jnp.nan]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [1.0, 3.0, 2.0]
    """

    name: ClassVar[str] = "unscaled"
    aliases: ClassVar[tuple[str, ...]] = ("none",)

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        return {"mean": total / jnp.maximum(count, 1e-30)}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return filled(x, stats["mean"])

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return x


class Centre(Affine):
    """Mean subtraction.

        x' = x - mean

    For columns that share a unit, such as spectra and pixels, and should keep their relative sizes.

    Source: LeCun et al., "Efficient backprop", 1998, section 4.3.

    >>> scaler = Centre()
    >>> x = jnp.array([[1.0], [3.0], [jnp.nan]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [-1.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "centre"
    aliases: ClassVar[tuple[str, ...]] = ("center", "mean_subtraction")

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        mean = total / jnp.maximum(count, 1e-30)
        return affine(mean, jnp.ones_like(mean), mean, columns) | {"inverse": jnp.ones_like(mean)}


class PerMean(Affine):
    """Division by the mean, for targets that are never negative.

        x' = x / mean

    It preserves zeros and ratios, as the loss `Poisson` requires; that loss sets this scaler itself.

    Source: a generalized linear model's offset, log mean (McCullagh and Nelder, 1989, section 6.2).

    >>> scaler = PerMean()
    >>> x = jnp.array([[0.0], [1.0], [5.0]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [0.0, 0.5, 2.5]
    """

    name: ClassVar[str] = "per_mean"

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        mean = total / jnp.maximum(count, 1e-30)
        return affine(jnp.zeros_like(mean), jnp.abs(mean), mean, columns)
