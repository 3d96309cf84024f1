import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.penalties import L2, weights


@pytest.fixture
def params():
    rng = np.random.default_rng(0)

    def layer(*shape):
        return {name: jnp.asarray(rng.normal(size=s)) for name, s in (("weight", shape), ("bias", shape[-1:]))}

    return {"dense_1": layer(4, 3), "dense_2": layer(3, 2), "norm_1": {"scale": jnp.full(3, 9.0)}}


def test_l2_is_half_the_sum_of_squared_weights_and_its_gradient_is_the_weights(params, equal_ranks):
    value, gradient = jax.value_and_grad(L2(0.3))(params)
    squares = sum((np.asarray(params[name]["weight"], np.float64) ** 2).sum() for name in ("dense_1", "dense_2"))
    assert float(value) == pytest.approx(0.5 * 0.3 * squares, rel=1e-6)
    for name in ("dense_1", "dense_2"):
        np.testing.assert_allclose(gradient[name]["weight"], 0.3 * params[name]["weight"], rtol=1e-6)
        assert not gradient[name]["bias"].any()
    assert not gradient["norm_1"]["scale"].any()


def test_only_weights_are_penalised(params):
    assert len(weights(params)) == 2
    assert float(L2(1.0)({})) == 0.0
    assert float(L2(0.0)(params)) == 0.0
