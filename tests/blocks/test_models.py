"""What the options of a model make of its layers; Maxout, dropout's two forms; refused weights; initial weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.activations import GELU, ReLU, Sigmoid, Tanh
from fallline.core.errors import FalllineError
from fallline.core.plain import from_plain, to_plain
from fallline.initializers import (
    Filled,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    Orthogonal,
    SmallNormal,
    Zeros,
)
from fallline.layers import BatchNorm, Dense, Dropout, LayerCall, LayerNorm, Maxout, Sequential
from fallline.models import MLP, Network
from fallline.schedules import Cosine

KEY = jax.random.key(0)


def test_the_options_of_an_mlp_decide_its_layers():
    names = lambda **options: MLP(hidden=(8, 4), **options).network(3).names()  # noqa: E731
    assert names(batch_norm=True, dropout=0.1) == [
        "dense_1", "batch_norm_1", "relu_1", "dropout_1", "dense_2", "batch_norm_2", "relu_2", "dropout_2", "dense_3"
    ]  # fmt: skip
    assert names(layer_norm=True) == [
        "dense_1",
        "layer_norm_1",
        "relu_1",
        "dense_2",
        "layer_norm_2",
        "relu_2",
        "dense_3",
    ]
    assert names(pieces=2) == ["maxout_1", "maxout_2", "dense_1"]
    network = MLP(hidden=(8,), batch_norm=True).network(3)
    assert [layer.bias for layer in network.layers if isinstance(layer, Dense)] == [False, True]
    assert (network.min_batch, MLP().network(3).min_batch) == (2, 1)
    with pytest.raises(FalllineError, match="both on"):
        MLP(batch_norm=True, layer_norm=True)
    with pytest.raises(FalllineError, match="weighted sums: expected 2"):
        MLP(pieces=1)


def test_initial_weights_are_the_activations_unless_said():
    first = lambda **options: MLP(hidden=(8,), **options).network(3).layers[0].initializer  # noqa: E731
    assert first() == HeNormal()
    assert first(activation=GELU()) == HeNormal()
    assert first(activation=Tanh()) == first(activation=Sigmoid()) == GlorotUniform()
    assert first(activation=Tanh(), initializer=Orthogonal()) == Orthogonal()
    assert first(pieces=3) == LeCunNormal()


@pytest.mark.parametrize("initializer", [Zeros(), Filled(0.3)], ids=lambda each: each.name)
def test_weights_that_make_all_units_equal_are_refused_with_the_reason(initializer):
    with pytest.raises(FalllineError, match="no symmetry breaking"):
        MLP(hidden=(8,), initializer=initializer)
    with pytest.raises(FalllineError, match=r"Network\.layers\.1\.initializer.*no symmetry breaking"):
        Network((ReLU(), Dense(8, initializer)))
    MLP(hidden=(), initializer=initializer)
    MLP(hidden=(8,), output_initializer=initializer)
    Network((Dense(8, bias_initializer=initializer),))


def test_equal_units_would_indeed_stay_equal():
    """The reason for the refusal: the gradient of each unit of a constant layer is the same."""
    network = Sequential((Dense(6, Filled(0.3)), Tanh(), Dense(1, Filled(0.3))))
    params, _ = network.init(KEY, (4,))
    x = jax.random.normal(KEY, (20, 4))
    loss = lambda params: (network.apply(params, {}, x, LayerCall(True))[0] ** 2).sum()  # noqa: E731
    gradient = np.asarray(jax.grad(loss)(params)["dense_1"]["weight"])
    np.testing.assert_allclose(gradient, gradient[:, :1].repeat(6, axis=1), rtol=1e-5)


def test_every_option_survives_a_recipe_file():
    model = MLP(
        hidden=(8,), pieces=2, dropout=0.2, dropout_form="vanilla", initializer=SmallNormal(0.02), batch_norm=True
    )
    assert from_plain("model", to_plain(model)) == model
    assert from_plain("model", to_plain(MLP())) == MLP()
    layers = Network(
        (Dense(4, HeUniform(0.1)), BatchNorm(0.8), ReLU(), Maxout(3, 4), LayerNorm(), Dropout(0.3, "vanilla"))
    )
    assert from_plain("model", to_plain(layers)) == layers


def test_maxout_is_the_largest_of_its_sums():
    layer = Maxout(3, pieces=4)
    params, _ = layer.init(KEY, (5,))
    params = {**params, "bias": jax.random.normal(KEY, (4, 3))}
    x = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    y, _ = layer.apply(params, {}, jnp.asarray(x), LayerCall(True))
    w, b = np.asarray(params["weight"], np.float64), np.asarray(params["bias"], np.float64)
    np.testing.assert_allclose(y, np.max([x @ w[:, k] + b[k] for k in range(4)], axis=0), rtol=1e-5, atol=1e-5)
    assert layer.size(5) == (5 + 1) * 4 * 3
    assert Dense(3).size(5) == (5 + 1) * 3
    assert not np.allclose(w[:, 0], w[:, 1])
    gradient = jax.grad(lambda w: layer.apply({**params, "weight": w}, {}, x, LayerCall(True))[0].sum())(w)
    chosen = np.argmax(np.einsum("ni,ikw->nkw", x, w) + b, axis=1)
    expected = sum(np.eye(4)[chosen[n]].T[None] * x[n][:, None, None] for n in range(7))
    np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5)


def test_maxout_of_two_pieces_can_be_relu():
    w = jax.random.normal(KEY, (5, 3))
    params = {"weight": jnp.stack([w, jnp.zeros_like(w)], axis=1), "bias": jnp.zeros((2, 3))}
    x = jax.random.normal(jax.random.key(1), (9, 5))
    y, _ = Maxout(3).apply(params, {}, x, LayerCall(True))
    np.testing.assert_allclose(y, jax.nn.relu(x @ w), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_both_dropouts_predict_what_they_trained_on_average(rate):
    """Mean over 20,000 masks of a linear unit, within five standard errors, and the same relation in both forms."""
    x, w = jnp.array([1.0, -2.0, 3.0, 0.5]), jnp.array([0.3, 0.2, -0.5, 1.0])
    for form in ("inverted", "vanilla"):
        layer = Dropout(rate, form)
        sums = lambda x, key, training, layer=layer: layer.apply({}, {}, x, LayerCall(training, key))[0] @ w  # noqa: E731
        trained = np.asarray(sums(jnp.broadcast_to(x, (20_000, 4)), KEY, True), np.float64)
        predicted = float(sums(x[None], None, False)[0])
        assert abs(trained.mean() - predicted) < 5 * trained.std() / np.sqrt(len(trained))
        assert predicted == pytest.approx(float(x @ w) * (1 if form == "inverted" else 1 - rate), rel=1e-5)


def test_a_vanilla_rate_cannot_follow_a_schedule():
    with pytest.raises(FalllineError, match="inverted"):
        Dropout(Cosine(0.5), "vanilla")
    with pytest.raises(FalllineError, match="inverted"):
        MLP(dropout=Cosine(0.5), dropout_form="vanilla")
    MLP(dropout=Cosine(0.5))


@pytest.mark.parametrize("shape", [(6, 6), (20, 7), (7, 20), (1, 5)])
def test_orthogonal_weights_have_singular_values_of_the_gain(shape):
    w = np.asarray(Orthogonal(1.7)(jax.random.key(3), shape), np.float64)
    assert w.shape == shape
    np.testing.assert_allclose(np.linalg.svd(w, compute_uv=False), 1.7, rtol=1e-5)
    assert not np.allclose(w, Orthogonal(1.7)(jax.random.key(4), shape))


def test_orthogonal_weights_point_everywhere_alike():
    """Uniform over rotations: each entry of n x n has mean 0 and variance 1/n; without the sign the diagonal has not."""
    w = np.asarray(jax.vmap(lambda key: Orthogonal()(key, (4, 4)))(jax.random.split(KEY, 20_000)), np.float64)
    assert abs(w.mean(axis=0)).max() < 5 * 0.5 / np.sqrt(20_000)
    np.testing.assert_allclose((w**2).mean(axis=0), 0.25, atol=0.01)
    np.testing.assert_allclose(np.linalg.det(w).mean(), 0, atol=0.04)


def test_a_leaky_slope_lowers_the_variance():
    plain, leaky = (np.asarray(HeNormal(slope)(KEY, (50, 60))) for slope in (0.0, 1.0))
    np.testing.assert_allclose(plain, leaky * np.sqrt(2), rtol=1e-6)
    plain, leaky = (np.asarray(HeUniform(slope)(KEY, (50, 60))) for slope in (0.0, 0.5))
    np.testing.assert_allclose(plain, leaky * np.sqrt(1.25), rtol=1e-6)
    assert Filled(0.5)(KEY, (3,)).tolist() == [0.5] * 3
