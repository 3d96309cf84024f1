import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.control.environments import EnvironmentFacts
from fallline.control.network import PolicyNetwork
from fallline.control.policies import LinearPolicy, MLPPolicy
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError

RANDOM = np.random.default_rng(1)
FACTS = EnvironmentFacts("an environment", 3, 2, False, True, 10, None, {})


def test_a_linear_policy_is_its_matrix_times_the_scaled_observation():
    m, x = RANDOM.normal(size=(2, 3)), RANDOM.normal(size=3)
    mean, variance = RANDOM.normal(size=3), np.array([4.0, 0.25, np.inf])
    scaling = Scaling(mean, 1 / np.sqrt(variance))
    network = PolicyNetwork((3, 2))
    np.testing.assert_allclose(network.at(m.ravel())(x), m @ x)
    expected = m @ np.diag(1 / np.sqrt(variance)) @ (x - mean)  # algorithm 2 of the paper
    np.testing.assert_allclose(network.at(m.ravel(), scaling)(x), expected)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_deep_policy_by_hand_and_in_jax(activation, float64):
    network = PolicyNetwork((3, 4, 5, 2), activation)
    point, x = RANDOM.normal(size=network.size), RANDOM.normal(size=3)
    scaling = Scaling(RANDOM.normal(size=3), np.array([2.0, 0.0, 0.5]))
    f = {"tanh": np.tanh, "relu": lambda z: np.where(z > 0, z, 0)}[activation]
    w1, b1, rest = point[:12].reshape(4, 3), point[12:16], point[16:]
    w2, b2, w3 = rest[:20].reshape(5, 4), rest[20:25], rest[25:].reshape(2, 5)
    z = (x - scaling.mean) * scaling.factor
    expected = w3 @ f(w2 @ f(w1 @ z + b1) + b2)
    np.testing.assert_allclose(network.at(point, scaling)(x), expected)
    traced = jax.jit(lambda p, x: network.at(p, scaling, jnp)(x))(point, x)
    np.testing.assert_allclose(traced, expected, rtol=1e-12)


def test_policies_begin_by_doing_nothing():
    for policy in (LinearPolicy(), MLPPolicy((4,))):
        network = policy.network(FACTS)
        point = policy.start(network, seed=0)
        assert point.shape == (network.size,)
        np.testing.assert_array_equal(network.at(point)(RANDOM.normal(size=3)), 0.0)
    deep = MLPPolicy((400,))
    weight = deep.network(FACTS).layers(deep.start(deep.network(FACTS), 0))[0][0]
    assert weight.std() == pytest.approx(1 / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize("hidden", [(), (0,), (2.5,), "8"])
def test_widths_that_are_none_are_refused(hidden):
    with pytest.raises(FalllineError, match=r"MLPPolicy\.hidden"):
        MLPPolicy(hidden)
