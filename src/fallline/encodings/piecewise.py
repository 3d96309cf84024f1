"""Piecewise-linear encodings of numbers: fixed codes, or codes with a trained embedding."""

import math
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, structure
from fallline.core.namespace import filled, of_groups
from fallline.core.random import Seed, named
from fallline.encodings.base import Encoding, Params, Stats, check_columns, check_whole, columns_field, distinct_field
from fallline.encodings.bins import codes, even_edges, pieces, quantile_edges, tree_edges
from fallline.encodings.columns import with_columns
from fallline.scalers.base import column_sums, weighted_mean

BY = ("quantile", "even", "tree")


class Binned(Encoding):
    """Base of encodings by bins. A missing value has the codes of the column's mean."""

    def __check_init__(self) -> None:
        check_columns(self)
        check_whole(self, "bins", "bins", least=1)
        check_whole(self, "distinct", "values", least=1, most=10**9)
        for name, most in (("leaf", math.inf), ("gain", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
                raise FalllineError(f"{type(self).__name__}.{name} = {value!r} is not a number from 0 to {most:g}")

    def placed(self, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> Encoding | None:
        return with_columns(self, counts, scaled)

    def fit(
        self,
        x: Float[Array, "rows features"],
        weight: Float[Array, " rows"],
        target: Float[Array, "rows targets"] | Int[Array, " rows"],
        classes: int,
    ) -> Stats:
        if not self.count:
            return {}
        own: Any = self
        chosen = x[:, self._columns()]
        if own.by == "tree":
            edges = tree_edges(chosen, weight, target, classes, own.bins, own.leaf, own.gain)
        elif own.by == "even":
            edges = even_edges(chosen, weight, own.bins)
        else:
            edges = quantile_edges(chosen, weight, own.bins)
        total, count = column_sums(chosen, weight, lambda part: part)
        return {**pieces(edges), "fill": total / jnp.maximum(count, 1e-30)}

    def width(self) -> int:
        found: int = self.count * self.bins  # type: ignore[attr-defined]
        return found

    def codes(self, stats: Stats, x: Float[Array, "rows features"]) -> Float[Array, "rows codes"]:
        if not self.count:
            return x[:, :0]
        chosen = x[:, self._columns()]
        return codes(stats, filled(chosen, stats["fill"]), self.beyond).reshape(x.shape[0], -1)  # type: ignore[attr-defined]

    def sources(self) -> Int[np.ndarray, " inputs"]:
        return np.repeat(self._columns(), self.embedded() // max(1, self.count))

    def _columns(self) -> Int[np.ndarray, " columns"]:
        return np.array(self.columns or (), np.int32)  # type: ignore[attr-defined]


def _bins(default: int) -> Any:
    return structure(default, unit="bins", help="most bins of a column; equal edges count once")


def _by() -> Any:
    return structure("quantile", choices=BY, help="edges at quantiles, or where a decision tree for the target splits")


def _leaf() -> Any:
    return structure(32, unit="rows", help="least weight of the rows in a bin; by tree only")


def _gain() -> Any:
    return structure(
        1e-4, help="least part of the target's variance, or of Gini's index, that a split explains; by tree only"
    )


def _beyond() -> Any:
    return number(
        1.0,
        valid="[0, inf]",
        usual=(0.0, 4.0),
        read="start",
        unit="widths of the outer bin",
        help="how far values outside the training rows' range go on in a straight line",
    )


class PiecewiseLinear(Binned):
    """How far a number has come through each of its bins, from 0 to 1.

        e_t = (x - b_(t-1)) / (b_t - b_(t-1)), cut to [0, 1]:  1, ..., 1, a part, 0, ..., 0;  the code is e_t - mean e_t

    The means are those of the training rows. Codes that are all positive would push a unit of the first layer to one
    side on every row. The edges b are quantiles of the training rows, or the thresholds of a decision tree for the
    target. A first layer on these codes is a function of the number with a slope of its own in every bin, so that
    steps and bends are learned quickly. The codes stand beside the scaled column. The first and the last bin are
    open: a value outside of the training range goes on in a straight line, up to `beyond` widths of the bin. For
    tables whose target bends with its numbers.

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning", 2022, section
    3.2.

    >>> encoding = PiecewiseLinear(bins=2, columns=(0,))
    >>> x = jnp.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> stats = encoding.fit(x, jnp.ones(5), jnp.zeros((5, 1)), 0)
    >>> stats["centre"].tolist()  # of 0, 1/2, 1, 1, 1 and 0, 0, 0, 1/3, 1
    [0.699999988079071, 0.2666666805744171]
    >>> (encoding.codes(stats, jnp.array([[1.0], [5.0], [20.0]])) + stats["centre"]).round(6).tolist()
    [[0.5, 0.0], [1.0, 0.5], [1.0, 2.0]]
    """

    name: ClassVar[str] = "piecewise_linear"
    aliases: ClassVar[tuple[str, ...]] = ("ple",)
    bins: int = _bins(8)
    by: str = _by()
    beyond: Number = _beyond()
    leaf: float = _leaf()
    gain: float = _gain()
    distinct: int = distinct_field(3)
    columns: tuple[int, ...] | None = columns_field()

    def fit(
        self,
        x: Float[Array, "rows features"],
        weight: Float[Array, " rows"],
        target: Float[Array, "rows targets"] | Int[Array, " rows"],
        classes: int,
    ) -> Stats:
        stats = super().fit(x, weight, target, classes)
        if not stats:
            return stats
        return {**stats, "centre": weighted_mean(lambda part: Binned.codes(self, stats, part), x, weight)}

    def codes(self, stats: Stats, x: Float[Array, "rows features"]) -> Float[Array, "rows codes"]:
        found = super().codes(stats, x)
        # Models that were saved before the codes were centred have no centre.
        return found - stats["centre"] if "centre" in stats else found


class PiecewiseEmbedding(Binned):
    """Piecewise-linear codes with a trained embedding of each number, which begins as a straight line.

        h = x w + b + sum_t e_t V_t,  V = 0 at first

    x is the scaled number, e its codes as in `piecewise_linear`, and h has `size` numbers. Every column has weights of its
    own. The network begins as one on the scaled numbers alone, and bends are added as far as they lower the loss.

    Source: Gorishniy, Rubachev and Babenko, 2022; version "B" of the authors' package rtdl_num_embeddings, 0.0.12.

    >>> encoding = PiecewiseEmbedding(bins=2, size=3, columns=(0,))
    >>> x = jnp.array([[0.0], [1.0], [2.0], [4.0], [8.0]])
    >>> e = encoding.codes(encoding.fit(x, jnp.ones(5), jnp.zeros((5, 1)), 0), x)
    >>> params = {"slope": jnp.ones((1, 3)), "bias": jnp.zeros((1, 3)), "weight": jnp.ones((1, 2, 3))}
    >>> encoding.embed(params, x, e)[:, 0].tolist()
    [0.0, 1.5, 3.0, 5.333333492279053, 10.0]
    """

    name: ClassVar[str] = "piecewise_embedding"
    bins: int = _bins(16)
    size: int = structure(8, unit="numbers", help="length of the embedding of a column")
    by: str = _by()
    beyond: Number = _beyond()
    leaf: float = _leaf()
    gain: float = _gain()
    distinct: int = distinct_field(3)
    columns: tuple[int, ...] | None = columns_field()

    def __check_init__(self) -> None:
        check_whole(self, "size", "numbers", least=1)

    @property
    def trained(self) -> bool:
        return True

    def init(self, key: Seed) -> Params:
        def drawn(word: str) -> Float[Array, "columns size"]:
            bound = self.size**-0.5
            return jax.random.uniform(named(key, word), (self.count, self.size), minval=-bound, maxval=bound)

        return {
            "slope": drawn("slope"),
            "bias": drawn("bias"),
            "weight": jnp.zeros((self.count, self.bins, self.size)),
        }

    def embedded(self) -> int:
        return self.count * self.size

    def embed(
        self, params: Params, scaled: Float[Array, "rows features"], codes: Float[Array, "rows codes"]
    ) -> Float[Array, "rows inputs"]:
        rows = scaled.shape[0]
        x, e = scaled[:, self._columns()], codes.reshape(rows, self.count, self.bins)
        bends = of_groups(e, params["weight"])
        return (x[..., None] * params["slope"] + params["bias"] + bends).reshape(rows, -1)
