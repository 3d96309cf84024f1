"""Quantiles and extremes of columns, over rows with positive weight and without missing values."""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def extremes(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"]
) -> tuple[Float[Array, " columns"], Float[Array, " columns"]]:
    """(smallest, largest) value of each column; 0 for a column without values.

    >>> [each.tolist() for each in extremes(jnp.array([[1.0], [7.0], [9.0]]), jnp.array([1.0, 1.0, 0.0]))]
    [[1.0], [7.0]]
    """
    present = ~jnp.isnan(x) & (weight[:, None] > 0)
    some = jnp.any(present, axis=0)
    low = jnp.min(jnp.where(present, x, jnp.inf), axis=0)
    high = jnp.max(jnp.where(present, x, -jnp.inf), axis=0)
    return jnp.where(some, low, 0.0), jnp.where(some, high, 0.0)


def weighted_quantiles(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], levels: Float[Array, " levels"]
) -> Float[Array, "levels columns"]:
    """Quantiles of each column; an integer weight repeats its row, and other weights count in proportion.

        h = level (n - 1),  q = v[floor h] + (h - floor h) (v[floor h + 1] - v[floor h]),  v sorted

    Columns are sorted one at a time, so that the rows are not copied. n is the sum of the weights in units of the
    smallest positive weight. The result is 0 for a column without values.

    Source: Hyndman and Fan, "Sample quantiles in statistical packages", 1996, type 7, which is NumPy's.

    >>> x, weight = jnp.array([[4.0], [1.0], [9.0]]), jnp.array([1.0, 1.0, 0.0])
    >>> weighted_quantiles(x, weight, jnp.array([0.5])).tolist()
    [[2.5]]
    """
    rows, columns = x.shape
    unit = jnp.min(jnp.where(weight > 0, weight, jnp.inf))
    counts = jnp.where(weight > 0, weight, 0.0) / unit

    def one(j: Array) -> Float[Array, " levels"]:
        column = lax.dynamic_index_in_dim(x, j, axis=1, keepdims=False)
        present = ~jnp.isnan(column) & (counts > 0)
        key = jnp.where(present, column, jnp.inf)
        v, w = lax.sort((key, jnp.where(present, counts, 0.0)), num_keys=1)
        reached = jnp.cumsum(w)
        last = jnp.maximum(reached[-1] - 1.0, 0.0)
        h = levels * last

        def at(k: Array) -> Array:
            return v[jnp.clip(jnp.searchsorted(reached, k, side="right"), 0, rows - 1)]

        low, high = at(jnp.floor(h)), at(jnp.minimum(jnp.floor(h) + 1.0, last))
        return jnp.where(reached[-1] > 0, low + (h - jnp.floor(h)) * (high - low), 0.0)

    return lax.map(one, jnp.arange(columns)).T
