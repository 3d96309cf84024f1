"""Values and slopes against float64 NumPy written from the formulas; the declared facts against measurements."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, erfinv, expit

import fallline.initializers  # noqa: F401  so that the family is known
from fallline.activations import ELU, GELU, SELU, Identity, LeakyReLU, Mish, ReLU, Sigmoid, SiLU, Softplus, Tanh
from fallline.core.block import family, lookup

RANDOM = np.random.default_rng(0)
NORMAL = np.sqrt(2) * erfinv(2 * (np.arange(100_000) + 0.5) / 100_000 - 1)  # quantiles: its sums are integrals
C = np.sqrt(2 / np.pi)
FORMULAS = {
    "relu": (ReLU(), lambda x: np.maximum(x, 0)),
    "leaky_relu": (LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    "elu": (ELU(0.7), lambda x: np.where(x > 0, x, 0.7 * (np.exp(np.minimum(x, 0)) - 1))),
    "selu": (
        SELU(),
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543773 * np.expm1(np.minimum(x, 0))),
    ),
    "mish": (Mish(), lambda x: x * np.tanh(np.logaddexp(0, x))),
    "sigmoid": (Sigmoid(), expit),
    "tanh": (Tanh(), np.tanh),
    "softplus": (Softplus(), lambda x: np.logaddexp(0, x)),
    "silu": (SiLU(), lambda x: x * expit(x)),
    "gelu": (GELU(), lambda x: x * (1 + erf(x / np.sqrt(2))) / 2),
    "gelu_tanh": (GELU("tanh"), lambda x: x * (1 + np.tanh(C * (x + 0.044715 * x**3))) / 2),
    "identity": (Identity(), lambda x: x),
}
EACH = pytest.mark.parametrize(("f", "formula"), FORMULAS.values(), ids=FORMULAS)
VALUE = jax.jit(lambda f, x: f(x))
SLOPE = jax.jit(lambda f, x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1])


def test_every_activation_is_met():
    assert {type(f) for f, _ in FORMULAS.values()} == set(family("activation").values())


@EACH
def test_value_follows_the_formula_in_both_precisions(f, formula):
    x = np.concatenate([RANDOM.normal(size=200) * 5, [0.0, -30.0, 30.0]])
    for dtype, tolerance in (("f4", 2e-6), ("f8", 1e-14)):
        with jax.enable_x64(dtype == "f8"):
            y = VALUE(f, jnp.asarray(x.astype(dtype)))
            assert y.dtype == dtype
            np.testing.assert_allclose(y, formula(x.astype(dtype).astype("f8")), rtol=tolerance, atol=tolerance)


@EACH
def test_slope_follows_central_differences(f, formula, float64):
    x, h = RANDOM.normal(size=200) * 4, 1e-6
    numeric = (formula(x + h) - formula(x - h)) / (2 * h)
    np.testing.assert_allclose(SLOPE(f, jnp.asarray(x)), numeric, atol=1e-8)


def test_flat_asks_the_rule_that_training_uses():
    @jax.custom_vjp
    def step(x):
        return jnp.sign(x)

    step.defvjp(lambda x: (jnp.sign(x), x), lambda x, dy: (dy * (jnp.abs(x) < 1),))  # straight through

    class Step(Identity):
        name = ""

        def __call__(self, x):
            return step(x)

    assert Step().flat(jnp.array([-2.0, -0.5, 0.5, 2.0])).tolist() == [1.0, 0.0, 0.0, 1.0]


@EACH
def test_the_recommended_weights_keep_a_signal_alive_through_ten_layers(f, formula):
    """Mean square of the sums stays within a factor of ten; 0.01 N(0, 1) loses it by many orders."""
    weights = lookup("initializer", f.initializer)()
    x = jax.random.normal(jax.random.key(0), (256, 128))
    layer = jax.jit(lambda x, key: (sums := x @ weights(key, (128, 128)), f(sums)))
    last, squares = x, []
    for number in range(10):
        sums, last = layer(last, jax.random.key(number + 1))
        squares.append((np.asarray(sums) ** 2).mean())
    assert 0.03 < squares[-1] / squares[0] < 30 or f.name in ("sigmoid", "softplus")
    assert np.asarray(last).std() > 1e-3


def test_saturated_outputs_are_counted_near_both_bounds():
    assert Sigmoid().squashed(jnp.array([0.01, 0.03, 0.5, 0.97, 0.99])).tolist() == [1, 0, 0, 0, 1]
    assert Tanh().squashed(jnp.array([-0.96, -0.94, 0.0, 0.94, 0.96])).tolist() == [1, 0, 0, 0, 1]
    assert Softplus().squashed(jnp.array([0.0, 9.0])).tolist() == [0, 0]


def test_identities_between_them(float64):
    x = jnp.asarray(RANDOM.normal(size=100) * 3)
    np.testing.assert_allclose(Tanh()(x), 2 * Sigmoid()(2 * x) - 1, atol=1e-14)
    np.testing.assert_allclose(SLOPE(Softplus(), x), Sigmoid()(x), atol=1e-14)
    np.testing.assert_allclose(LeakyReLU(0.0)(x), ReLU()(x))
    np.testing.assert_allclose(LeakyReLU(1.0)(x), Identity()(x))
    np.testing.assert_allclose(SiLU()(x), x * Sigmoid()(x))
    assert abs(GELU()(x) - GELU("tanh")(x)).max() < 5e-4


def test_selu_keeps_mean_0_and_variance_1():
    """The fixed point for which its two numbers were computed."""
    y = np.asarray(SELU()(jnp.asarray(NORMAL, jnp.float32)), np.float64)
    assert abs(y.mean()) < 1e-4
    assert y.var() == pytest.approx(1.0, abs=1e-3)


def test_mish_is_pytorchs():
    """`torch.nn.functional.mish` of PyTorch 2.13.0 at these numbers, in float64."""
    x = [-5.0, -1.0, -0.1, 0.1, 1.0, 5.0]
    theirs = [-0.0335762377, -0.3034014614, -0.0567885752, 0.0631794175, 0.8650983883, 4.9995520775]
    np.testing.assert_allclose(Mish()(jnp.array(x)), theirs, atol=1e-6)
