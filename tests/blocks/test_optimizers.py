"""Update rules against float64 transcriptions of the published recurrences, on a stiff quadratic."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fallline.core.block import as_arrays
from fallline.optimizers import SGD, Adam, Momentum, Optimizer

CURVATURE = np.logspace(0, 4, 6)
START = np.array([1.0, -2.0, 3.0, -4.0, 5.0, 0.0])
STEPS = 50


def sgd(w, a):
    for _ in range(STEPS):
        w = w - a * CURVATURE * w
        yield w


def momentum(w, a, mu):
    v = np.zeros_like(w)
    for _ in range(STEPS):
        v = mu * v - a * CURVATURE * w
        w = w + v
        yield w


def adam(w, a, b1, b2, eps):
    m, v = np.zeros_like(w), np.zeros_like(w)
    for t in range(1, STEPS + 1):
        g = CURVATURE * w
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        w = w - a * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        yield w


PATHS = [
    (SGD(1e-4), sgd(START, 1e-4), lambda: optax.sgd(1e-4)),
    (SGD(2.1e-4), sgd(START, 2.1e-4), lambda: optax.sgd(2.1e-4)),  # beyond 2 / 10^4: one direction grows
    (Momentum(1e-4, 0.9), momentum(START, 1e-4, 0.9), lambda: optax.sgd(1e-4, 0.9)),
    (Momentum(1e-4, 0.0), sgd(START, 1e-4), lambda: optax.sgd(1e-4)),
    (Adam(0.1), adam(START, 0.1, 0.9, 0.999, 1e-8), lambda: optax.adam(0.1)),
    (Adam(0.1, 0.5, 0.9, 1e-2), adam(START, 0.1, 0.5, 0.9, 1e-2), lambda: optax.adam(0.1, 0.5, 0.9, 1e-2)),
    (Adam(0.1, 0.0, 0.5), adam(START, 0.1, 0.0, 0.5, 1e-8), lambda: optax.adam(0.1, 0.0, 0.5)),
]
CASES = [(rule, np.stack(list(path)), make) for rule, path, make in PATHS]
EACH = pytest.mark.parametrize("index", range(len(CASES)), ids=[repr(rule)[:40] for rule, *_ in CASES])


def walk(rule, w):
    """Parameters after each of the steps, split over two leaves of a tree; rules of other numbers share a program."""
    return np.asarray(_walked(as_arrays(rule, w.dtype.type) if isinstance(rule, Optimizer) else rule, w))


@eqx.filter_jit
def _walked(rule, w):
    w = {"a": w[:2], "b": {"weight": w[2:].reshape(2, 2)}}
    curvature = {"a": jnp.asarray(CURVATURE[:2]), "b": {"weight": jnp.asarray(CURVATURE[2:].reshape(2, 2))}}

    def step(carry, _):
        w, memory = carry
        gradient = jax.tree.map(lambda h, w: h.astype(w.dtype) * w, curvature, w)
        delta, memory = rule.update(gradient, memory, w)
        w = jax.tree.map(jnp.add, w, delta)
        return (w, memory), jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(w)])

    return jax.lax.scan(step, (w, rule.init(w)), None, STEPS)[1]


@EACH
def test_fifty_steps_follow_the_recurrence(index, float64, equal_ranks):
    rule, expected, _ = CASES[index]
    ours = walk(rule, jnp.asarray(START))
    np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=1e-12)


@EACH
def test_optax_goes_the_same_way_and_takes_our_rule_in_its_chain(index, float64):
    rule, _, make = CASES[index]
    ours = walk(rule, jnp.asarray(START))
    np.testing.assert_allclose(ours, walk(make(), jnp.asarray(START)), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(ours, walk(optax.chain(optax.identity(), rule), jnp.asarray(START)), rtol=1e-12)


@EACH
def test_single_precision_stays_single_and_close(index):
    rule, *_ = CASES[index]
    w = jnp.asarray(START, jnp.float32)
    delta, memory = rule.update(w, rule.init(w), w)
    assert delta.dtype == jnp.float32
    assert {leaf.dtype for leaf in jax.tree.leaves(memory)} <= {np.dtype("f4"), np.dtype("i4")}
    single = walk(rule, w)
    with jax.enable_x64(True):
        double = walk(rule, jnp.asarray(START))
    np.testing.assert_allclose(single, double, rtol=2e-2, atol=1e-3)


@pytest.mark.parametrize("rule", [SGD(0.0), Momentum(0.0), Adam(0.0)], ids=lambda each: each.name)
def test_learning_rate_0_goes_nowhere(rule):
    w = jnp.array([1.0, 2.0])
    assert not rule.update(jnp.array([3.0, -1e10]), rule.init(w), w)[0].any()


def test_adam_does_not_see_the_gradients_scale(float64):
    """Identity: with epsilon 0 a scaled loss gives the same steps."""
    rule = Adam(0.1, epsilon=0.0)
    one, other = rule.init(jnp.zeros(3)), rule.init(jnp.zeros(3))
    for seed in range(5):
        g = jnp.asarray(np.random.default_rng(seed).normal(size=3))
        a, one = rule.update(g, one)
        b, other = rule.update(1e6 * g, other)
        np.testing.assert_allclose(a, b, rtol=1e-9)
