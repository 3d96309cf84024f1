"""Bins of a column: their edges at quantiles or where a decision tree splits, and the piecewise-linear codes of them."""

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from fallline.core.namespace import namespace
from fallline.scalers.base import column_sums
from fallline.scalers.quantiles import extremes, weighted_quantiles

NARROW = 1e-6  # width of a bin, relative to the column's range, below which it joins the one before it
CAPPED = 8  # rounds in which the weights of frequent values are cut; each leaves less to cut
FLAT = 1e-6  # range of a column, relative to its size, below which its differences are rounding errors


def quantile_edges(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], bins: int
) -> Float[Array, "columns edges"]:
    """The quantiles at the levels 0, 1/bins, ..., 1 of every column; several of them may be equal.

    >>> quantile_edges(jnp.array([[1.0], [2.0], [4.0], [9.0], [9.0]]), jnp.ones(5), bins=2).tolist()
    [[1.0, 4.0, 9.0]]
    """
    return weighted_quantiles(x, weight, jnp.arange(bins + 1, dtype=x.dtype) / bins).T


def even_edges(
    x: Float[Array, "rows columns"], weight: Float[Array, " rows"], bins: int
) -> Float[Array, "columns edges"]:
    """Quantiles in which no value counts for more than one bin, so that a frequent value leaves the bins to the others.

        w_v <- min(w_v, W / bins),  W = sum w_v,  repeated; edge k = the value at which sum w_v reaches W k / bins

    In a column of which 90 % are 0, nine of ten quantiles are 0 and one bin holds all the rest. Here one bin holds 0.

    >>> x = jnp.array([[0.0]] * 12 + [[1.0], [2.0], [3.0], [4.0]])
    >>> quantile_edges(x, jnp.ones(16), bins=4).tolist(), even_edges(x, jnp.ones(16), bins=4).tolist()
    ([[0.0, 0.0, 0.0, 0.25, 4.0]], [[0.0, 1.0, 2.0, 3.0, 4.0]])
    """
    rows, columns = x.shape
    low, high = extremes(x, weight)

    def one(j: Array) -> Float[Array, " edges"]:
        column = lax.dynamic_index_in_dim(x, j, axis=1, keepdims=False)
        present = ~jnp.isnan(column) & (weight > 0)
        v, w = lax.sort((jnp.where(present, column, jnp.inf), jnp.where(present, weight, 0.0)), num_keys=1)
        reached = jnp.cumsum(w)
        first, last = jnp.searchsorted(v, v, side="left"), jnp.searchsorted(v, v, side="right") - 1
        mass = reached[last] - jnp.where(first > 0, reached[jnp.maximum(first - 1, 0)], 0.0)

        def capped(_: int, factor: Array) -> Array:
            return jnp.minimum(1.0, jnp.sum(w * factor) / bins / jnp.maximum(mass, 1e-30))

        w = w * lax.fori_loop(0, CAPPED, capped, jnp.ones_like(w))
        reached = jnp.cumsum(w)
        # A value that fills a bin to the brim ends it: the next edge is the next value.
        levels = (jnp.arange(1, bins, dtype=x.dtype) / bins + 1e-4 / bins) * reached[-1]
        inner = v[jnp.clip(jnp.searchsorted(reached, levels, side="right"), 0, rows - 1)]
        inner = jnp.clip(inner, low[j], high[j])
        return jnp.concatenate([low[j][None], inner, high[j][None]])

    return lax.map(one, jnp.arange(columns))


def tree_edges(
    x: Float[Array, "rows columns"],
    weight: Float[Array, " rows"],
    target: Float[Array, "rows targets"] | Int[Array, " rows"],
    classes: int,
    bins: int,
    least: float,
    gain: float,
) -> Float[Array, "columns edges"]:
    """The extremes of every column and the thresholds of a decision tree for the target that sees this column alone.

        gain of a split = (S_l^2 / W_l + S_r^2 / W_r - S^2 / W) / W_all,  S = sum w y,  W = sum w

    y are the standardised targets, or the one-hot classes (Gini's index). Leaves are split in the order of the gain until
    there are `bins`. Rows of equal values stay together, and a missing value has no say.

    Arguments:
        x: the columns.
        weight: weight of each row.
        target: class indices, or numbers.
        classes: number of classes; 0 if the targets are numbers.
        bins: most leaves.
        least: least weight of the rows in a leaf.
        gain: least gain of a split.

    Returns: rising edges; those that the tree does not need repeat the largest value.

    >>> x, y = jnp.arange(6.0)[:, None], jnp.array([[0.0], [0.0], [5.0], [5.0], [5.0], [9.0]])
    >>> tree_edges(x, jnp.ones(6), y, 0, bins=3, least=1.0, gain=0.0).tolist()
    [[0.0, 1.5, 4.5, 5.0]]
    """
    rows, columns = x.shape
    y = _answers(target, weight, classes).astype(x.dtype)
    low, high = extremes(x, weight)

    def one(j: Array) -> Float[Array, " edges"]:
        column = lax.dynamic_index_in_dim(x, j, axis=1, keepdims=False)
        present = ~jnp.isnan(column) & (weight > 0)
        order = jnp.argsort(jnp.where(present, column, jnp.inf))
        v, w = column[order], jnp.where(present, weight, 0.0)[order]
        reached, sums = jnp.cumsum(w), jnp.cumsum(w[:, None] * y[order], axis=0)
        known = jnp.arange(rows) < jnp.sum(present)
        # A split after row i puts the rows up to i to the left.
        between = jnp.concatenate([known[1:] & (v[1:] > v[:-1]), jnp.zeros(1, bool)])
        middle = 0.5 * v + 0.5 * jnp.concatenate([v[1:], v[-1:]])

        def square(sums: Array, weights: Array) -> Array:
            return jnp.sum(sums**2, axis=-1) / jnp.maximum(weights, 1e-30)

        def split(number: int, state: tuple[Array, Array]) -> tuple[Array, Array]:
            cut, edges = state  # cut[i]: a leaf ends with row i
            places = jnp.arange(rows)
            before = lax.cummax(jnp.where(jnp.concatenate([jnp.zeros(1, bool), cut[:-1]]), places, 0))
            after = lax.cummin(jnp.where(cut, places, rows - 1), reverse=True)
            start = jnp.where(before > 0, reached[jnp.maximum(before - 1, 0)], 0.0)
            first = jnp.where((before > 0)[:, None], sums[jnp.maximum(before - 1, 0)], 0.0)
            left, right = reached - start, reached[after] - reached
            s_left, s_right = sums - first, sums[after] - sums
            better = square(s_left, left) + square(s_right, right) - square(s_left + s_right, left + right)
            better = better / jnp.maximum(reached[-1], 1e-30)
            allowed = between & ~cut & (left >= least) & (right >= least)
            better = jnp.where(allowed, better, -jnp.inf)
            best = jnp.argmax(better)
            good = (better[best] >= gain) & (better[best] > 1e-7)  # a smaller gain is float32's rounding
            found = jnp.where(good, middle[best], high[j])
            return cut.at[best].set(cut[best] | good), edges.at[number].set(found)

        begun = (jnp.zeros(rows, bool), jnp.full(bins - 1, high[j]))
        edges = lax.fori_loop(0, bins - 1, split, begun)[1]
        return jnp.sort(jnp.concatenate([low[j][None], edges, high[j][None]]))

    return lax.map(one, jnp.arange(columns))


def _answers(target: Array, weight: Array, classes: int) -> Float[Array, "rows answers"]:
    """The targets as the tree sees them: one-hot classes, or numbers of mean 0 and variance 1."""
    if classes and target.ndim == 1:
        return jax.nn.one_hot(target, classes)
    total, count = column_sums(target, weight, lambda part: part)
    mean = total / jnp.maximum(count, 1e-30)
    squares, _ = column_sums(target, weight, lambda part: (part - mean) ** 2)
    sd = jnp.sqrt(squares / jnp.maximum(count, 1e-30))
    # A row without weight may hold any number, infinity included, which 0 would not make harmless.
    return jnp.where(weight[:, None] > 0, (target - mean) / jnp.where(sd > 0, sd, 1.0), 0.0)


def pieces(edges: Float[Array, "columns edges"]) -> dict[str, Array]:
    """The maps of the codes: (columns, bins) left ends and inverse widths of the bins, and 1 for those open to a side.

    Edges that coincide count once. A column with T bins uses the first T - 1 places and the last one; places between them
    have the inverse width 0, so that their code is 0. The first bin is open to the left and the last to the right; a column
    without spread has no bin.

    >>> found = pieces(jnp.array([[0.0, 1.0, 1.0, 3.0]]))
    >>> found["left"].tolist(), found["inverse"].tolist()
    ([[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.5]])
    """
    bins = edges.shape[1] - 1
    low, high = edges[:, :1], edges[:, -1:]
    span = high - low
    spread = span > FLAT * jnp.maximum(jnp.abs(low), jnp.abs(high))
    new = jnp.concatenate([jnp.ones_like(low, bool), (edges[:, 1:] - edges[:, :-1]) > NARROW * span], axis=1)
    rank = jnp.cumsum(new, axis=1) - 1
    own = jnp.where(spread, rank[:, -1:], 0)  # number of bins of each column
    row = jnp.arange(edges.shape[0])[:, None]
    kept = jnp.broadcast_to(high, edges.shape).at[row, rank].min(jnp.where(new, edges, jnp.inf))
    places = jnp.arange(bins + 1)
    kept = jnp.where(places >= own, high, kept)  # the largest value is always an edge
    place = jnp.arange(bins)
    last = place == bins - 1
    bin = jnp.where(last, own - 1, place)  # the bin at each place, if there is one
    used = (bin >= 0) & jnp.where(last, own > 0, place < own - 1)
    left = jnp.take_along_axis(kept, jnp.clip(bin, 0, bins), axis=1)
    right = jnp.take_along_axis(kept, jnp.clip(bin + 1, 0, bins), axis=1)
    inverse = jnp.where(used, 1.0 / jnp.where(used, right - left, 1.0), 0.0)
    open_left, open_right = used & (bin == 0), used & (bin == own - 1)
    return {
        "left": jnp.where(used, left, 0.0),
        "inverse": inverse,
        "below": jnp.where(open_left, 1.0, 0.0).astype(edges.dtype),
        "above": jnp.where(open_right, 1.0, 0.0).astype(edges.dtype),
    }


def codes(
    maps: dict[str, Array], x: Float[Array, "rows columns"], beyond: Array | float
) -> Float[Array, "rows columns bins"]:
    """The piecewise-linear codes of rows without missing values: one map and one clamp.

    e = min(max((x - left) inverse, low), high),  low = -beyond or 0,  high = 1 + beyond or 1
    """
    xp = namespace(x, maps, beyond)
    e = (x[..., None] - maps["left"]) * maps["inverse"]
    low = xp.where(maps["below"] > 0, -beyond, 0.0).astype(e.dtype)
    high = xp.where(maps["above"] > 0, 1.0 + beyond, 1.0).astype(e.dtype)
    found: Float[Array, "rows columns bins"] = xp.clip(e, low, high)
    return found
