"""Hinge, Huber, absolute, quantile, Poisson, binned and smoothed losses against NumPy and central differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import log_softmax, xlogy

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    BinnedCrossEntropy,
    Focal,
    Hinge,
    Huber,
    OfMembers,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
    SquaredError,
    Tempered,
    Times,
)
from fallline.scalers import Standardise

ROWS = 60
RANDOM = np.random.default_rng(0)
SIGN = 2 * RANDOM.integers(0, 2, ROWS) - 1
CLASS = RANDOM.integers(0, 4, ROWS)
NUMBER = RANDOM.normal(size=(ROWS, 2)) * 3
COUNT = RANDOM.poisson(3.0, (ROWS, 2)).astype(float)
BIN = RANDOM.integers(0, 5, (ROWS, 2))
LABEL = RANDOM.integers(0, 2, (ROWS, 3))


def one_versus_rivals(z, y, combine):
    return np.array([combine([1 + z[i, j] - z[i, k] for j in range(z.shape[1]) if j != k]) for i, k in enumerate(y)])


def huber(z, y, delta=1.5):
    d = abs(z - y)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)).mean(axis=1)


def smoothed_softmax(z, y, s=0.1):
    target = (1 - s) * np.eye(z.shape[1])[y] + s / z.shape[1]
    return -(target * log_softmax(z, axis=1)).sum(axis=1)


def smoothed_binary(z, y, s=0.2):
    y = y.reshape(z.shape) * (1 - s) + s / 2
    return (y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)).sum(axis=1)


def binned(z, y):
    logs = log_softmax(z.reshape(ROWS, 2, 5), axis=2)
    return -np.take_along_axis(logs, y[..., None], axis=2)[..., 0].mean(axis=1)


def focal(z, y, gamma=1.5):
    p = np.exp(log_softmax(z, axis=1))[np.arange(len(z)), y]
    return (1 - p) ** gamma * -np.log(p)


# loss, number of outputs, target, the formula of the loss
CASES = {
    "hinge-2": (Hinge(), 1, (SIGN > 0).astype(int), lambda z, _: np.maximum(0, 1 - SIGN * z[:, 0])),
    "hinge-crammer": (Hinge(), 4, CLASS, lambda z, y: one_versus_rivals(z, y, lambda m: max(0, *m))),
    "hinge-weston": (Hinge(form="weston_watkins"), 4, CLASS,
                     lambda z, y: one_versus_rivals(z, y, lambda m: sum(max(0, each) for each in m))),
    "absolute": (AbsoluteError(), 2, NUMBER, lambda z, y: abs(z - y).mean(axis=1)),
    "huber": (Huber(1.5), 2, NUMBER, huber),
    "quantile": (Quantile(0.8), 2, NUMBER, lambda z, y: np.maximum(0.8 * (y - z), -0.2 * (y - z)).mean(axis=1)),
    "poisson": (Poisson(), 2, COUNT, lambda z, y: (np.exp(z) - y * z + xlogy(y, y) - y).mean(axis=1)),
    "times": (Times(AbsoluteError(), 1.5), 2, NUMBER, lambda z, y: 1.5 * abs(z - y).mean(axis=1)),
    "of_members": (OfMembers(AbsoluteError(), 3), 6, NUMBER,
                   lambda z, y: np.mean([abs(z[:, i:i + 2] - y).mean(axis=1) for i in (0, 2, 4)], axis=0)),
    "averaged": (OfMembers(AbsoluteError(), 3, averaged=True), 6, NUMBER,
                 lambda z, y: abs((z[:, :2] + z[:, 2:4] + z[:, 4:]) / 3 - y).mean(axis=1)),
    "binned": (BinnedCrossEntropy(bins=5), 10, BIN, binned),
    "focal": (Focal(1.5), 4, CLASS, focal),
    "focal-0": (Focal(0.0), 4, CLASS, lambda z, y: focal(z, y, 0.0)),
    "tempered": (Tempered(SoftmaxCrossEntropy(), 1.7), 4, CLASS, lambda z, y: focal(z / 1.7, y, 0.0)),
    "tempered-labels": (Tempered(BinaryCrossEntropy(0.2), 0.6), 3, LABEL, lambda z, y: smoothed_binary(z / 0.6, y)),
    "smooth-softmax": (SoftmaxCrossEntropy(0.1), 4, CLASS, smoothed_softmax),
    "smooth-binary": (BinaryCrossEntropy(0.2), 1, (SIGN > 0).astype(int), smoothed_binary),
    "smooth-labels": (BinaryCrossEntropy(0.2), 3, LABEL, smoothed_binary),
}  # fmt: skip
EACH = pytest.mark.parametrize(("loss", "outputs", "target", "formula"), CASES.values(), ids=CASES)
VALUE = jax.jit(lambda loss, z, y: loss(z, y))
GRADIENT = jax.jit(jax.grad(lambda z, loss, y: loss(z, y).sum()))


def test_every_loss_is_met():
    assert {type(case[0]) for case in CASES.values()} | {SquaredError} == set(family("loss").values())


@EACH
@pytest.mark.parametrize("size", [0.1, 3.0])
def test_value_follows_the_formula_in_both_precisions(loss, outputs, target, formula, size):
    z = np.random.default_rng(1).normal(size=(ROWS, outputs)) * size
    for dtype, tolerance in (("f4", 2e-5), ("f8", 1e-12)):
        with jax.enable_x64(dtype == "f8"):
            y = jnp.asarray(target, dtype if target.dtype.kind == "f" else "i4")
            ours = VALUE(loss, jnp.asarray(z, dtype), y)
            assert ours.shape == (ROWS,)
            assert ours.dtype == dtype
            np.testing.assert_allclose(ours, formula(z, target), rtol=tolerance, atol=tolerance)


@EACH
def test_gradient_follows_central_differences_of_the_formula(loss, outputs, target, formula, float64):
    z, h = np.random.default_rng(2).normal(size=(ROWS, outputs)) * 2, 1e-6
    gradient = np.asarray(GRADIENT(jnp.asarray(z), loss, jnp.asarray(target)))
    for j in range(outputs):
        step = h * np.eye(outputs)[j]
        numeric = (formula(z + step, target) - formula(z - step, target)) / (2 * h)
        np.testing.assert_allclose(gradient[:, j], numeric, atol=1e-7)


@pytest.mark.parametrize(
    ("loss", "target", "best"),
    [
        (SquaredError(), NUMBER[:, :1], NUMBER[:, 0].mean()),
        (AbsoluteError(), NUMBER[:59, :1], np.median(NUMBER[:59, 0])),
        (Quantile(0.25), NUMBER[:59, :1], np.quantile(NUMBER[:59, 0], 0.25, method="inverted_cdf")),
        (Poisson(), COUNT[:, :1], np.log(COUNT[:, 0].mean())),
        (Huber(1e3), NUMBER[:, :1], NUMBER[:, 0].mean()),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_the_best_constant_is_the_known_one(loss, target, best, float64):
    total = lambda c: float(VALUE(loss, jnp.full(target.shape, c), jnp.asarray(target)).sum())  # noqa: E731
    assert total(best) <= min(total(best + h) for h in (-0.1, -1e-3, 1e-3, 0.1))


def test_identities(float64):
    z, y = jnp.asarray(RANDOM.normal(size=(ROWS, 2))), jnp.asarray(NUMBER)
    np.testing.assert_allclose(Quantile(0.5)(z, y), AbsoluteError()(z, y) / 2)
    np.testing.assert_allclose(Huber(1e6)(z, y), SquaredError()(z, y) / 2)
    np.testing.assert_allclose(Huber(1e-6)(z, y) / 1e-6, AbsoluteError()(z, y), rtol=1e-5)
    np.testing.assert_allclose(
        Poisson()(z, jnp.asarray(COUNT)),
        (stats.poisson.logpmf(COUNT, COUNT) - stats.poisson.logpmf(COUNT, np.exp(z))).mean(axis=1),
        rtol=1e-9,
        atol=1e-12,
    )
    np.testing.assert_allclose(  # in another unit of the target it is the same loss in that unit
        Poisson()(z - np.log(4.0), jnp.asarray(COUNT / 4)), Poisson()(z, jnp.asarray(COUNT)) / 4, rtol=1e-9
    )
    one = BinnedCrossEntropy(bins=4)(jnp.asarray(z).repeat(2, axis=1), jnp.asarray(CLASS)[:, None])
    np.testing.assert_allclose(one, SoftmaxCrossEntropy()(jnp.asarray(z).repeat(2, axis=1), jnp.asarray(CLASS)))


def test_answers_and_outputs():
    z = jnp.asarray(RANDOM.normal(size=(ROWS, 4)) * 40, jnp.float32)
    np.testing.assert_array_equal(Hinge().mean(z).argmax(axis=1), z.argmax(axis=1))
    assert ((Hinge().mean(z[:, :1])[:, 1] > 0.5) == (z[:, 0] > 0)).all()
    assert not Hinge().probabilistic
    assert (Hinge().outputs(2, "classification"), Hinge().outputs(5, "classification")) == (1, 5)
    np.testing.assert_allclose(Poisson().mean(z / 40), np.exp(z / 40), rtol=1e-6)
    bins = BinnedCrossEntropy(bins=2)
    assert bins.outputs(3, "regression") == 6
    np.testing.assert_allclose(bins.mean(z).reshape(ROWS, 2, 2).sum(axis=2), 1, rtol=1e-6)


def test_what_a_loss_asks_of_the_targets_scaler():
    asked = Standardise()
    assert Huber().target_scaler(asked) is asked
    assert Poisson().target_scaler(asked).name == "per_mean"
    assert Poisson().least_target == 0
    own = BinnedCrossEntropy(bins=7, by="width").target_scaler(asked)
    assert (own.name, own.bins, own.by) == ("bins", 7, "width")
    with pytest.raises(FalllineError, match="number of bins"):
        BinnedCrossEntropy(bins=1)


def test_smoothing_helps_training_and_does_not_judge():
    assert SoftmaxCrossEntropy(0.1).evaluation_loss == SoftmaxCrossEntropy()
    assert BinaryCrossEntropy(0.1).evaluation_loss == BinaryCrossEntropy()
    assert Huber(2.0).evaluation_loss == Huber(2.0)


def test_far_predictions_stay_finite():
    far = jnp.array([[1e30, -1e30], [-1e30, 1e30]], jnp.float32)
    for loss, y in ((Huber(), jnp.zeros((2, 2))), (AbsoluteError(), jnp.zeros((2, 2))), (Quantile(), jnp.zeros((2, 2))),
                    (Hinge(), jnp.array([0, 0])), (SoftmaxCrossEntropy(0.1), jnp.array([0, 0])),
                    (BinnedCrossEntropy(bins=2), jnp.array([[0.0], [0.0]]))):  # fmt: skip
        assert np.isfinite(VALUE(loss, far, y)).all(), loss
        assert np.isfinite(GRADIENT(far, loss, y)).all(), loss
