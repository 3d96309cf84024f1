"""Batch and layer normalisation against numbers recorded from PyTorch (`benchmarks/record_batch_norm.py`)."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.layers import BatchNorm, LayerCall, LayerNorm

RECORDED = json.loads((Path(__file__).parent / "normalisation.json").read_text())
BATCHES = [np.array(each) for each in RECORDED["batches"]]
PARAMS = {"scale": np.array(RECORDED["scale"]), "shift": np.array(RECORDED["shift"])}
BATCH, LAYER = BatchNorm(RECORDED["momentum"], RECORDED["epsilon"]), LayerNorm(RECORDED["epsilon"])


@jax.jit
def train(layer, params, stats, x, weight=None):
    return layer.apply(params, stats, x, LayerCall(True, None, weight))


@jax.jit
def predict(layer, params, stats, x):
    return layer.apply(params, stats, x, LayerCall(False))[0]


@pytest.mark.parametrize(("layer", "name"), [(BATCH, "batch"), (LAYER, "layer")], ids=["batch", "layer"])
def test_outputs_and_gradients_are_pytorchs(layer, name, float64):
    _, stats = layer.init(jax.random.key(0), (3,))
    weights = jnp.asarray(RECORDED["weights"])
    total = lambda params, x: (train(layer, params, stats, x)[0] * weights).sum()  # noqa: E731
    for x, y in zip(BATCHES, RECORDED[name]["outputs"], strict=True):
        np.testing.assert_allclose(train(layer, PARAMS, stats, x)[0], y, rtol=1e-9, atol=1e-9)
    params, gradient = jax.jit(jax.grad(total, argnums=(0, 1)))(
        {k: jnp.asarray(v) for k, v in PARAMS.items()}, jnp.asarray(x)
    )
    slopes = RECORDED[name]["last_gradient"]
    np.testing.assert_allclose(gradient, slopes["x"], rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(params["scale"], slopes["scale"], rtol=1e-9)
    np.testing.assert_allclose(params["shift"], slopes["shift"], rtol=1e-9)


def test_running_statistics_are_pytorchs_without_what_it_began_with(float64):
    _, stats = BATCH.init(jax.random.key(0), (3,))
    for x in BATCHES:
        _, stats = train(BATCH, PARAMS, stats, x)
    kept = RECORDED["momentum"] ** 3  # PyTorch begins with mean 0 and variance 1, of which this is left
    mean, variance = np.array(RECORDED["batch"]["mean"]), np.array(RECORDED["batch"]["variance"]) - kept
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-10)
    np.testing.assert_allclose(stats["variance"], variance, rtol=1e-9)
    assert float(stats["seen"]) == pytest.approx(1 - kept)
    x = BATCHES[0]
    xhat = (x - mean / (1 - kept)) / np.sqrt(variance / (1 - kept) + RECORDED["epsilon"])
    np.testing.assert_allclose(predict(BATCH, PARAMS, stats, x), PARAMS["scale"] * xhat + PARAMS["shift"], rtol=1e-9)


def test_one_minibatch_is_enough_for_prediction(float64):
    _, stats = train(BATCH, PARAMS, BATCH.init(jax.random.key(0), (3,))[1], BATCHES[0])
    x = BATCHES[0]
    xhat = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0, ddof=1) + RECORDED["epsilon"])
    np.testing.assert_allclose(predict(BATCH, PARAMS, stats, x), PARAMS["scale"] * xhat + PARAMS["shift"], rtol=1e-9)


def test_an_untrained_layer_passes_its_inputs():
    params, stats = BatchNorm(epsilon=1e-12).init(jax.random.key(0), (3,))
    np.testing.assert_allclose(predict(BatchNorm(epsilon=1e-12), params, stats, BATCHES[0]), BATCHES[0], rtol=1e-6)


def test_rows_that_only_fill_the_last_minibatch_do_not_count(float64):
    _, stats = BATCH.init(jax.random.key(0), (3,))
    filled = np.concatenate([BATCHES[0], np.full((5, 3), 1e6)])
    weight = np.array([1.0] * 4 + [0.0] * 5)
    y, after = train(BATCH, PARAMS, stats, filled, weight)
    alone, expected = train(BATCH, PARAMS, stats, BATCHES[0])
    np.testing.assert_allclose(y[:4], alone, rtol=1e-12)
    for name in stats:
        np.testing.assert_allclose(after[name], expected[name], rtol=1e-12, err_msg=name)
    gradient = jax.grad(lambda x: (train(BATCH, PARAMS, stats, x, weight)[0][:4] ** 3).sum())(jnp.asarray(filled))
    assert not gradient[4:].any()


@pytest.mark.parametrize("fill", [0, 1, 7])
def test_a_last_minibatch_counts_by_its_degrees_of_freedom(fill, float64):
    _, stats = BATCH.init(jax.random.key(0), (3,))
    full, last = np.concatenate(BATCHES[:2]), BATCHES[2]
    filled = [np.concatenate([each, np.full((fill, 3), 1e6)]) for each in (full, last)]
    for x, n in zip(filled, (8, 4), strict=True):
        _, stats = train(BATCH, PARAMS, stats, x, np.float64(np.arange(len(x)) < n))
    kept = RECORDED["momentum"] ** (3 / 7)
    first = 1 - RECORDED["momentum"]
    mean = kept * first * full.mean(axis=0) + (1 - kept) * last.mean(axis=0)
    variance = kept * first * full.var(axis=0, ddof=1) + (1 - kept) * last.var(axis=0, ddof=1)
    np.testing.assert_allclose(stats["mean"], mean, rtol=1e-12)
    np.testing.assert_allclose(stats["variance"], variance, rtol=1e-12)
    assert float(stats["seen"]) == pytest.approx(kept * first + 1 - kept)


def test_a_weight_is_a_repetition(float64):
    _, stats = BATCH.init(jax.random.key(0), (3,))
    y, _ = train(BATCH, PARAMS, stats, BATCHES[0], np.array([1.0, 3.0, 1.0, 2.0]))
    repeated, _ = train(BATCH, PARAMS, stats, np.repeat(BATCHES[0], [1, 3, 1, 2], axis=0))
    np.testing.assert_allclose(y, np.asarray(repeated)[[0, 1, 4, 5]], rtol=1e-12)


@pytest.mark.parametrize("real", [0, 1])
def test_no_row_or_one_leaves_everything_finite_and_the_statistics_as_they_were(real):
    _, stats = train(BATCH, PARAMS, BATCH.init(jax.random.key(0), (3,))[1], np.float32(BATCHES[0]))
    weight = np.float32(np.arange(4) < real)
    loss = lambda x: train(BATCH, PARAMS, stats, x, weight)[0].sum()  # noqa: E731
    y, after = train(BATCH, PARAMS, stats, np.float32(BATCHES[1]), weight)
    assert np.isfinite(y).all()
    assert np.isfinite(jax.jit(jax.grad(loss))(jnp.asarray(BATCHES[1], jnp.float32))).all()
    for name in stats:
        np.testing.assert_array_equal(after[name], stats[name])
    assert BATCH.min_batch == 2
    assert LAYER.min_batch == 1


def test_scale_and_shift_undo_the_normalisation(float64):
    """With scale = sqrt(var + eps) and shift = mean, a normalisation is the identity."""
    x = BATCHES[2]
    for layer, axis in ((BATCH, 0), (LAYER, 1)):
        if axis == 0:
            params = {"scale": np.sqrt(x.var(axis=0) + RECORDED["epsilon"]), "shift": x.mean(axis=0)}
            np.testing.assert_allclose(
                train(layer, params, layer.init(jax.random.key(0), (3,))[1], x)[0], x, rtol=1e-12
            )
        else:
            y = train(layer, {"scale": np.ones(3), "shift": np.zeros(3)}, {}, x)[0]
            np.testing.assert_allclose(y.mean(axis=1), 0, atol=1e-12)
            np.testing.assert_allclose(y.std(axis=1), np.sqrt(x.var(axis=1) / (x.var(axis=1) + 1e-3)), rtol=1e-12)
