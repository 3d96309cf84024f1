"""What one rule says of another, and what can be worked by hand."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.optimizers import WeightDecay

SAME = {
    "RMSProp with correction is Adam without a first average": (
        fl.RMSProp(0.05, 0.99, corrected=True),
        fl.Adam(0.05, 0.0, 0.99),
    ),
    "averaged momentum is the heavy ball at a rescaled rate": (fl.AveragedMomentum(0.1, 0.8), fl.Momentum(0.02, 0.8)),
    "without momentum, the heavy ball is descent": (fl.Momentum(0.01, 0.0), fl.SGD(0.01)),
    "without momentum, Nesterov is descent": (fl.Nesterov(0.01, 0.0), fl.SGD(0.01)),
    "without memory, the corrected average is descent": (fl.AveragedMomentum(0.01, 0.0, corrected=True), fl.SGD(0.01)),
    "AdamW is weight decay around Adam": (
        fl.AdamW(0.05, weight_decay=0.3, decayed="all"),
        WeightDecay(fl.Adam(0.05), 0.3, decayed="all"),
    ),
    "AdamW without decay is Adam": (fl.AdamW(0.05, weight_decay=0.0), fl.Adam(0.05)),
    "Nadam without a first average is Adam without one": (fl.Nadam(0.05, 0.0), fl.Adam(0.05, 0.0)),
    "AMSGrad without a second average's memory of less is Adam, where gradients only grow": (
        fl.Adam(0.0, 0.9, 0.9, amsgrad="raw"),
        fl.Adam(0.0, 0.9, 0.9),
    ),
    "epsilon does not matter at zero": (
        fl.Adam(0.05, epsilon=0.0, epsilon_place="hat"),
        fl.Adam(0.05, epsilon=0.0, epsilon_place="inside"),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_two_names_of_one_rule(name, hill, float64):
    one, other = (hill.walk(as_arrays(rule, np.float64)) for rule in SAME[name])
    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


def first(rule, g):
    g = jnp.asarray(g)
    return np.asarray(rule.update(g, rule.init(g), g)[0])


def test_adagrads_first_step_is_the_sign(float64):
    np.testing.assert_allclose(first(fl.AdaGrad(0.3, 0.0), [2.0, -1e-6, 1e9]), [-0.3, 0.3, -0.3], rtol=1e-12)


def test_adadeltas_first_step_by_hand(float64):
    """sqrt(epsilon) / sqrt(0.05 g^2 + epsilon) g, g = 2: sqrt(1e-6 / 0.200001) * 2."""
    np.testing.assert_allclose(first(fl.Adadelta(), [2.0]), [-2 * np.sqrt(1e-6 / 0.200001)], rtol=1e-12)


def test_epsilon_hat_is_a_larger_epsilon_at_the_first_step(float64):
    hat, plain = fl.Adam(0.1, epsilon=1e-3, epsilon_place="hat"), fl.Adam(0.1, epsilon=1e-3 / np.sqrt(0.001))
    np.testing.assert_allclose(first(hat, [0.5]), first(plain, [0.5]), rtol=1e-9)


def test_amsgrad_never_lets_the_divisor_shrink(float64):
    rule, plain = (as_arrays(fl.Adam(0.1, 0.0, 0.5, amsgrad=kind), np.float64) for kind in ("corrected", "no"))
    state, other = rule.init(jnp.zeros(1)), plain.init(jnp.zeros(1))
    for g in (100.0, 1.0, 1.0, 1.0, 1.0):
        delta, state = rule.update(jnp.array([g]), state)
        step, other = plain.update(jnp.array([g]), other)
    np.testing.assert_allclose(delta, [-0.1 * 1.0 / 100], rtol=1e-6)
    assert abs(float(step[0])) > 4 * abs(float(delta[0]))


def test_newton_is_at_the_bottom_of_a_quadratic_after_one_step(float64):
    rng = np.random.default_rng(0)
    root = rng.normal(size=(4, 4))
    H, bottom = root @ root.T + 0.1 * np.eye(4), rng.normal(size=4)

    def bowl(p):
        w = jnp.concatenate([p["a"], p["b"]]) - bottom
        return 0.5 * w @ H @ w

    w, rule = {"a": jnp.zeros(1), "b": jnp.zeros(3)}, fl.Newton(damping=0.0)
    delta, state = rule.update(jax.grad(bowl)(w), rule.init(w), w, objective=bowl)
    np.testing.assert_allclose(np.concatenate([delta["a"], delta["b"]]), bottom, rtol=1e-8)
    assert int(rule.evaluations(state)) == 5  # the gradient, and the Hessian's four columns


def test_newton_refuses_what_would_take_for_ever():
    fl.Newton().init(jnp.zeros((50, 100)))
    with pytest.raises(FalllineError, match=r"5,001 x 5,001 numbers.*or take lbfgs"):
        fl.Newton().init([jnp.zeros((50, 100)), jnp.zeros(1)])


def test_newton_doubles_the_digits(float64):
    f, w, rule, errors = lambda w: jnp.exp(w) - 2 * w, jnp.array(1.0), fl.Newton(damping=0.0), []
    state = rule.init(w)
    for _ in range(5):
        delta, state = rule.update(jax.grad(f)(w), state, w, objective=f)
        w = w + delta
        errors.append(abs(float(w) - np.log(2)))
    assert errors[0] > 1e-2
    assert errors[4] < 1e-12
    assert all(after < before**2 for before, after in itertools.pairwise(errors))
