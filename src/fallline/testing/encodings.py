"""The contract of encodings: statistics of rows with weight only, missing values filled, declared widths, right gradients."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.encodings import Encoding, distinct_values
from fallline.layers import LayerCall
from fallline.testing.base import demand, of
from fallline.testing.compare import as_double, close, draw, finite, in_both_precisions, quick, right_gradient

ROWS, COLUMNS = 40, 5
ONES = np.ones(ROWS, np.float32)
CLASSES = 0
KEY = jax.random.key(0)


def table(seed: int = 0) -> np.ndarray:
    """Four columns of different units and offsets, the first with an outlier, and a last one of zeros and ones."""
    x = draw(seed, ROWS, COLUMNS) * [1, 10, 0.1, 5, 1] + [0, 100, -3, 7, 0]
    x[0, 0] *= 4
    x[:, 4] = x[:, 4] > 0
    return x.astype(np.float32)


def target(seed: int = 5) -> np.ndarray:
    """A target that bends with the first column."""
    found: np.ndarray = (np.abs(table()[:, :1]) + 0.1 * draw(seed, ROWS, 1)).astype(np.float32)
    return found


def ready(encoding: Encoding) -> Encoding:
    """The encoding with its columns chosen; itself if it chooses none."""
    return encoding.placed(distinct_values(table()), np.ones(COLUMNS, bool)) or encoding


def moved(encoding: Encoding) -> Any:
    """Parameters away from special values such as 0."""
    leaves, tree = jax.tree.flatten(encoding.init(KEY))
    return tree.unflatten([w + 0.3 * draw(i, *w.shape).astype(np.float32) for i, w in enumerate(leaves)])


def inputs(encoding: Encoding, stats: Any, params: Any, x: Any) -> Any:
    """The additional inputs of the network for some rows."""
    scaled = jnp.where(jnp.isnan(x), 0.0, x) / 10
    return encoding.embed(params, scaled, encoding.codes(stats, x))


FIT = quick(lambda encoding, x, weight, y: encoding.fit(x, weight, y, CLASSES))
INPUTS = quick(inputs)


@of("encoding")
def dtypes(encoding: Encoding) -> None:
    """The additional inputs have the declared width, a source each, and the rows' dtype."""
    encoding = ready(encoding)

    def both(dtype: str) -> tuple[Any, Any]:
        x, y = table().astype(dtype), target().astype(dtype)
        params = moved(encoding) if dtype == "float32" else as_double(moved(encoding))
        use = lambda x: inputs(encoding, encoding.fit(x, ONES.astype(dtype), y, CLASSES), params, x)  # noqa: E731
        return jax.eval_shape(use, x), jax.ShapeDtypeStruct((ROWS, encoding.embedded()), jnp.dtype(dtype))

    in_both_precisions(both, "inputs")
    demand(len(encoding.sources()) == encoding.embedded(), "not every input has a source")


@of("encoding")
def chosen(encoding: Encoding) -> None:
    """Columns are chosen once, and one of zeros and ones is never among them."""
    placed = ready(encoding)
    demand(placed.named() is not None, "the columns were not chosen")
    demand(ready(placed) == placed, "chosen again, the columns are others")
    if encoding.named() is None:
        demand(4 not in (placed.named() or ()), "a column of zeros and ones is encoded")


@of("encoding")
def training_rows(encoding: Encoding) -> None:
    """Rows without weight have no say in the statistics, whatever they hold."""
    encoding = ready(encoding)
    x, wild, weight = table(), table(), np.repeat(np.array([1, 0], np.float32), [30, 10])
    wild[30:] = 1e30
    y, other = target(), target()
    other[30:] = -1e30
    use, params = partial(INPUTS, encoding), moved(encoding)
    found = use(FIT(encoding, wild, weight, other), params, x)
    close(found, use(FIT(encoding, x, weight, y), params, x), "encoded by other rows", rtol=1e-4, atol=1e-4)


@of("encoding")
def weights(encoding: Encoding) -> None:
    """A whole weight is a repetition of its row."""
    encoding = ready(encoding)
    x, y, times = table(), target(), np.repeat([1, 0, 2, 3], [23, 9, 7, 1])
    use, params = partial(INPUTS, encoding), moved(encoding)
    found = use(FIT(encoding, x, times.astype(np.float32), y), params, x)
    repeated = FIT(encoding, np.repeat(x, times, axis=0), ONES, np.repeat(y, times, axis=0))
    close(found, use(repeated, params, x), "encoded by weights", rtol=2e-3, atol=2e-3)


@of("encoding")
def order(encoding: Encoding) -> None:
    """The order of the rows does not matter, but for rounding."""
    encoding = ready(encoding)
    x, y = table(), target()
    use, params = partial(INPUTS, encoding), moved(encoding)
    found = use(FIT(encoding, x[::-1].copy(), ONES, y[::-1].copy()), params, x)
    close(found, use(FIT(encoding, x, ONES, y), params, x), "encoded by rows in another order", 1e-3, 1e-3)


@of("encoding")
def missing(encoding: Encoding) -> None:
    """Missing values are filled, and a column of nothing else stays finite."""
    encoding = ready(encoding)
    gaps = table()
    gaps[::7, 2] = np.nan
    gaps[:, 3] = np.nan
    stats, params = FIT(encoding, gaps, ONES, target()), moved(encoding)
    finite(INPUTS(encoding, stats, params, gaps), "an encoded row with missing values")
    finite(INPUTS(encoding, stats, params, table()), "an encoded row without")


@of("encoding")
def constant(encoding: Encoding) -> None:
    """A column that is constant in training, or differs by rounding alone, is no division by zero for an unseen value."""
    encoding = ready(encoding)
    for nearly in (7.0, np.nextafter(np.float32(7.0), np.float32(8.0))):
        x = table()
        x[:, 1] = 7.0
        x[0, 1] = nearly
        unseen = x.copy()
        unseen[:, 1] = 8.0
        stats, params = FIT(encoding, x, ONES, target()), moved(encoding)
        usual = max(float(np.abs(INPUTS(encoding, stats, params, x)).max(initial=0.0)), 8.0)
        largest = float(np.abs(INPUTS(encoding, stats, params, unseen)).max(initial=0.0))
        demand(largest <= 4 * usual, f"a constant column's unseen value becomes {largest:.3g}")


@of("encoding")
def rows_apart(encoding: Encoding) -> None:
    """A row's inputs do not depend on its neighbours."""
    encoding = ready(encoding)
    x, params = table(), moved(encoding)
    stats, other = FIT(encoding, x, ONES, target()), x.copy()
    other[1:] = 50.0
    found = INPUTS(encoding, stats, params, other)[0]
    close(found, INPUTS(encoding, stats, params, x)[0], "a row among other rows", rtol=1e-5, atol=1e-5)


@of("encoding", concerns=lambda encoding: encoding.trained)
def gradient(encoding: Encoding) -> None:
    """The gradients by the parameters and by the scaled rows are those of the additional inputs."""
    encoding = ready(encoding)
    with jax.enable_x64(True):
        x, y = table().astype(np.float64)[:6], target().astype(np.float64)[:6]
        codes = encoding.codes(encoding.fit(x, ONES[:6].astype(np.float64), y, CLASSES), x)
        params = as_double(moved(encoding))
        right_gradient(lambda at: encoding.embed(at[0], at[1], codes), (params, jnp.asarray(x / 10)))


def example(encoding: Encoding) -> Any:
    """The inputs of some rows, values beyond the training rows' among them, through the layers that follow."""
    encoding = ready(encoding)
    x = jnp.asarray(table())
    stats, params = encoding.fit(x, jnp.asarray(ONES), jnp.asarray(target()), CLASSES), moved(encoding)
    z = jnp.concatenate([x, inputs(encoding, stats, params, x.at[1].add(-1e3).at[2].add(1e3))], axis=1)
    for layer in encoding.after():
        own, _ = layer.init(KEY, (z.shape[1],))
        own = jax.tree.map(lambda leaf: leaf + 0.3, own)
        z, _ = layer.apply(own, {}, z, LayerCall(False))
    return z, stats
