"""Scalers: `fit(x, weight) -> stats` on a run's own training rows, `apply(stats, x)` on every minibatch.

Missing values (NaN) are filled with the column's mean on the way: what is left out of a mean does not move it.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fallline.core.block import Block
from fallline.core.field import number

Stats = dict[str, Array]
BLOCK = 4096


class Scaler(Block):
    """Brings columns to comparable sizes."""

    family: ClassVar[str] = "scaler"

    @abstractmethod
    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        """Statistics of the rows with positive weight; `columns` are those that may be touched (default: all)."""

    @abstractmethod
    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        """The scaled rows."""

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        """The rows in their own unit again; needed of a target's scaler only."""
        raise TypeError(f"{type(self).__name__} cannot be inverted, so it cannot scale a target")


def column_sums(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], term: Any
) -> tuple[Float[Array, " columns"], Float[Array, " columns"]]:
    """Weighted sums of term(x) per column and of the weights of its present values, block by block.

    Blocks keep float32's rounding at that of 4,096 additions, and no copy of the rows is made.
    """
    rows, columns = x.shape
    size = min(BLOCK, rows)

    def add(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        # The last block starts early to stay inside; rows that an earlier block has counted weigh nothing.
        start = jnp.minimum(i * size, rows - size)
        part = lax.dynamic_slice_in_dim(x, start, size)
        w = lax.dynamic_slice_in_dim(weight, start, size) * (start + jnp.arange(size) >= i * size)
        present = ~jnp.isnan(part) & (w[:, None] > 0)  # a row of weight 0 may hold a number whose square overflows
        total = jnp.sum(jnp.where(present, w[:, None] * term(part), 0.0), axis=0)
        return sums[0] + total, sums[1] + jnp.sum(jnp.where(present, w[:, None], 0.0), axis=0)

    zero = jnp.zeros(columns, x.dtype)
    return lax.fori_loop(0, -(-rows // size), add, (zero, zero))


class Standardise(Scaler):
    """Zero mean and unit variance per column.

        x' = (x - mean) / sd,  sd^2 = mean((x - mean)^2),  cut to [-clip, clip] if asked

    Gradient descent sees every column at the same scale. A column without spread becomes 0; NaN becomes 0, the mean.
    Cutting keeps one far-off value, or a column that is hardly ever other than 0, from ruling the first layer.

    Source: LeCun et al., "Efficient backprop", 1998, section 4.3.

    >>> scaler = Standardise()
    >>> x = jnp.array([[1.0], [3.0], [jnp.nan]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [-1.0, 1.0, 0.0]
    """

    name: ClassVar[str] = "standardise"
    clip: Any = number(
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
        # A constant column's sd is rounding error or 0; dividing by it would blow up a value unseen in training.
        inverse = jnp.where(sd > 1e-6 * jnp.abs(mean), 1.0 / jnp.maximum(sd, 1e-30), 0.0)
        inverse = jnp.where((sd <= 1e-6 * jnp.abs(mean)) | (sd == 0), 1.0, inverse)
        if columns is not None:
            mean = jnp.where(columns, mean, 0.0)
            inverse = jnp.where(columns, inverse, 1.0)
        return {"mean": mean, "inverse": inverse}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        scaled = jnp.where(jnp.isnan(x), 0.0, (x - stats["mean"]) * stats["inverse"])
        return scaled if self.clip is None else jnp.clip(scaled, -self.clip, self.clip)

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return x / stats["inverse"] + stats["mean"]


class Unscaled(Scaler):
    """No scaling; only missing values are filled, with the column's mean.

    >>> scaler = Unscaled()
    >>> x = jnp.array([[1.0], [3.0], [jnp.nan]])
    >>> scaler.apply(scaler.fit(x, jnp.ones(3)), x)[:, 0].tolist()
    [1.0, 3.0, 2.0]
    """

    name: ClassVar[str] = "unscaled"

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        total, count = column_sums(x, weight, lambda part: part)
        return {"mean": total / jnp.maximum(count, 1e-30)}

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return jnp.where(jnp.isnan(x), stats["mean"], x)

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return x
