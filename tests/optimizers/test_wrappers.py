"""What stands around a rule: clipping, decay, averages, accumulation, skipping."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from fallline.core.block import as_arrays, get
from fallline.core.errors import FalllineError
from fallline.optimizers import (
    LBFGS,
    SGD,
    Accumulate,
    Adam,
    ClipByLayerNorm,
    ClipByNorm,
    ClipByValue,
    FromOptax,
    HalfMemory,
    Momentum,
    Rprop,
    SkipNonfinite,
    WeightAverage,
    WeightDecay,
)


@pytest.fixture
def gradient():
    return {
        "dense_1": {"weight": jnp.array([[30.0, -40.0]]), "bias": jnp.array([0.0])},
        "dense_2": {"weight": jnp.array([0.3]), "bias": jnp.array([-0.4])},
    }


def numbers(tree):
    return [np.round(np.asarray(leaf, np.float64), 6).tolist() for leaf in jax.tree.leaves(tree)]


def test_clipping_by_hand(gradient):
    """Leaves in the order bias, weight of dense_1, then of dense_2; the norm of all is sqrt(2500.25)."""
    assert numbers(ClipByValue(limit=0.35).clipped(gradient)) == [[0.0], [[0.35, -0.35]], [-0.35], [0.3]]
    assert numbers(ClipByLayerNorm(norm=5.0).clipped(gradient)) == [[0.0], [[3.0, -4.0]], [-0.4], [0.3]]
    share = 5.0 / np.sqrt(2500.25)
    expected = [[0.0], [[30 * share, -40 * share]], [-0.4 * share], [0.3 * share]]
    for ours, each in zip(numbers(ClipByNorm(norm=5.0).clipped(gradient)), expected, strict=True):
        np.testing.assert_allclose(ours, each, atol=1e-5)


@pytest.mark.parametrize(("norm", "shorter"), [(5.0, True), (50.1, False), (1e9, False)])
def test_clipping_by_norm_is_optaxs(gradient, norm, shorter):
    theirs, _ = optax.clip_by_global_norm(norm).update(gradient, optax.EmptyState())
    ours = ClipByNorm(norm=norm).clipped(gradient)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), ours, theirs)
    assert (numbers(ours) != numbers(gradient)) == shorter


def test_clipping_keeps_zero_and_a_bare_array():
    for clip in (ClipByValue(), ClipByNorm(), ClipByLayerNorm()):
        assert not clip.clipped(jnp.zeros(3)).any()
        assert float(jnp.linalg.norm(clip.clipped(jnp.full(1, 7.0)))) == pytest.approx(1.0)


def test_weight_decay_around_sgd_is_the_ridge_penalty(gradient, float64):
    """w - a (g + l w) = w - a g - a l w."""
    gradient = jax.tree.map(lambda g: jnp.asarray(g, jnp.float64), gradient)
    w = jax.tree.map(lambda g: g * 0.1 + 1, gradient)
    rule = WeightDecay(SGD(0.1), 0.5, decayed="all")
    ridge = jax.tree.map(lambda g, w: g + 0.5 * w, gradient, w)
    ours, theirs = rule.update(gradient, (), w)[0], SGD(0.1).update(ridge, ())[0]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), ours, theirs)
    ours = WeightDecay(SGD(0.1), 0.5).update(gradient, (), w)[0]
    assert numbers(ours["dense_1"]["bias"]) == numbers(SGD(0.1).update(gradient, ())[0]["dense_1"]["bias"])
    assert numbers(ours["dense_1"]["weight"]) != numbers(SGD(0.1).update(gradient, ())[0]["dense_1"]["weight"])


def test_what_cannot_be_wrapped_says_so():
    with pytest.raises(FalllineError, match="FromOptax has no learning rate"):
        WeightDecay(FromOptax(optax.sgd(0.1)))
    with pytest.raises(FalllineError, match="SGD remembers no average"):
        HalfMemory(SGD())
    with pytest.raises(FalllineError, match="WeightDecay needs the evidence 'params'"):
        WeightDecay(SGD()).update(jnp.ones(1), ())


def test_wrappers_tell_of_their_rule():
    rule = ClipByNorm(WeightAverage(SkipNonfinite(Rprop(0.3))))
    assert rule.full_batch
    assert rule.skips
    assert rule.learning_rate == 0.3
    assert not ClipByNorm(Adam()).full_batch
    assert get(rule, "rule.rule.rule.grow") == 1.2


def test_accumulated_minibatches_are_the_large_batch(float64):
    """Twelve rows in minibatches of 5, 5 and 2, their weight told: the step of all twelve, to rounding."""
    rng = np.random.default_rng(0)
    x, y = jnp.asarray(rng.normal(size=(12, 3))), jnp.asarray(rng.normal(size=12))
    loss = lambda w, rows: jnp.mean((x[rows] @ w - y[rows]) ** 2)  # noqa: E731
    parts = [np.arange(12)[a:b] for a, b in ((0, 5), (5, 10), (10, 12))]
    large, small = as_arrays(Adam(0.1), np.float64), as_arrays(Accumulate(Adam(0.1), every=3), np.float64)
    w = u = jnp.zeros(3)
    state, memory = large.init(w), small.init(u)
    slope = jax.jit(jax.grad(loss))
    by_all = jax.jit(lambda g, state, w: large.update(g, state, w))
    by_part = jax.jit(lambda g, state, w, weight: small.update(g, state, w, weight=weight))
    for _ in range(20):
        delta, state = by_all(slope(w, np.arange(12)), state, w)
        w = w + delta
        for i, rows in enumerate(parts):
            delta, memory = by_part(slope(u, rows), memory, u, float(len(rows)))
            assert (not delta.any()) == (i < 2)
            u = u + delta
    np.testing.assert_allclose(u, w, rtol=1e-10)
    assert int(memory.memory.t) == 20


def test_a_wrapped_average_is_shown_and_does_not_change_the_training(float64):
    rule, plain = WeightAverage(Momentum(0.1), decay=0.9), Momentum(0.1)
    w = u = jnp.array([1.0, -2.0])
    state, other, path = rule.init(w), plain.init(u), []
    np.testing.assert_allclose(rule.evaluation_params(w, state), w)
    for _ in range(30):
        delta, state = rule.update(w, state, w)
        step, other = plain.update(u, other, u)
        w, u = w + delta, u + step
        path.append(np.asarray(w))
    np.testing.assert_allclose(w, u, rtol=1e-12)
    shares = 0.9 ** np.arange(30)[::-1]
    expected = np.average(path, axis=0, weights=shares)
    np.testing.assert_allclose(rule.evaluation_params(w, state), expected, rtol=1e-9)
    outer = ClipByNorm(rule, norm=1e9)
    np.testing.assert_allclose(outer.evaluation_params(w, state), expected, rtol=1e-9)
    np.testing.assert_array_equal(Adam().evaluation_params(w, None), w)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf])
def test_a_bad_gradient_costs_one_step_and_nothing_else(bad):
    rule, plain = SkipNonfinite(Adam(0.1)), Adam(0.1)
    w = u = jnp.array([1.0, -2.0])
    state, other = rule.init(w), plain.init(u)
    step = jax.jit(rule.update)
    for i in range(6):
        g = w if i != 3 else w.at[0].set(bad)
        delta, state = step(g, state, w)
        w = w + delta
        if i != 3:
            delta, other = plain.update(u, other, u)
            u = u + delta
    np.testing.assert_allclose(w, u, rtol=1e-5)
    assert int(state.count) == 1
    lanes = jax.vmap(lambda g: rule.update(g, rule.init(g))[0])(jnp.array([[1.0], [bad]]))
    assert lanes.tolist() == [[pytest.approx(-0.1, rel=1e-4)], [0.0]]


def test_lbfgs_within_wrappers_still_counts_its_evaluations():
    bowl = lambda w: jnp.sum((w - 3.0) ** 2)  # noqa: E731
    rule, w = WeightAverage(SkipNonfinite(LBFGS())), jnp.zeros(2)
    value, g = jax.value_and_grad(bowl)(w)
    _, state = rule.update(g, rule.init(w), w, value=value, objective=bowl)
    assert int(rule.evaluations(state)) >= 2
    assert WeightAverage(Adam()).evaluations(WeightAverage(Adam()).init(w)) is None


@pytest.mark.parametrize("size", [1e-44, 1e-38, 1e-25, 1e-18, 1.0, 1e15, 1.8e19, 1e30, 3e38])
@pytest.mark.parametrize("norm", [1e-30, 1e-3, 1.0, 1e25])
@pytest.mark.parametrize("clip", [ClipByNorm, ClipByLayerNorm])
def test_a_length_whose_square_is_out_of_range_is_clipped_all_the_same(clip, norm, size):
    direction = {"a": {"weight": np.array([[0.6, -1.0], [0.0, 0.25]])}, "b": {"bias": np.array([1.0, -0.5, 0.125])}}
    gradient = jax.tree.map(lambda d: jnp.asarray(d * size, jnp.float32), direction)
    clipped = jax.jit(clip(norm=norm).clipped)(gradient)
    parts = [gradient] if clip is ClipByNorm else [{"a": gradient["a"]}, {"b": gradient["b"]}]
    for each in parts:
        exact = {name: np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(each[name])]) for name in each}
        whole = np.concatenate([exact[name].astype(np.float64) for name in each])
        length = np.linalg.norm(whole)
        expected = whole * min(1.0, norm / length) if length else whole
        found = np.concatenate([np.ravel(leaf) for name in each for leaf in jax.tree.leaves(clipped[name])])
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=1e-37)


def test_clipping_leaves_what_is_not_finite_to_who_skips_it():
    for bad in (np.nan, np.inf):
        clipped = ClipByNorm(norm=1.0).clipped(jnp.array([bad, 1.0]))
        assert not np.isfinite(np.asarray(clipped)).all()
