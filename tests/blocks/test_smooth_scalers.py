"""Scalers that bring outliers near, beside SciPy, scikit-learn and numbers worked by hand."""

import jax.numpy as jnp
import numpy as np
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from fallline.scalers import QuantileNormal, SmoothClip
from fallline.scalers.smooth import normal_quantile


def test_the_normal_quantile_is_that_of_scipy():
    p = np.linspace(1e-6, 1 - 1e-6, 5001)
    found = normal_quantile(jnp.asarray(p, jnp.float32))
    np.testing.assert_allclose(found, norm.ppf(p.astype(np.float32).astype(np.float64)), atol=2e-6)


def test_quantiles_to_normal_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = np.stack([rng.normal(size=900), rng.exponential(size=900)], axis=1).astype(np.float32)
    scaler = QuantileNormal()
    stats = scaler.fit(jnp.asarray(x), jnp.ones(900))
    judge = QuantileTransformer(n_quantiles=30, output_distribution="normal", subsample=None)
    expected = judge.fit_transform(x.astype(np.float64))
    np.testing.assert_allclose(scaler.apply(stats, jnp.asarray(x)), expected, atol=1e-4)


def test_a_value_shared_by_many_rows_has_the_middle_of_its_levels():
    x = jnp.asarray(np.repeat([0.0, 1.0, 2.0], [180, 60, 60])[:, None], jnp.float32)  # ten quantiles
    scaler = QuantileNormal()
    z = scaler.apply(scaler.fit(x, jnp.ones(300)), jnp.array([[0.0], [2.0], [-1.0], [3.0]]))
    # 0 has the levels 0 to 5/9, and 2 the levels 8/9 and 1; values beyond have the levels 0 and 1.
    np.testing.assert_allclose(z[:, 0], [norm.ppf(5 / 18), norm.ppf(17 / 18), -5.1993, 5.1993], atol=1e-3)


def test_a_smooth_clip_by_hand():
    x = jnp.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    scaler = SmoothClip(limit=2.0)
    z = np.array([-1, -0.5, 0, 0.5, 1])
    np.testing.assert_allclose(scaler.apply(scaler.fit(x, jnp.ones(5)), x)[:, 0], z / np.sqrt(1 + z**2 / 4), rtol=1e-6)
    mostly = jnp.array([[0.0]] * 9 + [[8.0]])  # its quartiles are equal, and half its range is 4
    np.testing.assert_allclose(scaler.apply(scaler.fit(mostly, jnp.ones(10)), mostly)[-1, 0], 2 / np.sqrt(2), rtol=1e-6)
