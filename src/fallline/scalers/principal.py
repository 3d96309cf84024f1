"""Scaling by directions: principal components and whitening."""

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from fallline.core.errors import FalllineError
from fallline.core.factorise import eigh
from fallline.core.field import Number, number, structure
from fallline.core.namespace import namespace
from fallline.scalers.base import BLOCK, Scaler, Stats
from fallline.scalers.standard import Standardise

NOTHING = 1e-6  # share of the largest variance below which a variance is rounding error


def directions(
    x: Float[Array, "rows columns"],
    weight: Float[Array, " rows"],
    columns: Bool[Array, " columns"] | None,
    standardise: bool,
) -> tuple[Stats, Float[Array, " columns"], Float[Array, "columns columns"]]:
    """(mean and inverse size of the columns, variances, directions), in descending order of variance.

        z = (x - mean) inverse,  C = mean z^T z = U diag(variances) U^T

    C is summed block by block, so that the rows are not copied. The largest entry of each direction is positive: an
    eigenvector's sign is arbitrary, and the same data should give the same weights.
    """
    stats = Standardise().fit(x, weight)
    mean, inverse = stats["mean"], stats["inverse"] if standardise else jnp.ones_like(stats["inverse"])
    if columns is not None:
        inverse = jnp.where(columns, inverse, 1.0)
    rows, size = x.shape[0], min(BLOCK, x.shape[0])

    def add(i: Array, sums: Array) -> Array:
        # The last block starts early to stay inside the array; rows counted by an earlier block get weight 0.
        start = jnp.minimum(i * size, rows - size)
        w = lax.dynamic_slice_in_dim(weight, start, size) * (start + jnp.arange(size) >= i * size)
        part = lax.dynamic_slice_in_dim(x, start, size)
        z = jnp.where(jnp.isnan(part) | (w[:, None] <= 0), 0.0, (part - mean) * inverse)
        return sums + (z * w[:, None]).T @ z

    total = lax.fori_loop(0, -(-rows // size), add, jnp.zeros((x.shape[1], x.shape[1]), x.dtype))
    variances, u = eigh(total / jnp.maximum(jnp.sum(weight), 1e-30))
    variances, u = jnp.maximum(variances[::-1], 0.0), u[:, ::-1]
    peak = jnp.take_along_axis(u, jnp.argmax(jnp.abs(u), axis=0)[None, :], axis=0)
    return {"mean": mean, "inverse": inverse}, variances, u * jnp.where(peak < 0, -1.0, 1.0)


class Rotation(Scaler):
    """Base of scalers that rotate: x' = (x - mean) inverse R; a missing value counts as the column's mean."""

    columnwise: ClassVar[bool] = False

    def apply(self, stats: Stats, x: Float[Array, "rows columns"]) -> Float[Array, "rows outputs"]:
        xp = namespace(x, stats)
        return xp.where(xp.isnan(x), 0.0, (x - stats["mean"]) * stats["inverse"]) @ stats["rotation"]


class PCA(Rotation):
    """Principal components: new columns along the directions of largest variance, uncorrelated with each other.

        x' = z U_K,  z = (x - mean) / sd,  mean z^T z = U diag(v) U^T,  v_1 >= v_2 >= ...
        whitened: x'_i = (z U)_i / sqrt(v_i)

    With `components` = K, the first K are kept and the network is narrower. With `share`, the components that explain that
    share of the variance are kept and the others become 0, so that changing the share does not recompile. `found(stats)`
    gives their number and their share of the variance; a run has it as `run.scaling`. For many correlated columns. The
    components left out vary little, but they may still matter: compare with a run without PCA.

    Source: Pearson, "On lines and planes of closest fit", 1901; Hotelling, 1933.

    >>> x = jnp.array([[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]])
    >>> scaler = PCA(components=1)
    >>> stats = scaler.fit(x, jnp.ones(3))
    >>> scaler.apply(stats, x).shape, round(float(stats["explained"]), 3)
    ((3, 1), 1.0)
    """

    name: ClassVar[str] = "pca"
    components: int | None = structure(None, optional=True, help="how many components are kept; None: all")
    share: Number = number(
        None, valid="(0, 1]", usual=(0.8, 1.0), optional=True, help="share of the variance that is kept; None: all"
    )
    standardise: bool = structure(
        True, choices=(True, False), help="whether columns get unit variance first; not for columns that share a unit"
    )
    whiten: bool = structure(False, choices=(True, False), help="whether components get unit variance")

    def __check_init__(self) -> None:
        k = self.components
        if k is not None and (isinstance(k, bool) or not isinstance(k, int) or k < 1):
            raise FalllineError(f"PCA.components = {k!r} is not a number of components: expected 1 or more")

    def outputs(self, inputs: int) -> int:
        return inputs if self.components is None else min(self.components, inputs)

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        stats, variances, u = directions(x, weight, columns, self.standardise)
        k = self.outputs(x.shape[1])
        shares = variances / jnp.maximum(jnp.sum(variances), 1e-30)
        before = jnp.cumsum(shares) - shares
        # A component is kept while those before it explain too little. A component whose variance is only rounding error
        # is not stretched to variance 1.
        kept = variances > (NOTHING if self.whiten else 0.0) * variances[0]
        if self.share is not None:
            kept = kept & (before < self.share - 1e-6)
        rotation = jnp.where(kept, u, 0.0)[:, :k]
        if self.whiten:
            rotation = rotation / jnp.sqrt(jnp.where(kept, variances, 1.0)[:k])
        kept = kept[:k]
        explained = jnp.sum(jnp.where(kept, shares[:k], 0.0))
        return stats | {"rotation": rotation, "kept": jnp.sum(kept).astype(x.dtype), "explained": explained}

    def found(self, stats: Stats) -> dict[str, float]:
        return {
            "components": int(stats["kept"]),
            "of": int(stats["mean"].shape[0]),
            "explained": float(stats["explained"]),
        }


class Whiten(Rotation):
    """Columns of unit variance without correlation.

        x' = z U diag(1 / sqrt(v + epsilon v_1)) U^T  (zca),  without the last U^T  (pca)

    `zca` rotates back at the end: each new column stays as close as possible to an old one, so that images remain
    recognisable. The loss is then better conditioned at the start. `epsilon` keeps directions that hardly vary from being
    amplified into noise. Whitening costs a product with a square matrix per minibatch.

    Source: Bell and Sejnowski, "The independent components of natural scenes are edge filters", 1997; Kessy, Lewin and
    Strimmer, "Optimal whitening and decorrelation", 2018, for the comparison.

    >>> x = jnp.array([[1.0, 2.0], [2.0, 1.0], [3.0, 5.0], [4.0, 4.0]])
    >>> scaler = Whiten(epsilon=1e-9)
    >>> z = scaler.apply(scaler.fit(x, jnp.ones(4)), x)
    >>> bool(jnp.allclose(z.T @ z / 4, jnp.eye(2), atol=1e-5))
    True
    """

    name: ClassVar[str] = "whiten"
    aliases: ClassVar[tuple[str, ...]] = ("whitening",)
    form: str = structure("zca", choices=("zca", "pca"), help="turned back to the columns, or not")
    epsilon: Number = number(
        1e-5,
        valid="[0, 1]",
        usual=(1e-6, 1e-1),
        scale="log",
        unit="of the largest variance",
        help="added to each variance",
    )
    standardise: bool = structure(
        True, choices=(True, False), help="whether columns get unit variance first; not for columns that share a unit"
    )

    def fit(
        self,
        x: Float[Array, "rows columns"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " columns"] | None = None,
    ) -> Stats:
        stats, variances, u = directions(x, weight, columns, self.standardise)
        size = variances + self.epsilon * variances[0]
        # A direction without variance in the training rows is left out: it would amplify unseen values the most.
        spread = variances > NOTHING * variances[0]
        rotation = jnp.where(spread, u / jnp.sqrt(jnp.where(spread, size, 1.0)), 0.0)
        return stats | {"rotation": rotation @ u.T if self.form == "zca" else rotation}
