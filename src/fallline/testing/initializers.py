"""The contract of initializers: declared moments, weights from the key alone, wide layers that extend narrow ones."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from fallline.initializers import Initializer
from fallline.testing.base import demand, of
from fallline.testing.compare import finite, same_bits

KEY, OTHER = jax.random.key(0), jax.random.key(1)
INPUTS, OUTPUTS = 250, 400


DRAW = jax.jit(lambda weights, key: weights(key, (6, 5)))


@of("initializer")
def dtypes(weights: Initializer) -> None:
    """Weights are finite float32 arrays of the shape asked for, whatever it is."""
    for shape in ((5, 4), (4, 5), (1, 1), (7,)):
        w = jax.eval_shape(partial(weights, shape=shape, fans=None if len(shape) > 1 else (3.0, 7.0)), KEY)
        demand(w.shape == shape and w.dtype == jnp.float32, f"{w.dtype}{w.shape} for the shape {shape}")
    finite(DRAW(weights, KEY), "a weight")


@of("initializer")
def by_key(weights: Initializer) -> None:
    """The same key draws the same weights, and another key others, if there is chance in them."""
    w = DRAW(weights, KEY)
    same_bits(DRAW(weights, KEY), w, "drawn again with the same key")
    chance = not np.array_equal(DRAW(weights, OTHER), w)
    demand(chance == weights.breaks_symmetry, f"other weights with another key: {chance}")


@of("initializer")
def breaks_symmetry(weights: Initializer) -> None:
    """The units of a layer start unequal where declared, and only there."""
    w = np.asarray(DRAW(weights, KEY))
    equal = any(np.array_equal(w[:, i], w[:, j]) for i in range(5) for j in range(i))
    demand(
        weights.breaks_symmetry != equal,
        f"two units are equal: {equal}; declared: breaks_symmetry = {weights.breaks_symmetry}",
    )


@of("initializer", concerns=lambda weights: weights.moments(1.0, 1.0) is not None)
def moments(weights: Initializer) -> None:
    """Mean and variance of 100,000 weights are those declared, within five standard errors."""
    declared = weights.moments(float(INPUTS), float(OUTPUTS))
    assert declared is not None
    mean, variance = (float(each) for each in declared)
    drawn = jax.jit(lambda key: weights(key, (INPUTS, OUTPUTS)))(KEY)
    w = np.asarray(drawn, np.float64).ravel()
    error = np.sqrt(variance / w.size)
    # The rounding of a constant to float32 does not count as a deviation.
    demand(abs(w.mean() - mean) <= 5 * error + 1e-7 * abs(mean), f"mean {w.mean():.6g}, declared {mean:.6g}")
    fourth = np.mean((w - w.mean()) ** 4)
    error = np.sqrt(max(fourth - w.var() ** 2, 0) / w.size)
    demand(
        abs(w.var() - variance) <= 5 * error + 1e-6 * variance + 1e-15,
        f"variance {w.var():.6g}, declared {variance:.6g} (standard error {error:.2g})",
    )


@of("initializer", concerns=lambda weights: weights.by_place)
def by_place(weights: Initializer) -> None:
    """A wide layer begins with a narrow one's weights, scaled by the narrow one's fans if they are given."""
    small, padded = jax.jit(lambda key: (weights(key, (9, 6)), weights(key, (16, 8), (9.0, 6.0))))(KEY)
    same_bits(padded[:9, :6], small, "the corner of a padded array")


def example(weights: Initializer) -> jax.Array:
    """Some weights drawn by an initializer."""
    return weights(KEY, (6, 5))
