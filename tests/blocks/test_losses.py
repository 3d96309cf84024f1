"""Values and gradients against float64 NumPy written from the formulas, and against central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from fallline.losses import AbsoluteError, BinaryCrossEntropy, Huber, Quantile, SoftmaxCrossEntropy, SquaredError

ROWS = 40
SIZES = [1e-3, 1.0, 30.0, 1e4]


def case(loss, outputs, size, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(ROWS, outputs)) * size
    if isinstance(loss, SoftmaxCrossEntropy):
        return z, rng.integers(0, outputs, ROWS)
    if isinstance(loss, BinaryCrossEntropy):
        return z, rng.integers(0, 2, ROWS if outputs == 1 else (ROWS, outputs))
    return z, rng.normal(size=(ROWS, outputs))


def by_formula(loss, z, y):
    """(loss per example, its derivative by z)."""
    if isinstance(loss, SoftmaxCrossEntropy):
        hot = np.eye(z.shape[1])[y]
        return -(hot * log_softmax(z, axis=1)).sum(axis=1), softmax(z, axis=1) - hot
    if isinstance(loss, BinaryCrossEntropy):
        y = y.reshape(z.shape)
        return np.logaddexp(0, np.where(y == 1, -z, z)).sum(axis=1), np.exp(-np.logaddexp(0, -z)) - y
    return ((z - y) ** 2).mean(axis=1), 2 * (z - y) / z.shape[1]


CASES = [(SoftmaxCrossEntropy(), 2), (SoftmaxCrossEntropy(), 7), (BinaryCrossEntropy(), 1), (BinaryCrossEntropy(), 3),
         (SquaredError(), 1), (SquaredError(), 4)]  # fmt: skip
EACH = pytest.mark.parametrize(("loss", "outputs"), CASES, ids=[f"{a.name}-{b}" for a, b in CASES])


VALUE = jax.jit(lambda loss, z, y: loss(z, y))
GRADIENT = jax.jit(jax.grad(lambda z, loss, y: loss(z, y).sum()))


@EACH
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_value_and_gradient_follow_the_formula(loss, outputs, size, dtype):
    z, y = case(loss, outputs, size)
    z = z.astype(dtype)
    value, slope = by_formula(loss, z.astype("f8"), y if y.dtype.kind == "i" else y.astype(dtype).astype("f8"))
    with jax.enable_x64(dtype == "f8"):
        y = jnp.asarray(y.astype(dtype) if y.dtype.kind == "f" else y.astype("i4"))
        ours, gradient = VALUE(loss, z, y), GRADIENT(z, loss, y)
        assert ours.shape == (ROWS,)
        assert ours.dtype == gradient.dtype == dtype
        eps = np.finfo(dtype).eps
        # A cross-entropy near 0 is the difference of two numbers of the logits' size.
        np.testing.assert_allclose(ours, value, rtol=20 * eps, atol=20 * eps * max(1, abs(z).max()))
        np.testing.assert_allclose(
            gradient, slope, rtol=20 * eps, atol=20 * eps * max(1, abs(z).max() if size < 100 else 1)
        )


@pytest.mark.parametrize("size", [1e4, 1e20, 1e38])
def test_extreme_logits_give_finite_losses_and_gradients(size):
    z = jnp.array([[size, -size], [-size, size], [0.0, 0.0]], jnp.float32)
    y = jnp.array([0, 0, 1])
    value, gradient = VALUE(SoftmaxCrossEntropy(), z, y), GRADIENT(z, SoftmaxCrossEntropy(), y)
    assert value[0] == 0
    assert value[1] == pytest.approx(2 * size, rel=1e-6)
    assert np.isfinite(gradient).all()
    y = jnp.array([[1, 1], [1, 1], [0, 1]])
    value, gradient = VALUE(BinaryCrossEntropy(), z, y), GRADIENT(z, BinaryCrossEntropy(), y)
    assert value[:2].tolist() == pytest.approx([size, size], rel=1e-6)
    assert gradient.tolist() == [[0, -1], [-1, 0], [0.5, -0.5]]


def test_the_binary_loss_is_the_softmax_of_two_logits(float64):
    """Identity: softmax over (0, z) is the sigmoid of z."""
    z, y = case(BinaryCrossEntropy(), 1, 3.0)
    two = np.concatenate([np.zeros_like(z), z], axis=1)
    np.testing.assert_allclose(
        BinaryCrossEntropy()(jnp.asarray(z), jnp.asarray(y)), SoftmaxCrossEntropy()(jnp.asarray(two), jnp.asarray(y)),
        rtol=1e-12,
    )  # fmt: skip
    np.testing.assert_allclose(
        BinaryCrossEntropy().mean(jnp.asarray(z)), SoftmaxCrossEntropy().mean(jnp.asarray(two)), rtol=1e-12
    )


def test_the_softmax_loss_does_not_change_when_all_logits_shift(float64):
    z, y = case(SoftmaxCrossEntropy(), 5, 2.0)
    shifted = SoftmaxCrossEntropy()(jnp.asarray(z + 100.0), jnp.asarray(y))
    np.testing.assert_allclose(SoftmaxCrossEntropy()(jnp.asarray(z), jnp.asarray(y)), shifted, rtol=1e-10)


@EACH
def test_answers(loss, outputs):
    z, _ = case(loss, outputs, 5.0)
    answer = np.asarray(loss.mean(jnp.asarray(z, jnp.float32)), np.float64)
    if isinstance(loss, SoftmaxCrossEntropy):
        np.testing.assert_allclose(answer, softmax(z, axis=1), rtol=1e-5)
    elif isinstance(loss, SquaredError):
        np.testing.assert_allclose(answer, z, rtol=1e-6)
    else:
        p = 1 / (1 + np.exp(-z))
        np.testing.assert_allclose(
            answer, np.concatenate([1 - p, p], axis=1) if outputs == 1 else p, rtol=1e-5, atol=1e-7
        )


def test_outputs():
    assert SoftmaxCrossEntropy().outputs(2, "classification") == 2
    assert BinaryCrossEntropy().outputs(2, "classification") == 1
    assert BinaryCrossEntropy().outputs(2, "multilabel") == 2
    assert BinaryCrossEntropy().outputs(5, "multilabel") == 5
    assert SquaredError().outputs(2, "regression") == 2


@pytest.mark.parametrize("loss", [AbsoluteError(), Huber(0.7), Quantile(0.5), Quantile(0.9), SquaredError()])
def test_a_target_that_is_hit_pulls_nowhere(loss):
    y = jnp.array([[1.5, -2.0, 0.0]])
    assert jax.grad(lambda z: jnp.sum(loss(z, y)))(y).tolist() == [[0.0, 0.0, 0.0]]
    z = jnp.array([[2.5, -2.0, -1.0]])
    pulls = np.sign(np.asarray(jax.grad(lambda z: jnp.sum(loss(z, y)))(z)))
    assert pulls.tolist() == [[1.0, 0.0, -1.0]]
    assert np.isnan(float(loss(jnp.array([[jnp.nan]]), jnp.array([[1.0]]))[0]))
