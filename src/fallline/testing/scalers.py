"""The contract of scalers: statistics of rows with weight only, missing values filled, protected columns unchanged."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.scalers import Scaler
from fallline.testing.base import demand, of
from fallline.testing.compare import close, draw, finite, in_both_precisions, quick, same_bits

ROWS, COLUMNS = 40, 5
ONES = np.ones(ROWS, np.float32)
FIT = quick(lambda scaler, x, weight, columns=None: scaler.fit(x, weight, columns))
APPLY = quick(lambda scaler, stats, x: scaler.apply(stats, x))


def table(seed: int = 0) -> np.ndarray:
    """Five correlated columns of different units and offsets, with a few outliers."""
    x = draw(seed, ROWS, 3) @ draw(seed + 1, 3, 5) + draw(seed + 2, ROWS, 5)
    x[0] *= 4
    found: np.ndarray = (x * [1, 10, 0.1, 5, 1] + [0, 100, -3, 7, 1]).astype(np.float32)
    return found


@of("scaler")
def dtypes(scaler: Scaler) -> None:
    """Scaled rows have the declared width and the rows' dtype."""

    def both(dtype: str) -> tuple[Any, Any]:
        x = table().astype(dtype)
        found = jax.eval_shape(lambda x: scaler.apply(scaler.fit(x, ONES.astype(dtype)), x), x)
        return found, jax.ShapeDtypeStruct((ROWS, scaler.outputs(COLUMNS)), jnp.dtype(dtype))

    in_both_precisions(both, "scaled rows")


@of("scaler")
def training_rows(scaler: Scaler) -> None:
    """Rows without weight have no say in the statistics, whatever they hold."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x, wild, weight = table(), table(), np.repeat(np.array([1, 0], np.float32), [30, 10])
    wild[30:] = 1e30
    close(apply(fit(wild, weight), x), apply(fit(x, weight), x), "scaled by other rows", rtol=1e-4, atol=1e-4)


@of("scaler")
def weights(scaler: Scaler) -> None:
    """A whole weight is a repetition of its row."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x, times = table(), np.repeat([1, 0, 2, 3], [23, 9, 7, 1])  # 40 rows again, for the same program
    found = apply(fit(x, times.astype(np.float32)), x)
    close(found, apply(fit(np.repeat(x, times, axis=0), ONES), x), "scaled by weights", rtol=2e-3, atol=2e-3)


@of("scaler")
def order(scaler: Scaler) -> None:
    """The order of the rows does not matter, but for rounding."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x = table()
    close(apply(fit(x[::-1].copy(), ONES), x), apply(fit(x, ONES), x), "scaled by rows in another order", 1e-3, 1e-3)


@of("scaler", concerns=lambda scaler: scaler.fills)
def missing(scaler: Scaler) -> None:
    """Missing values are filled, and a column of nothing else stays finite."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    gaps = table()
    gaps[::7, 2] = np.nan
    gaps[:, 4] = np.nan
    stats = fit(gaps, ONES)
    finite(apply(stats, gaps), "a scaled row with missing values")
    finite(apply(stats, table()), "a scaled row without")


@of("scaler")
def constant(scaler: Scaler) -> None:
    """A column without spread is no division by zero, for a value unseen in training neither."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x = table()
    x[:, 1] = 7.0
    unseen = x.copy()
    unseen[:, 1] = 8.0
    stats = fit(x, ONES)
    usual = max(float(jnp.max(jnp.abs(apply(stats, x)))), 8.0)
    largest = float(jnp.max(jnp.abs(apply(stats, unseen))))
    demand(largest <= 4 * usual, f"a constant column's unseen value becomes {largest:.3g}")


@of("scaler", concerns=lambda scaler: scaler.columnwise)
def columns(scaler: Scaler) -> None:
    """Columns that it may not touch, of zeros and ones, stay as they are and have no say."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x = table()
    x[:, 1], x[:, 3] = np.arange(ROWS) % 2, np.arange(ROWS) % 3 == 0
    may = np.array([True, False, True, False, True])
    scaled = apply(fit(x, ONES, may), x)
    same_bits(scaled[:, ~may], x[:, ~may], "a column that may not be touched")
    x[:, 1], x[:, 3] = 1 - x[:, 1], 1 - x[:, 3]
    same_bits(apply(fit(x, ONES, may), x)[:, may], scaled[:, may], "the columns beside others that may not be touched")


@of("scaler", concerns=lambda scaler: scaler.columnwise and scaler.invertible)
def way_back(scaler: Scaler) -> None:
    """`invert` brings scaled values back, so that it can scale a target."""
    fit, apply = partial(FIT, scaler), partial(APPLY, scaler)
    x = table()
    stats = fit(x, ONES)
    scaled = apply(stats, x)
    close(apply(stats, scaler.invert(stats, scaled)), scaled, "scaled, back, and scaled again", rtol=1e-4, atol=1e-4)


def example(scaler: Scaler) -> Any:
    """Some rows, scaled."""
    x = jnp.asarray(table(3))
    return scaler.apply(scaler.fit(x, jnp.asarray(ONES)), x)
