import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from fallline.activations import ReLU
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.random import named
from fallline.layers import Dense, Dropout, LayerCall, Sequential
from fallline.layers.dense import product
from fallline.models import MLP

ONES = np.ones((1000, 1000), np.float32)


def drop(rate, x=ONES, seed=0, training=True):
    return Dropout(rate).apply({}, {}, jnp.asarray(x), LayerCall(training, jax.random.key(seed)))[0]


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5, 0.9, 0.999])
def test_dropout_keeps_the_expected_value_and_drops_its_share(rate):
    y = np.asarray(drop(rate), np.float64)
    kept = (y != 0).mean()
    spread = 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert abs(kept - (1 - rate)) < spread
    assert abs(y.mean() - 1) < spread / (1 - rate)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-4)


def test_dropout_of_nothing_is_the_identity_to_the_bit():
    x = np.random.default_rng(0).normal(size=(50, 40)).astype(np.float32)
    np.testing.assert_array_equal(drop(0.0, x), x)
    np.testing.assert_array_equal(drop(0.7, x, training=False), x)
    assert Dropout(0.7).apply({}, {}, jnp.asarray(x), LayerCall(False))[0].shape == x.shape


@pytest.mark.parametrize("rate", [0.999999, 1 - 1e-7, 1 - 1e-9, np.nextafter(1.0, 0.0)])
def test_a_rate_towards_one_stays_finite_with_its_gradient(rate):
    layer = as_arrays(Dropout(rate))  # in a run the rate is a float32, and then some of these are 1
    for x in (jnp.ones((4000, 1000)), jnp.zeros((9, 9))):
        out = lambda x: layer.apply({}, {}, x, LayerCall(True, jax.random.key(0)))[0].sum()  # noqa: E731
        value, gradient = jax.value_and_grad(out)(x)
        assert jnp.isfinite(value)
        assert jnp.isfinite(gradient).all()


def test_dropout_masks_of_other_keys_are_unrelated():
    a, b = (np.asarray(drop(0.5, seed=seed)).ravel() for seed in (0, 1))
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_masks_are_fair_and_independent_across_steps_rows_and_units(rate):
    """Sums of independent coins, five standard deviations wide; a pattern in a row, a unit or a step goes beyond."""
    steps, rows, units = 64, 96, 160
    draw = lambda t: apply_at(rate, named(jax.random.key(3), "noise", t), rows, units)  # noqa: E731
    kept = np.asarray(jax.jit(jax.vmap(draw))(jnp.arange(steps)), np.float64)
    spread = np.sqrt(rate * (1 - rate))
    assert abs(kept.mean() - (1 - rate)) < 5 * spread / np.sqrt(kept.size)
    for axes in ((0, 1), (0, 2), (1, 2)):  # each unit, each row, each step
        means = kept.mean(axis=axes)
        assert abs(means - (1 - rate)).max() < 5 * spread / np.sqrt(kept.size / means.size)
        # Their own spread is that of independent coins, too: neither too even nor too uneven.
        z = (means - (1 - rate)) / (spread / np.sqrt(kept.size / means.size))
        assert 1e-5 < stats.chi2(len(z)).cdf((z**2).sum()) < 1 - 1e-5
    z = (kept - (1 - rate)) / spread
    for axis in range(3):
        lines = np.moveaxis(z, axis, 0).reshape(z.shape[axis], -1)
        products = lines @ lines.T / np.sqrt(lines.shape[1])
        assert abs(products[~np.eye(len(products), dtype=bool)]).max() < 6  # of up to 12,720 pairs


def apply_at(rate, key, rows, units):
    return Dropout(rate).apply({}, {}, jnp.ones((rows, units)), LayerCall(True, key))[0] > 0


def test_dropout_needs_a_key_while_training():
    with pytest.raises(FalllineError, match="random key"):
        Dropout(0.5).apply({}, {}, jnp.ones((1, 1)), LayerCall(True))


def test_relu_has_slope_0_at_0_and_keeps_nan():
    assert jax.vmap(jax.grad(ReLU()))(jnp.array([-1.0, 0.0, 2.0])).tolist() == [0.0, 0.0, 1.0]
    assert ReLU().flat(jnp.array([-1.0, 0.0, 2.0])).tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(float(ReLU()(jnp.float32(jnp.nan))))
    assert ReLU().squashed(jnp.array([0.0, 9.0])).tolist() == [0.0, 0.0]


def test_a_network_is_the_products_of_numpy():
    network = MLP(hidden=(5, 4), dropout=0.5).network(outputs=3)
    assert network.names() == ["dense_1", "relu_1", "dropout_1", "dense_2", "relu_2", "dropout_2", "dense_3"]
    params, stats = network.init(jax.random.key(0), (6,))
    assert stats == {}
    assert network.outputs(6) == 3
    x = np.random.default_rng(0).normal(size=(7, 6))
    params = jax.tree.map(lambda w: w + 0.1, params)
    taps = []
    ours, _ = network.apply(params, {}, jnp.asarray(x, jnp.float32), LayerCall(False), taps=taps)
    h = x
    for i, name in enumerate(("dense_1", "dense_2", "dense_3")):
        w, b = (np.asarray(params[name][part], np.float64) for part in ("weight", "bias"))
        h = h @ w + b
        if i < 2:
            np.testing.assert_allclose(taps[i][2], h, rtol=1e-4, atol=1e-5)
            h = np.maximum(h, 0)
            np.testing.assert_allclose(taps[i][3], h, rtol=1e-4, atol=1e-5)
            assert taps[i][0] == name
    np.testing.assert_allclose(ours, h, rtol=1e-4, atol=1e-5)


def test_each_layer_draws_its_own_weights_and_its_own_masks():
    network = Sequential((Dense(6), Dropout(0.5), Dense(6), Dropout(0.5)))
    params, _ = network.init(jax.random.key(0), (6,))
    assert not np.allclose(params["dense_1"]["weight"], params["dense_2"]["weight"])
    masks = Sequential((Dropout(0.5), Dropout(0.5))).apply(
        {}, {}, jnp.ones((1, 4096)), LayerCall(True, jax.random.key(0))
    )
    assert float((masks[0] != 0).mean()) == pytest.approx(0.25, abs=0.05)


def test_a_wide_layer_begins_with_a_narrow_ones_weights():
    from fallline.initializers import Zeros

    narrow, wide = (
        Dense(width, bias=False).init(jax.random.key(3), (5,), (5.0, 8.0))[0]["weight"] for width in (8, 16)
    )
    np.testing.assert_array_equal(narrow, wide[:, :8])
    assert not Dense(3, initializer=Zeros()).init(jax.random.key(0), (2,))[0]["weight"].any()
    assert set(Dense(3, bias=False).init(jax.random.key(0), (2,))[0]) == {"weight"}


DERIVATIVES = {
    "value": lambda f: f,
    "gradient": jax.grad,
    "slope along both": lambda f: lambda W, x: jax.jvp(f, (W, x), (2 * W, x**2))[1],
    "curvature along W": lambda f: lambda W, x: jax.jvp(lambda W: jax.grad(f)(W, x), (W,), (jnp.sin(W),))[1],
    "gradient of a gradient": lambda f: jax.grad(lambda W, x: jnp.sum(jax.grad(f, 1)(W, x) ** 2)),
    "lanes of weights": lambda f: lambda W, x: jax.vmap(jax.grad(f), (0, None))(jnp.stack([W, -W]), x),
    "lanes of both": lambda f: lambda W, x: jax.vmap(jax.grad(f, 1))(jnp.stack([W, -W]), jnp.stack([x, 2 * x])),
}


@pytest.mark.parametrize("what", DERIVATIVES)
@pytest.mark.usefixtures("float64")
def test_a_product_of_any_size_is_that_of_matrices_and_so_are_its_derivatives(what):
    rng = np.random.default_rng(0)
    for rows, inputs, outputs in ((20, 40, 5), (100, 200, 101)):  # narrow; of a size that is computed by columns
        W, x = jnp.asarray(rng.normal(size=(inputs, outputs))), jnp.asarray(rng.normal(size=(rows, inputs)))
        ours, plain = (
            jax.jit(DERIVATIVES[what](lambda W, x, by=by: jnp.sum(jnp.tanh(by(x, W) / 9))))(W, x)
            for by in (product, jnp.matmul)
        )
        np.testing.assert_allclose(ours, plain, rtol=1e-11, atol=1e-11)
