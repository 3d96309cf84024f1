"""Factorisations under vmap: the same numbers, and never a batch for LAPACK, which can stand still for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import jaxprs_in_params

from fallline.core.factorise import eigh, qr, solve
from fallline.initializers import Orthogonal
from fallline.optimizers import Newton
from fallline.scalers import PCA


def factorised(jaxpr):
    """The shapes of all matrices that a program factorises, loops included."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ("geqrf", "eigh", "qr", "lu"):
            yield equation.invars[0].aval.shape
        for inner in jaxprs_in_params(equation.params):
            yield from factorised(inner)


def test_a_batch_is_what_numpy_makes_of_its_matrices():
    a = np.random.default_rng(0).normal(size=(3, 4, 4)).astype(np.float32)
    q, r = jax.vmap(qr)(a)
    for each, (theirs, upper) in zip(zip(q, r, strict=True), map(np.linalg.qr, a), strict=True):
        signs = np.sign(np.diagonal(theirs.T @ each[0]))
        np.testing.assert_allclose(each[0] * signs, theirs, atol=1e-5)
        np.testing.assert_allclose(each[1] * signs[:, None], upper, atol=1e-5)
    values, _ = jax.vmap(eigh)(a + a.swapaxes(1, 2))
    np.testing.assert_allclose(values, np.linalg.eigvalsh(a + a.swapaxes(1, 2)), atol=1e-5)
    b = a[:, 0] + 1
    np.testing.assert_allclose(jax.vmap(solve)(a, b), np.linalg.solve(a, b[..., None])[..., 0], rtol=1e-4)


def stepped(seed):
    """Newton's first step on a bowl."""
    w = jnp.arange(4.0) + seed
    return Newton().update(2 * w, Newton().init(w), w, objective=lambda w: jnp.sum(w**2))[0]


@pytest.mark.parametrize(
    "program",
    [
        lambda seed: Orthogonal()(jax.random.key(seed), (5, 3)),
        lambda seed: PCA(2).fit(jax.random.normal(jax.random.key(seed), (9, 4)), jnp.ones(9))["rotation"],
        stepped,
    ],
    ids=["orthogonal", "pca", "newton"],
)
def test_lanes_factorise_one_matrix_at_a_time(program):
    shapes = list(factorised(jax.make_jaxpr(jax.vmap(program))(jnp.arange(3)).jaxpr))
    assert shapes
    assert all(len(shape) == 2 for shape in shapes)


def test_ten_layers_of_many_lanes_come_to_an_end():
    """With batches this stood still on two cores."""
    draw = lambda key: [Orthogonal()(each, (64, 64)) for each in jax.random.split(key, 10)]  # noqa: E731
    for layer in jax.jit(jax.vmap(draw))(jax.random.split(jax.random.key(0), 16)):
        np.testing.assert_allclose(
            jnp.swapaxes(layer, 1, 2) @ layer, np.broadcast_to(np.eye(64), layer.shape), atol=1e-5
        )
