"""Scaling against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.scalers import BLOCK, Standardise, Unscaled

FIT = jax.jit(lambda scaler, x, w, columns=None: scaler.fit(x, w, columns))
APPLY = jax.jit(lambda scaler, stats, x: scaler.apply(stats, x))
BOTH = jax.jit(lambda scaler, x, w: (stats := scaler.fit(x, w), scaler.apply(stats, x)))


def by_numpy(x, weight=None):
    x, weight = x.astype(np.float64), np.ones(len(x)) if weight is None else weight.astype(np.float64)
    present = ~np.isnan(x)
    w = weight[:, None] * present
    mean = np.where(present, x, 0).T @ weight / np.maximum(w.sum(axis=0), 1e-300)
    sd = np.sqrt((w * np.where(present, x - mean, 0) ** 2).sum(axis=0) / np.maximum(w.sum(axis=0), 1e-300))
    return mean, sd


@pytest.mark.parametrize("rows", [2, 7, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 12_345])
def test_standardise_has_the_mean_and_the_deviation_of_numpy(rows):
    x = np.random.default_rng(rows).normal([0, 5, -300], [1, 0.01, 40], (rows, 3)).astype(np.float32)
    stats, scaled = BOTH(Standardise(), x, np.ones(rows, np.float32))
    mean, sd = by_numpy(x)
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-6, atol=1e-6 * sd.max())
    np.testing.assert_allclose(1 / stats["inverse"], sd, rtol=2e-4)
    np.testing.assert_allclose(scaled, (x - mean) / sd, atol=5e-3)


def test_missing_values_and_weights_count_as_in_numpy():
    rng = np.random.default_rng(0)
    x = rng.normal(3, 2, (10_001, 4)).astype(np.float32)
    x[rng.random(x.shape) < 0.3] = np.nan
    weight = rng.integers(0, 3, len(x)).astype(np.float32)
    stats = FIT(Standardise(), x, jnp.asarray(weight))
    mean, sd = by_numpy(x, weight)
    np.testing.assert_allclose(stats["mean"], mean, rtol=2e-6)
    np.testing.assert_allclose(1 / stats["inverse"], sd, rtol=2e-6)
    scaled = np.asarray(APPLY(Standardise(), stats, x))
    assert (scaled[np.isnan(x)] == 0).all()
    assert np.isfinite(scaled).all()
    filled = np.asarray(APPLY(Unscaled(), FIT(Unscaled(), x, jnp.asarray(weight)), x))
    np.testing.assert_allclose(filled, np.where(np.isnan(x), mean, x), rtol=2e-6)


def test_a_weight_is_a_repetition():
    x = np.random.default_rng(1).normal(size=(50, 2)).astype(np.float32)
    times = np.random.default_rng(2).integers(0, 4, 50)
    a = FIT(Standardise(), x, jnp.asarray(times, jnp.float32))
    b = FIT(Standardise(), jnp.asarray(np.repeat(x, times, axis=0)), np.ones(times.sum(), np.float32))
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-6, atol=1e-7)


def test_rows_without_weight_say_nothing():
    x = np.array([[1.0], [3.0], [1e30]], np.float32)
    stats = FIT(Standardise(), x, jnp.array([1.0, 1.0, 0.0]))
    assert stats["mean"].tolist() == [2.0]
    assert stats["inverse"].tolist() == [1.0]


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e6, 123_456.7, 1e-20])
@pytest.mark.parametrize("rows", [3, 10_000])
def test_a_column_without_spread_is_zero_and_an_unseen_value_stays_small(value, rows):
    x = np.full((rows, 1), value, np.float32)
    stats = FIT(Standardise(), x, np.ones(rows, np.float32))
    assert abs(np.asarray(APPLY(Standardise(), stats, x))).max() <= 1e-6 * abs(value)
    unseen = APPLY(Standardise(), stats, x[:1] + 1.0)
    assert abs(float(unseen[0, 0])) <= 2.0


def test_all_missing_is_zero():
    x = np.full((5, 1), np.nan, np.float32)
    stats = FIT(Standardise(), x, np.ones(5, np.float32))
    assert APPLY(Standardise(), stats, x).tolist() == [[0.0]] * 5


def test_columns_that_may_not_be_touched_are_left_alone():
    x = np.random.default_rng(0).normal(5, 3, (100, 3)).astype(np.float32)
    stats = FIT(Standardise(), x, np.ones(100, np.float32), np.array([True, False, True]))
    scaled = np.asarray(APPLY(Standardise(), stats, x))
    np.testing.assert_array_equal(scaled[:, 1], x[:, 1])
    np.testing.assert_allclose(scaled[:, [0, 2]].mean(axis=0), 0, atol=1e-5)


@pytest.mark.parametrize(("offset", "sd"), [(2000.0, 10.0), (1e5, 30.0), (1.7e9, 1e7), (-3e-5, 1e-7)])
def test_a_large_offset_leaves_mean_0_and_deviation_1(offset, sd):
    """Years, account numbers, timestamps: the spread is a small part of the value."""
    x = np.random.default_rng(0).normal(offset, sd, (20_000, 1)).astype(np.float32)
    scaled = np.asarray(BOTH(Standardise(), x, np.ones(len(x), np.float32))[1], np.float64)
    assert abs(scaled.mean()) < 0.02
    assert scaled.std() == pytest.approx(1, abs=0.02)


def test_the_sums_of_two_million_rows_are_exact_to_single_precision():
    x = np.random.default_rng(0).normal(1, 1, (2_000_000, 1)).astype(np.float32)
    stats = FIT(Standardise(), x, np.ones(len(x), np.float32))
    mean, sd = by_numpy(x)
    assert float(stats["mean"][0]) == pytest.approx(mean[0], rel=1e-5)
    assert float(1 / stats["inverse"][0]) == pytest.approx(sd[0], rel=1e-5)


@pytest.mark.parametrize("scaler", [Standardise(), Unscaled()], ids=lambda each: each.name)
def test_invert_undoes_apply(scaler):
    y = jnp.asarray(np.random.default_rng(0).normal(50, 9, (64, 2)), jnp.float32)
    stats = FIT(scaler, y, np.ones(64, np.float32))
    np.testing.assert_allclose(scaler.invert(stats, APPLY(scaler, stats, y)), y, rtol=1e-6)


def test_large_and_small_units_scale_alike():
    """Changing a column's unit changes nothing: the scaled column is the same to rounding."""
    x = np.random.default_rng(0).normal(3, 1, (1000, 1))
    one = BOTH(Standardise(), x.astype(np.float32), np.ones(1000, np.float32))[1]
    for unit in (1e-15, 1e-6, 1e6, 1e15):
        other = BOTH(Standardise(), (x * unit).astype(np.float32), np.ones(1000, np.float32))[1]
        np.testing.assert_allclose(other, one, atol=2e-5)
