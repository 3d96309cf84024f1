"""The array namespace of a forward function: NumPy for arrays on the host, JAX for its own arrays and for tracing.

A block's forward function is written once, over the namespace of its input: NumPy runs it for predictions of few rows,
without JAX's dispatch, and JAX traces it for everything that is compiled.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Array, Float

_ARRAYS = (np.ndarray, np.generic)
_HOST = (*_ARRAYS, float, int, type(None))


def namespace(x: object, *others: object) -> Any:
    """numpy if `x` is an array of NumPy, and the others are NumPy's, numbers, or dicts of these; otherwise jax.numpy.

    >>> import jax.numpy as jnp
    >>> namespace(np.zeros(2), 1.0, {"fill": np.zeros(2)}).__name__, namespace(np.zeros(2), jnp.zeros(2)).__name__
    ('numpy', 'jax.numpy')
    """
    if isinstance(x, _ARRAYS) and _on_host(others):
        return np
    import jax.numpy as jnp

    return jnp


def _on_host(values: Iterable[object]) -> bool:
    return all(isinstance(each, _HOST) or (isinstance(each, dict) and _on_host(each.values())) for each in values)


def filled(x: Float[Array, "rows columns"], fill: Any) -> Float[Array, "rows columns"]:
    """x with `fill` where it is NaN.

    >>> filled(np.array([[1.0], [np.nan]]), np.array([5.0])).tolist()
    [[1.0], [5.0]]
    """
    xp = namespace(x, fill)
    missing = xp.isnan(x)
    # A recorded array's course must not depend on its numbers.
    if type(x) is np.ndarray and xp is np and not missing.any():
        return x
    found: Float[Array, "rows columns"] = xp.where(missing, fill, x)
    return found


def relu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """max(0, x); its slope at 0 is 0."""
    if namespace(x) is np:
        found: Any = np.maximum(x, 0.0)
        return found
    import jax

    return jax.nn.relu(x)  # `maximum` has slope 1/2 at 0, which would train a silent unit


def sigmoid(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 / (1 + exp(-x)).

    >>> sigmoid(np.array([0.0])).tolist()
    [0.5]
    """
    if namespace(x) is np:
        return 1.0 / (1.0 + np.exp(-x))
    import jax

    return jax.nn.sigmoid(x)


def softmax(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """exp(x_i) / sum_j exp(x_j), over the last axis.

    >>> softmax(np.array([[0.0, 0.0]])).tolist()
    [[0.5, 0.5]]
    """
    if namespace(x) is np:
        first: Any = x.swapaxes(0, -1).copy()  # NumPy reduces a first axis several times as fast as a short last one
        first -= np.maximum.reduce(first)
        np.exp(first, out=first)
        first /= np.add.reduce(first)
        found: Any = first.swapaxes(0, -1).copy()
        return found
    import jax

    return jax.nn.softmax(x, axis=-1)


def erf(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The error function."""
    if namespace(x) is np:
        from scipy import special

        return special.erf(x)
    from jax import lax

    return lax.erf(x)


def rsqrt(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """1 / sqrt(x)."""
    if namespace(x) is np:
        return 1.0 / np.sqrt(x)
    from jax import lax

    return lax.rsqrt(x)


def of_groups(x: Float[Array, "batch groups inputs"], W: Float[Array, "groups inputs outputs"]) -> Any:
    """Each group's inputs times its own weights, (batch, groups, outputs).

    >>> of_groups(np.ones((1, 2, 3)), np.ones((2, 3, 1))).tolist()
    [[[3.0], [3.0]]]
    """
    xp = namespace(x, W)
    if xp is np:  # NumPy's own einsum does not pass it to BLAS
        return np.matmul(np.swapaxes(x, 0, 1), W).swapaxes(0, 1)
    return xp.einsum("nki,kio->nko", x, W)
