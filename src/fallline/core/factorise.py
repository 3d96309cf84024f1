"""Factorisations of one matrix at a time, also under vmap.

On a CPU, JAX hands a batch of matrices to LAPACK as parallel tasks on the same thread pool that runs the program. If
several batches run at once (an orthogonal draw for each layer, mapped over the lanes of a population), every thread of
the pool waits for tasks that no free thread can run: with two cores, ten layers deadlocked (JAX 0.10.2). Processing one
matrix at a time keeps each call in the thread that makes it.
"""

import jax.numpy as jnp
from jax.custom_batching import sequential_vmap
from jaxtyping import Array, Float


@sequential_vmap
def qr(a: Float[Array, "rows columns"]) -> tuple[Float[Array, "rows small"], Float[Array, "small columns"]]:
    """A = Q R, where Q has orthonormal columns and R is upper triangular.

    >>> import jax
    >>> a = jax.random.normal(jax.random.key(0), (4, 3, 2))
    >>> q, r = jax.vmap(qr)(a)
    >>> bool(jnp.allclose(q @ r, a, atol=1e-6))
    True
    """
    q, r = jnp.linalg.qr(a)
    return q, r


@sequential_vmap
def eigh(a: Float[Array, "n n"]) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """A = U diag(v) U^T of a symmetric A, with v in ascending order.

    >>> v, u = eigh(jnp.array([[2.0, 0.0], [0.0, 1.0]]))
    >>> v.tolist()
    [1.0, 2.0]
    """
    v, u = jnp.linalg.eigh(a)
    return v, u


@sequential_vmap
def solve(a: Float[Array, "n n"], b: Float[Array, " n"]) -> Float[Array, " n"]:
    """The solution x of A x = b.

    >>> solve(jnp.array([[2.0, 0.0], [0.0, 4.0]]), jnp.array([2.0, 2.0])).tolist()
    [1.0, 0.5]
    """
    return jnp.linalg.solve(a, b)
