"""Networks with biases of 0 and rows of zeros: units of every layer are exactly at their kinks, and that is no fault."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.activations import ELU, Activation, LeakyReLU, ReLU
from fallline.checking.network import check_network
from fallline.core.block import as_arrays
from fallline.gradients import check_gradient
from fallline.scalers import Unscaled
from fallline.training.chunks import compiled_start
from fallline.training.preparation import prepare


class Selu(Activation):
    """Steeper below 0 than above."""

    name: ClassVar[str] = ""

    def __call__(self, x):
        return 1.0507 * jnp.where(x > 0, x, 1.67326 * jnp.expm1(jnp.where(x > 0, 0.0, x)))


@jax.custom_vjp
def _leaks(x):
    return jnp.where(x > 0, x, 0.1 * x)


_leaks.defvjp(lambda x: (_leaks(x), x), lambda x, dy: (dy * jnp.where(x > 0, 1.02, 0.1),))


class Faulty(Activation):
    """A leaky ReLU with a slope that is 2 % too steep above 0."""

    name: ClassVar[str] = ""

    def __call__(self, x):
        return _leaks(x)


def checked(activation, hidden, inputs, outputs, zero_rows, seed):
    x = np.random.default_rng(0).normal(size=(12, inputs)).astype(np.float32)
    x[:zero_rows] = 0
    y = np.arange(12) % outputs if outputs > 1 else x[:, 0] + np.arange(12)
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=hidden, activation=activation), scaler=Unscaled())
    data = fl.Table.from_arrays(x, y, valid=0.0, test=0.2)
    recipe, arrays, key = prepare(recipe, data, seed)
    state = compiled_start(as_arrays(recipe), arrays, key, None)
    rows = np.arange(12)
    return check_network(recipe, arrays, state, rows, training=True, tolerance=1e-6, share=None, seed=seed)


@pytest.mark.parametrize("activation", [ReLU(), ELU(1.5), LeakyReLU(0.1), Selu()], ids=["relu", "elu", "leaky", "selu"])
@pytest.mark.parametrize(("hidden", "inputs", "outputs"), [((8, 4), 6, 1), ((10,), 5, 3), ((6, 5, 4), 4, 2)])
def test_no_false_alarm(activation, hidden, inputs, outputs):
    for seed in (0, 1):
        check = checked(activation, hidden, inputs, outputs, 1 + 2 * seed, seed)
        assert check.right, check.verdict
        if len(hidden) == 1 or isinstance(activation, ReLU):
            assert check.undecided == 0  # one layer's kinks, or ones that have a slope of 0 below, are decided


def test_where_kinks_of_two_layers_meet_it_is_said():
    check = checked(ELU(1.5), (8, 4), 6, 1, 1, 0)
    assert 0 < check.undecided <= check.kinks
    assert "x sits on a kink, and nothing is decided there" in check.verdict


def test_a_fault_is_found_among_kinks():
    check = checked(Faulty(), (8, 4), 6, 1, 2, 0)
    assert check.outcome == "wrong"
    assert check["dense_1.weight"].faults


@jax.custom_jvp
def _size(x):
    return jnp.abs(x)


_size.defjvp(lambda x, t: (jnp.abs(x[0]), t[0] * jnp.where(x[0] == 0, 1.5, jnp.sign(x[0]))))

AT_THE_POINT_ALONE = {
    "a subgradient that is none": lambda x: jnp.sum(_size(x) * jnp.arange(1.0, 4.0)),
    "a branch for 0": lambda x: jnp.sum(jnp.where(x == 0, 0.0, jnp.sin(x))),
    "a branch for 0 beside kinks": lambda x: jnp.where(x[0] == 0, 0.0, jnp.sin(x[0])) + jnp.abs(x[1]) + jnp.abs(x[2]),
}


@pytest.mark.parametrize("f", AT_THE_POINT_ALONE.values(), ids=AT_THE_POINT_ALONE)
def test_a_fault_at_a_kink_with_two_known_sides_stays_a_fault(f):
    check = check_gradient(f, np.zeros(3))
    assert check.outcome == "wrong"
    assert check.undecided == 0


def test_a_given_gradient_is_judged_where_it_was_given():
    f = lambda x: jnp.maximum(x[0] - 0.4 * jnp.abs(x[1] - 0.5 * x[0]), 0.0) + jnp.sum(x)  # noqa: E731
    assert check_gradient(f, np.zeros(2), np.array([5.0, 1.0])).outcome == "wrong"
    assert check_gradient(f, np.zeros(2), lambda x: np.array([5.0, 1.0])).outcome == "wrong"
