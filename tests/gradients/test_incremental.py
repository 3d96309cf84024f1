"""What changes with one number is evaluated again, and nothing else: the same values as by evaluating everything."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from fallline.core.block import family
from fallline.core.compiling import known_options
from fallline.core.operations import operations_of, work
from fallline.gradients import check_gradient, rules, traced
from fallline.gradients.incremental import after, dealt, evaluate
from fallline.layers import BatchNorm, LayerCall, LayerNorm, Maxout

RNG = np.random.default_rng(3)
ROWS, N, M = 6, 3, 4
X = RNG.normal(size=(ROWS, N))
ACTIVATIONS = [cls() for _, cls in sorted(family("activation").items())]
W, B, V = RNG.normal(size=(N, M)), RNG.normal(size=M), RNG.normal(size=(M, N))
TENSOR = RNG.normal(size=(2, N, M))
LABELS = np.array([0, 1, 2, 0, 1, 1])


def cross_entropy(z):
    return jnp.mean(jax.nn.logsumexp(z, axis=1) - jnp.sum(jnp.where(LABELS[:, None] == jnp.arange(N), z, 0.0), axis=1))


def normalised(layer, z):
    stats = {"mean": B, "variance": B * B, "seen": jnp.ones(()), "freedom": jnp.ones(())}
    return layer.apply({"scale": 1 + B, "shift": B}, stats, z, LayerCall(True))[0]


# By name: a function of one matrix, of a kind that some rule is for.
FUNCTIONS = {
    "network": lambda w: cross_entropy(jax.nn.relu(X @ w + B) @ V),
    "every activation": lambda w: sum(jnp.sum(V.T * f(W @ V @ w)) for f in ACTIVATIONS),
    "three layers": lambda w: cross_entropy(jnp.tanh(jnp.tanh(jnp.tanh(X @ w) @ V) @ W) @ V),
    "last layer": lambda w: jnp.mean(jax.nn.logsumexp(jnp.tanh(X @ w), axis=1)),
    "its penalty": lambda w: jnp.sum(jnp.sin(X @ w)) + jnp.vdot(w, w) + jnp.vdot(jnp.sign(w), w),
    "transposed": lambda w: jnp.sum((w.T @ X.T) ** 2),
    "from the left": lambda w: jnp.sum(jnp.sin(V @ w @ V)),
    "twice": lambda w: jnp.sum(jnp.sin((X @ w) @ (V @ w))),
    "one layer in two places": lambda w: jnp.sum(jnp.tanh(jnp.tanh(X @ w) @ V @ w)),
    "batch normalisation": lambda w: cross_entropy(jnp.tanh(normalised(BatchNorm(), X @ w)) @ V),
    "layer normalisation": lambda w: cross_entropy(jnp.tanh(normalised(LayerNorm(), X @ w)) @ V),
    "maxout": lambda w: cross_entropy(maxout(w.reshape(N, 2, 2)) @ V[:2]),
    "reductions": lambda w: jnp.max(w) * jnp.sum(jnp.prod(w, axis=0)) + jnp.sum(jnp.min(w, axis=1) ** 2),
    "logic": lambda w: jnp.sum(
        jnp.where(jnp.all(w > -9, axis=0) & jnp.any(w > 9, axis=0), 1.0, jnp.sum(w * w, axis=0))
    ),
    "cumulated": lambda w: jnp.sum(jnp.cumsum(w, axis=0) ** 3),
    "sorted": lambda w: jnp.sum(jnp.sort(w, axis=1) * W),
    "looked up": lambda w: jnp.sum(w[LABELS % N, 1] ** 2),
    "cut and joined": lambda w: jnp.sum(jnp.concatenate([w[:2], w[1:]], axis=0) ** 3),
    "reshaped": lambda w: jnp.sum(jnp.sin(w.reshape(2, 6)) @ jnp.ones(6)) + jnp.sum(w.reshape(-1)[:5] ** 2),
    "repeated": lambda w: jnp.sum(jnp.tanh(w[:1] + X @ w) * (w[:, :1] + w)[:1]),
    "axes of one": lambda w: jnp.sum(jnp.squeeze(w[:, None, :] * w[:, :, None].transpose(0, 2, 1), 1)[..., None] ** 2),
    "number": lambda w: jnp.sum(X) * w[0, 0] + w[1, 1] * jnp.sum(w),
    "in a loop": lambda w: jax.lax.fori_loop(0, 3, lambda _, h: jnp.tanh(h @ w @ V), X).sum(),
    "until": lambda w: jax.lax.while_loop(lambda h: jnp.sum(h) < 9, lambda h: 2 * h, jnp.sum(w * w)),
    "either": lambda w: jax.lax.cond(w[0, 0] > W[0, 0], jnp.sum, lambda h: jnp.sum(h**2), w),
    "solved": lambda w: jnp.sum(jnp.linalg.solve(jnp.eye(N) + 0.1 * w @ V, X.T)),
    "convolved": lambda w: jnp.sum(jnp.convolve(X[0], w[0])) ** 2 + jnp.sum(jnp.abs(jnp.fft.fft(w)) ** 2),
    "batches": lambda w: jnp.sum(jnp.einsum("bi,bij->bj", X, jnp.stack([w] * ROWS)) ** 2),
    "contracted over both": lambda w: (
        jnp.einsum("ij,ij->", w, W) ** 2 + jnp.sum(jnp.einsum("ij,kij->k", w, TENSOR) ** 2)
    ),
    "all but the first": lambda w: jnp.sum(w[1:] ** 2),
    "nothing": lambda w: jnp.float64(3.0),
    "its own rule": lambda w: jnp.sum(square(w @ V)),
    "a custom type": lambda w: jnp.sum((w > 0).astype(jnp.float64) * w**3),
}


def maxout(weight):
    return Maxout(2, pieces=2).apply({"weight": weight, "bias": V[:2, :2]}, {}, X, LayerCall(True))[0]


@jax.custom_vjp
def square(x):
    return x**2


square.defvjp(lambda x: (x**2, x), lambda x, g: (g * x,))


def test_a_change_of_one_number_gives_what_the_whole_function_gives(float64):
    index = np.arange(W.size)
    h = np.where(index % 2, 1e-3, -0.2)
    at = tuple(axis.astype(np.uint32) for axis in np.unravel_index(index, W.shape))

    @functools.partial(jax.jit, compiler_options=known_options({"xla_backend_optimization_level": 0}))
    def both(w, at, h):
        points = jax.vmap(lambda i, j, h: w.at[i, j].add(h))(*at, h)
        found = {}
        for name, f in FUNCTIONS.items():
            program = operations_of(jax.make_jaxpr(f)(w))
            found[name] = after(program, program.values([w]), 0, at, h), jax.vmap(f)(points)
        return found

    for name, (by_change, anew) in both(W, at, h).items():
        assert by_change.shape == anew.shape == (W.size,)
        np.testing.assert_allclose(by_change, anew, rtol=1e-12, atol=1e-13, err_msg=name)


PARAMS = {"v": V, "w": W}


def network(p):
    return cross_entropy(jnp.tanh(X @ p["w"] + B) @ p["v"]) + 0.1 * jnp.vdot(p["w"], p["w"])


def compared(monkeypatch, f, x, gradient=None):
    """The check with every function evaluated by its changes, and by none."""
    found = []
    for least in (0, 1 << 62):
        monkeypatch.setattr(traced, "WORK", least)
        monkeypatch.setattr(traced, "ONCE", least)
        found.append(check_gradient(f, x, gradient))
    return found


@pytest.mark.parametrize("fault", [None, "w"])
def test_the_verdict_is_that_of_evaluating_everything(monkeypatch, fault):
    with jax.enable_x64(True):
        gradient = jax.tree.map(lambda g: np.array(g), jax.jit(jax.grad(network))(PARAMS))
    if fault is not None:
        gradient[fault].reshape(-1)[1] *= 1.01
    by_change, anew = compared(monkeypatch, Partial(network), PARAMS, gradient)
    assert by_change.outcome == anew.outcome == ("right" if fault is None else "wrong")
    assert by_change.evaluations == anew.evaluations
    assert [each.name for each in by_change.wrong()] == [each.name for each in anew.wrong()]
    for one, other in zip(by_change.arrays, anew.arrays, strict=True):
        np.testing.assert_array_equal(one.status, other.status)
        np.testing.assert_allclose(one.numerical, other.numerical, rtol=1e-9, atol=1e-9)


def test_a_wrong_rule_of_differentiation_is_not_used(monkeypatch):
    by_change, anew = compared(monkeypatch, lambda w: jnp.sum(square(X @ w)), W)
    assert by_change.verdict.split(", at")[0] == anew.verdict.split(", at")[0]
    assert "1/2 times the slope" in by_change.verdict


def test_an_infinity_on_the_way_is_no_alarm(monkeypatch):
    # A sum that is infinite, and whose reciprocal is not: it cannot be known from what it differs by.
    f = lambda w: jnp.sum(w**2) + 1 / jnp.sum(jnp.exp(1000 * w))  # noqa: E731
    by_change, anew = compared(monkeypatch, f, np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert by_change.right
    assert anew.right


def test_less_is_done():
    x, w, v = np.zeros((128, 64)), np.zeros((64, 32)), np.zeros((32, 10))
    f = lambda parts: jnp.sum(jnp.tanh(jnp.maximum(x @ parts[0] + np.ones(32), 0.0) @ parts[1]))  # noqa: E731
    program = operations_of(jax.make_jaxpr(f)([w, v]))
    values = program.values([w, v])
    at = np.zeros(1, np.uint32), np.zeros(1, np.uint32)
    one = jax.make_jaxpr(lambda at, h: after(program, values, 0, at, h))(at, np.zeros(1))
    assert work(jax.make_jaxpr(f)([w, v]).jaxpr) > 20 * work(one.jaxpr) > 20 * 128 * 10


def test_any_number_of_shifts_is_dealt_to_the_devices(float64):
    whole = [np.arange(5.0), np.arange(6.0).reshape(2, 3)]
    f = lambda parts: jnp.sum(parts[0]) + jnp.sum(parts[1] ** 2)  # noqa: E731
    program = jax.jit(lambda counts, at, h: evaluate(f, whole, 1, counts, at, h))
    for count in (1, 2, 3, 700):
        index, h = np.arange(count) % 6, np.linspace(-1, 1, count)
        expected = 10 + 55 - index**2 + (index + h) ** 2
        np.testing.assert_allclose(dealt(program, (2, 3), index, h), expected, rtol=1e-14)


WRAPPERS = {
    "jit": jax.jit,
    "checkpoint": jax.checkpoint,
    "named": jax.named_call,
    "sequential_vmap": jax.custom_batching.sequential_vmap,
    "constants": lambda f: jax.jit(lambda x: f(x) * np.arange(1.0, 4.0)),
}


@pytest.mark.parametrize("name", WRAPPERS)
def test_calls_are_written_out_whatever_this_version_of_jax_names_them(name):
    x = jnp.arange(3.0)
    program = operations_of(jax.make_jaxpr(lambda x: WRAPPERS[name](jnp.sin)(x))(x))
    assert {step.name for step in program.steps} <= {"sin", "mul", "convert_element_type", "broadcast_in_dim"}
    expected = np.sin(x) * (np.arange(1.0, 4.0) if name == "constants" else 1)
    np.testing.assert_allclose(program.values([x])[program.outputs[0]], expected, rtol=1e-6)


KNOWN = rules.ELEMENT_BY_ELEMENT | set(rules.RULES)


def several(w):
    """Most of the operations that rules are for."""
    w = w.reshape(N, M)
    return cross_entropy(jnp.tanh(X @ w.T.T + B) @ V) + jnp.sum(w) + 0.1 * jnp.max(w[:, 0])


def test_the_gradient_stopped_within_a_softmax_has_a_rule():
    steps = operations_of(jax.make_jaxpr(cross_entropy)(X)).steps
    assert {step.name for step in steps if step.inputs} <= KNOWN  # without an input nothing changes


@pytest.mark.parametrize("name", ["broadcast_in_dim", "transpose", "dot_general", "reduce_sum", "reduce_max"])
def test_an_operation_with_other_parameters_counts_as_changed_throughout(name, float64, monkeypatch):
    """What a rule does not find in a version's description of an operation costs time, and is no exception."""
    w, index = W.reshape(-1), np.arange(W.size)
    program = operations_of(jax.make_jaxpr(several)(w))
    assert name in {step.name for step in program.steps}
    monkeypatch.setitem(rules.PARAMETERS, name, "of_tomorrow")
    monkeypatch.setitem(rules.RULES, name, lambda *of: pytest.fail("the rule was asked all the same"))
    found = after(program, program.values([w]), 0, (index.astype(np.uint32),), np.full(W.size, 1e-3))
    expected = [several(w + 1e-3 * (index == k)) for k in index]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
