"""A few small tables and one recipe per program: programs are what takes time here, values are free."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

import fallline as fl


@pytest.fixture(scope="session")
def flowers(flowers_of):
    """Three classes, 90 rows, noisy enough to overfit: 58 train, 14 validate, 18 test."""
    return flowers_of(90)


@pytest.fixture(scope="session")
def prices(prices_of):
    """One target in a large unit."""
    return prices_of(90, 200_000)


@pytest.fixture(scope="session")
def whole():
    """Every kind of number that a recipe can have, in one program."""
    return fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(6,), dropout=0.1),
        optimizer=fl.Adam(fl.Cosine(0.03, warmup=0.05, floor=1e-4)),
        penalty=fl.L2(1e-3),
        scaler=fl.Standardise(clip=1.5),
        batch_size=16,
        epochs=40,
        patience=100,
    )


@pytest.fixture(scope="session")
def descent():
    """Plain descent on the prices."""
    return fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(6,)),
        optimizer=fl.SGD(0.05),
        penalty=None,
        scaler=fl.Standardise(),
        batch_size=16,
        epochs=12,
    )


@pytest.fixture(scope="session")
def same():
    """Whether two trees are the same to the bit."""

    def words(leaf):
        return jax.random.key_data(leaf) if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf

    def compare(a, b):
        pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
        return jax.tree.structure(a) == jax.tree.structure(b) and all(
            np.asarray(words(x)).tobytes() == np.asarray(words(y)).tobytes() for x, y in pairs
        )

    return compare


def _softmax_network(params, x, y=None, weight=None, l2=0.0):
    """Forward and backward pass of one hidden ReLU layer and a softmax, in float64."""
    w1, b1, w2, b2 = (np.asarray(params[d][p], np.float64) for d in ("dense_1", "dense_2") for p in ("weight", "bias"))
    a = x @ w1 + b1
    h = np.maximum(a, 0)
    z = h @ w2 + b2
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    if y is None:
        return SimpleNamespace(probabilities=p, sums=a)
    share = (np.ones(len(x)) if weight is None else weight) / (len(x) if weight is None else weight.sum())
    each = -np.log(p[np.arange(len(x)), y])
    dz = (p - np.eye(p.shape[1])[y]) * share[:, None]
    da = (dz @ w2.T) * (a > 0)
    gradient = {
        "dense_1": {"weight": x.T @ da + l2 * w1, "bias": da.sum(axis=0)},
        "dense_2": {"weight": h.T @ dz + l2 * w2, "bias": dz.sum(axis=0)},
    }
    loss = each @ share
    return SimpleNamespace(
        probabilities=p, sums=a, loss=loss, objective=loss + 0.5 * l2 * ((w1**2).sum() + (w2**2).sum()),
        accuracy=(p.argmax(axis=1) == y) @ share, gradient=gradient,
    )  # fmt: skip


@pytest.fixture(scope="session")
def by_numpy():
    """The network, its loss and its gradient, written without JAX."""
    return _softmax_network
