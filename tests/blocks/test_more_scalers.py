"""Centring, ranges, quantiles, pixels, principal components, whitening and bins against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.losses import BinnedCrossEntropy
from fallline.scalers import (
    BLOCK,
    PCA,
    Bins,
    Centre,
    Log,
    MinMax,
    PerMean,
    Pixels,
    QuantileNormal,
    Robust,
    SmoothClip,
    Standardise,
    Unscaled,
    Whiten,
)
from fallline.scalers.quantiles import extremes, weighted_quantiles

FIT = jax.jit(lambda scaler, x, w, columns=None: scaler.fit(x, w, columns))
SCALE = jax.jit(lambda scaler, x, w: scaler.apply(scaler.fit(x, w), x))
APPLY = jax.jit(lambda scaler, stats, x: scaler.apply(stats, x))
INVERT = jax.jit(lambda scaler, stats, x: scaler.invert(stats, x))
QUANTILE = jax.jit(lambda scaler, stats, p, level: scaler.quantile(stats, p, level))
INTERVAL = jax.jit(lambda scaler, stats, p, coverage: scaler.interval(stats, p, coverage))
QUANTILES = jax.jit(weighted_quantiles)
COLUMNWISE = [Centre(), PerMean(), MinMax(), Robust(), Robust(clip=1.0), Pixels(), Pixels("range")]
ROTATIONS = [PCA(share=0.9), PCA(whiten=True), Whiten()]
EACH = pytest.mark.parametrize("scaler", COLUMNWISE, ids=lambda each: each.name)
EVERY = pytest.mark.parametrize("scaler", [*COLUMNWISE, *ROTATIONS], ids=lambda each: each.name)


def ones(rows):
    return np.ones(rows, np.float32)


def correlated(rows=500, seed=0):
    """Five columns of three hidden ones, with units and offsets of their own."""
    rng = np.random.default_rng(seed)
    hidden = rng.normal(size=(rows, 3)) * [3, 1, 0.3]
    x = hidden @ rng.normal(size=(3, 5)) + rng.normal(size=(rows, 5)) * [0.3, 0.5, 0.8, 1.1, 1.5]
    return (x * [1, 10, 0.1, 5, 1] + [0, 100, -3, 7, 1]).astype(np.float32)


def by_numpy(scaler, x):
    x = x.astype(np.float64)
    if isinstance(scaler, Centre):
        return x - x.mean(axis=0)
    if isinstance(scaler, PerMean):
        return x / abs(x.mean(axis=0))
    if isinstance(scaler, MinMax):
        return 2 * (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0)) - 1
    if isinstance(scaler, Robust):
        low, middle, high = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
        scaled = (x - middle) / (high - low)
        return scaled if scaler.clip is None else np.clip(scaled, -scaler.clip, scaler.clip)
    return x / 255 if scaler.by == "byte" else (x - x.min()) / (x.max() - x.min())


def test_every_scaler_is_met():
    elsewhere = {SmoothClip, QuantileNormal, Log}  # test_smooth_scalers.py, tests/training/test_transform.py
    met = {type(each) for each in [*COLUMNWISE, *ROTATIONS]} | {Standardise, Unscaled, Bins} | elsewhere
    assert met == set(family("scaler").values())


@EACH
@pytest.mark.parametrize("rows", [3, BLOCK + 5])
def test_scaled_columns_are_numpys(scaler, rows):
    x = correlated(rows)
    np.testing.assert_allclose(SCALE(scaler, x, ones(rows)), by_numpy(scaler, x), rtol=2e-4, atol=2e-5 * abs(x).max())


def test_a_sparse_column_is_divided_by_its_deviation():
    x = np.zeros((100, 1), np.float32)
    x[:10, 0] = 50.0
    stats = FIT(Robust(), x, ones(100))
    assert float(np.asarray(stats["inverse"])[0]) == pytest.approx(1 / np.sqrt(0.1 * 50**2), rel=1e-5)


def test_quantiles_are_numpys_and_ignore_the_unit_of_the_weights():
    x = correlated(301)
    x[::5, 1] = np.nan
    levels = np.array([0.0, 0.1, 0.25, 0.5, 0.77, 1.0])
    ours = QUANTILES(x, ones(301), np.float32(levels))
    np.testing.assert_allclose(ours, np.nanquantile(x.astype("f8"), levels, axis=0), rtol=1e-5, atol=1e-5)
    other = QUANTILES(x, np.full(301, 1 / 301, np.float32), np.float32(levels))
    np.testing.assert_allclose(ours, other, rtol=1e-5, atol=1e-5)
    low, high = jax.jit(extremes)(x, ones(301))
    np.testing.assert_array_equal(low, np.nanmin(x, axis=0))
    np.testing.assert_array_equal(high, np.nanmax(x, axis=0))


def principal(x, standardise=True):
    z = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    z = z / z.std(axis=0) if standardise else z
    variances, u = np.linalg.eigh(z.T @ z / len(z))
    return z, variances[::-1], u[:, ::-1]


@pytest.mark.parametrize("rows", [40, BLOCK + 100])
@pytest.mark.parametrize("standardise", [True, False])
def test_components_are_numpys_up_to_their_sign(rows, standardise):
    x = correlated(rows)
    z, variances, u = principal(x, standardise)
    scaler = PCA(components=3, standardise=standardise)
    stats = jax.device_get(FIT(scaler, x, ones(rows)))
    scaled = np.asarray(APPLY(scaler, stats, x))
    expected = (z @ u)[:, :3]
    signs = np.sign((scaled * expected).sum(axis=0))
    np.testing.assert_allclose(scaled * signs, expected, atol=3e-3 * abs(expected).max())
    explained = pytest.approx(variances[:3].sum() / variances.sum(), rel=1e-4)
    assert scaler.found(stats) == {"components": 3, "of": x.shape[1], "explained": explained}
    assert (np.abs(stats["rotation"]).max(axis=0) == np.max(stats["rotation"], axis=0)).all()


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99, 1.0])
def test_a_share_keeps_as_few_components_as_explain_it(share):
    x = correlated()
    _, variances, _ = principal(x)
    wanted = int(np.searchsorted(np.cumsum(variances) / variances.sum(), share - 1e-6) + 1)
    stats = FIT(PCA(share=share), x, ones(len(x)))
    assert int(stats["kept"]) == wanted
    assert float(stats["explained"]) >= share - 1e-5
    scaled = np.asarray(APPLY(PCA(share=share), stats, x))
    assert scaled.shape == (len(x), 5)
    assert scaled[:, :wanted].std(axis=0).all()
    assert not scaled[:, wanted:].any()


def test_widths():
    assert (PCA(components=3).outputs(5), PCA(components=9).outputs(5), PCA(share=0.9).outputs(5)) == (3, 5, 5)
    assert (Standardise().outputs(5), Whiten().outputs(5)) == (5, 5)
    with pytest.raises(FalllineError, match="number of components"):
        PCA(components=0)


@pytest.mark.parametrize(
    "scaler", [Whiten(epsilon=0.0), Whiten("pca", 0.0), PCA(whiten=True), PCA(components=3, whiten=True)]
)
def test_whitened_columns_have_unit_variance_and_no_correlation(scaler):
    x = correlated(2000)
    scaled = np.asarray(SCALE(scaler, x, ones(len(x))), np.float64)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=2e-2)
    np.testing.assert_allclose(scaled.T @ scaled / len(x), np.eye(scaled.shape[1]), atol=3e-2)


def test_zca_stays_closest_to_the_columns():
    """Its correlation with the standardised columns is larger than that of principal components."""
    x = correlated(2000)
    z, variances, u = principal(x)
    scaled = np.asarray(SCALE(Whiten(epsilon=1e-6), x, ones(len(x))), np.float64)
    expected = z @ u @ np.diag(1 / np.sqrt(variances + 1e-6 * variances[0])) @ u.T
    np.testing.assert_allclose(scaled, expected, atol=0.1)
    other = np.asarray(SCALE(Whiten("pca", 1e-6), x, ones(len(x))), np.float64)
    alike = lambda y: np.mean([abs(np.corrcoef(y[:, j], z[:, j])[0, 1]) for j in range(5)])  # noqa: E731
    assert alike(scaled) > alike(other)


@pytest.mark.parametrize("by", ["quantile", "width"])
def test_bins_are_numpys(by):
    y = np.random.default_rng(0).gamma(2.0, 3.0, (5000, 2)).astype(np.float32)
    scaler = Bins(bins=10, by=by)
    stats = FIT(scaler, y, ones(len(y)))
    index, stats = np.asarray(APPLY(scaler, stats, y)), jax.device_get(stats)
    for j in range(2):
        column = y[:, j].astype(np.float64)
        edges = (
            np.quantile(column, np.arange(11) / 10) if by == "quantile" else np.linspace(column.min(), column.max(), 11)
        )
        np.testing.assert_allclose(stats["edges"][j], edges, rtol=3e-3, atol=1e-3)
        own = np.digitize(column, np.asarray(stats["edges"][j][1:-1], np.float64))
        np.testing.assert_array_equal(index[:, j], own)
        present = np.unique(own)
        centres = [column[own == k].mean() for k in present]
        np.testing.assert_allclose(np.asarray(stats["centres"][j])[present], centres, rtol=1e-4)
        if by == "quantile":
            np.testing.assert_allclose(np.bincount(own, minlength=10), 500, atol=2)
    beyond = APPLY(scaler, stats, np.float32([[-1e9, 1e9]]))
    assert beyond.tolist() == [[0.0, 9.0]]


def test_a_target_with_few_values_leaves_bins_empty_and_answers_finite():
    y = np.repeat([0.0, 1.0, 5.0], [70, 20, 10])[:, None].astype(np.float32)
    scaler = Bins(bins=8)
    stats = FIT(scaler, y, ones(100))
    index = np.asarray(APPLY(scaler, stats, y))[:, 0].astype(int)
    assert len(np.unique(index)) == 3
    answer = INVERT(scaler, stats, np.eye(8, dtype=np.float32)[index])
    np.testing.assert_allclose(answer, y, atol=1e-6)
    assert np.isfinite(np.asarray(QUANTILE(scaler, stats, np.full((1, 8), 1 / 8, np.float32), 0.3))).all()


def test_probabilities_become_means_and_intervals_in_the_targets_unit():
    rng = np.random.default_rng(0)
    y = rng.normal(50, 10, (20_000, 1)).astype(np.float32)
    scaler = Bins(bins=50)
    stats = FIT(scaler, y, ones(len(y)))
    same = np.full((3, 50), 0.02, np.float32)
    np.testing.assert_allclose(INVERT(scaler, stats, same), y.mean(), rtol=1e-4)
    low, high = INTERVAL(scaler, stats, same, 0.8)
    np.testing.assert_allclose(low, np.quantile(y, 0.1), rtol=1e-3)
    np.testing.assert_allclose(high, np.quantile(y, 0.9), rtol=1e-3)
    assert float(np.asarray(QUANTILE(scaler, stats, same, 0.5))[0, 0]) == pytest.approx(float(np.median(y)), rel=1e-3)
    p = rng.dirichlet(np.full(50, 0.3), 40).astype(np.float32)
    levels = [np.asarray(QUANTILE(scaler, stats, p, level))[:, 0] for level in (0.05, 0.3, 0.5, 0.7, 0.95)]
    assert (np.diff(levels, axis=0) >= -1e-4).all()


def test_a_loss_over_bins_learns_a_distribution():
    """By hand: descent on the logits of one histogram reaches the shares of the bins."""
    y = np.random.default_rng(0).exponential(2.0, (4000, 1)).astype(np.float32)
    loss = BinnedCrossEntropy(bins=6, by="width")
    scaler = loss.target_scaler(None)
    stats = FIT(scaler, y, ones(len(y)))
    target = APPLY(scaler, stats, y)
    total = jax.jit(jax.grad(lambda z: loss(jnp.broadcast_to(z, (len(y), 6)), target).mean()))
    z = np.zeros((1, 6), np.float32)
    for _ in range(400):
        z = z - 2.0 * np.asarray(total(z))
    shares = np.bincount(np.asarray(target)[:, 0].astype(int), minlength=6) / len(y)
    answer = np.asarray(loss.mean(z))
    np.testing.assert_allclose(answer[0], shares, atol=5e-3)
    np.testing.assert_allclose(INVERT(scaler, stats, answer), np.mean(y), rtol=5e-3)


@pytest.mark.parametrize("scaler", [Centre(), Robust()], ids=lambda each: each.name)
def test_a_missing_value_is_the_centre(scaler):
    gaps = correlated(200)
    gaps[::7, 2] = np.nan
    np.testing.assert_allclose(APPLY(scaler, FIT(scaler, gaps, ones(200)), gaps)[::7, 2], 0, atol=1e-6)
