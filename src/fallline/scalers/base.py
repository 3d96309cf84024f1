"""The base class of scalers: `fit(x, weight) -> stats` on a run's training rows, `apply(stats, x)` on minibatches."""

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fallline.core.block import Block
from fallline.core.namespace import filled

Stats = dict[str, Array]
BLOCK = 4096


class Scaler(Block):
    """Brings columns to comparable sizes.

    Facts: `columnwise`, whether each column is scaled by itself, so that single columns can be left unscaled;
    `invertible`, whether a columnwise scaling can be inverted; `fills`, whether missing values are filled.
    """

    family: ClassVar[str] = "scaler"
    columnwise: ClassVar[bool] = True
    invertible: ClassVar[bool] = True
    fills: ClassVar[bool] = True

    def outputs(self, inputs: int) -> int:
        """Number of columns of the scaled rows, given that of the original rows."""
        return inputs

    @abstractmethod
    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        """Statistics of the rows with positive weight; `columns` are those to be scaled (default: all)."""

    @abstractmethod
    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        """The scaled rows."""

    def found(self, stats: Stats) -> dict[str, float]:
        """Results of the fit to report, by name; empty for most scalers."""
        return {}

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        """The rows in their original unit; only required of a target's scaler."""
        raise TypeError(f"{type(self).__name__} cannot be inverted, so it cannot scale a target")


class Affine(Scaler):
    """Base of scalers that shift and stretch each column: x' = (x - centre) inverse; a missing value becomes `fill`."""

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return (filled(x, stats["fill"]) - stats["centre"]) * stats["inverse"]

    def invert(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows columns"]:
        return x / stats["inverse"] + stats["centre"]


def affine(
    centre: Float[Array, " columns"],
    size: Float[Array, " columns"],
    fill: Float[Array, " columns"],
    columns: Bool[Array, " columns"] | None,
) -> Stats:
    """The stats of an `Affine` scaler; constant columns and columns not to be scaled are not stretched."""
    stretched = (size > 1e-30) & (size > 1e-6 * jnp.abs(centre))
    inverse = jnp.where(stretched, 1.0 / jnp.where(stretched, size, 1.0), 1.0)
    if columns is not None:
        centre, inverse = jnp.where(columns, centre, 0.0), jnp.where(columns, inverse, 1.0)
    return {"centre": centre, "inverse": inverse, "fill": fill}


def weighted_mean(
    term: Callable[[Array], Array], x: Float[Array, "rows columns"], weight: Float[Array, " rows"]
) -> Float[Array, " terms"]:
    """The weighted mean over rows of term(x), (rows, terms), computed block by block, so that only a block's terms exist.

    >>> weighted_mean(lambda x: x**2, jnp.array([[1.0], [3.0], [9.0]]), jnp.array([1.0, 1.0, 0.0])).tolist()
    [5.0]
    """
    rows = x.shape[0]
    size = min(BLOCK, rows)

    def add(i: Array, total: Array) -> Array:
        # The last block starts early to stay inside the array; rows counted by an earlier block get weight 0.
        start = jnp.minimum(i * size, rows - size)
        w = lax.dynamic_slice_in_dim(weight, start, size) * (start + jnp.arange(size) >= i * size)
        terms = term(lax.dynamic_slice_in_dim(x, start, size))
        return total + jnp.sum(jnp.where(w[:, None] > 0, w[:, None] * terms, 0.0), axis=0)

    width = jax.eval_shape(term, x[:1]).shape[1]
    total: Float[Array, " terms"] = lax.fori_loop(0, -(-rows // size), add, jnp.zeros(width, x.dtype))
    return total / jnp.maximum(jnp.sum(jnp.where(weight > 0, weight, 0.0)), 1e-30)


def column_sums(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], term: Callable[[Array], Array]
) -> tuple[Float[Array, " columns"], Float[Array, " columns"]]:
    """Per column, the weighted sum of term(x) and the sum of the weights of its present values, block by block.

    Blocks limit float32's rounding error to that of 4,096 additions, and the rows are not copied.
    """
    rows, columns = x.shape
    size = min(BLOCK, rows)

    def add(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        # The last block starts early to stay inside the array; rows counted by an earlier block get weight 0.
        start = jnp.minimum(i * size, rows - size)
        part = lax.dynamic_slice_in_dim(x, start, size)
        w = lax.dynamic_slice_in_dim(weight, start, size) * (start + jnp.arange(size) >= i * size)
        present = ~jnp.isnan(part) & (w[:, None] > 0)  # a row of weight 0 may hold a number whose square overflows
        total = jnp.sum(jnp.where(present, w[:, None] * term(part), 0.0), axis=0)
        return sums[0] + total, sums[1] + jnp.sum(jnp.where(present, w[:, None], 0.0), axis=0)

    zero = jnp.zeros(columns, x.dtype)
    found: tuple[Float[Array, " columns"], Float[Array, " columns"]] = lax.fori_loop(
        0, -(-rows // size), add, (zero, zero)
    )
    return found
