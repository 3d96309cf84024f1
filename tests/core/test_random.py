"""Random numbers judged by their statistics: means, variances, correlations, spectra, orders."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fallline.core.random import bits, named, normal, permutation, uniform

N = 1_000_000
BITS, UNIFORM, NORMAL, ORDER = (jax.jit(draw, static_argnums=1) for draw in (bits, uniform, normal, permutation))


def key(seed, *names):
    made = jax.random.key(seed)
    for name in names:
        made = named(made, name)
    return made


@pytest.mark.parametrize(
    ("small", "large"),
    [((5,), (9,)), ((1,), (2,)), ((3, 4), (3, 9)), ((3, 4), (8, 4)), ((1, 1), (7, 5)), ((2, 3, 4), (3, 5, 9))],
)
def test_a_word_does_not_depend_on_the_shape(small, large):
    for draw in (BITS, UNIFORM, NORMAL):
        whole = np.asarray(draw(key(11, "weight"), large))
        np.testing.assert_array_equal(whole[tuple(slice(a) for a in small)], draw(key(11, "weight"), small))


def test_the_ends_of_the_uniform_interval_are_never_drawn(monkeypatch):
    """One word in 2^24 used to round to 1, and the normal number of it is infinite."""
    for word in (0, 1, 2**31, 2**32 - 1):
        monkeypatch.setattr("fallline.core.random.bits", lambda k, shape, word=word: jnp.full(shape, word, jnp.uint32))
        assert 0 < float(uniform(key(0), (1,))[0]) < 1
        assert abs(float(normal(key(0), (1,))[0])) < 5.3
    assert stats.norm.isf(2.0**-24) < 5.3


SHAPES = [(N,), (N // 4, 4), (100, 100, 100)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_bit_is_a_fair_coin_and_independent_of_the_next_words(shape):
    words = np.asarray(BITS(key(7, "weight"), shape)).ravel()
    table = (words[:, None] >> np.arange(32, dtype=np.uint32)) & 1
    # Five standard deviations of a share of a million fair coins.
    limit = 5 * 0.5 / np.sqrt(N)
    assert abs(table.mean(axis=0) - 0.5).max() < limit
    for step in (1, 2, shape[-1]):
        if step < N:
            other = np.roll(words, step)
            differ = ((words ^ other)[:, None] >> np.arange(32, dtype=np.uint32)) & 1
            assert abs(differ.mean(axis=0) - 0.5).max() < limit, step


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_uniform_and_normal_have_their_moments_and_distribution(shape):
    u = np.asarray(UNIFORM(key(1, "u"), shape), np.float64).ravel()
    z = np.asarray(NORMAL(key(1, "z"), shape), np.float64).ravel()
    assert u.min() > 0
    assert u.max() < 1
    root = np.sqrt(N)
    assert abs(u.mean() - 0.5) < 5 * np.sqrt(1 / 12) / root
    assert abs(u.var() - 1 / 12) < 5 * np.sqrt(1 / 180) / root
    assert abs(z.mean()) < 5 / root
    assert abs(z.var() - 1) < 5 * np.sqrt(2) / root
    assert abs((z**3).mean()) < 5 * np.sqrt(15) / root
    assert abs((z**4).mean() - 3) < 5 * np.sqrt(96) / root
    assert 4 < abs(z).max() < 5.5
    assert stats.kstest(u, "uniform").pvalue > 1e-4
    assert stats.kstest(z, "norm").pvalue > 1e-4
    # 64 x 64 cells of neighbours: nothing hides in the plane that does not show on the line.
    counts = np.histogram2d(u[:-1], u[1:], bins=64, range=[[0, 1], [0, 1]])[0]
    assert stats.chisquare(counts.ravel()).pvalue > 1e-4


def test_names_steps_and_seeds_give_unrelated_numbers():
    first = key(0, "init")
    keys = [key(seed, name) for seed in (0, 1, 2, 2**31) for name in ("init", "order", "noise")]
    keys += [named(first, "noise", step) for step in (0, 1, 2, 1000)] + [named(first, "weight"), named(first, "bias")]
    draws = np.stack([np.asarray(NORMAL(each, (100_000,)), np.float64) for each in keys])
    correlations = np.corrcoef(draws) - np.eye(len(keys))
    assert abs(correlations).max() < 5 / np.sqrt(draws.shape[1])
    words = {tuple(np.asarray(jax.random.key_data(each)).tolist()) for each in keys}
    assert len(words) == len(keys)


def test_a_thousand_seeds_and_steps_make_different_keys_whose_first_draws_are_uniform():
    data = lambda k: jax.random.key_data(k)  # noqa: E731
    seeds = jax.vmap(jax.random.key)(jnp.arange(4096, dtype=jnp.uint32))
    for keys in (
        jax.vmap(lambda k: named(named(k, "init"), "dense_1"))(seeds),
        jax.vmap(lambda step: named(jax.random.key(0), "noise", step))(jnp.arange(4096)),
    ):
        assert len({tuple(each) for each in np.asarray(data(keys)).tolist()}) == 4096
        for shape in ((2,), (2, 2)):
            u = np.asarray(jax.vmap(lambda k, shape=shape: UNIFORM(k, shape))(keys), np.float64).reshape(4096, -1)
            assert all(stats.kstest(column, "uniform").pvalue > 1e-4 for column in u.T)
            assert abs(np.corrcoef(u.T) - np.eye(u.shape[1])).max() < 5 / 64


@pytest.mark.parametrize("shape", [(400, 400), (800, 200), (64, 1024)], ids=str)
def test_the_singular_values_of_a_drawn_matrix_follow_marchenko_and_pastur(shape):
    """Structure between rows and columns would show as a singular value beyond sqrt(m) + sqrt(n)."""
    z = np.asarray(NORMAL(key(3, "weight"), shape), np.float64)
    singular = np.linalg.svd(z, compute_uv=False)
    m, n = max(shape), min(shape)
    edge = np.sqrt(m) + np.sqrt(n)
    # The largest fluctuates by edge (1/sqrt m + 1/sqrt n)^(1/3) / edge^(2/3), Johnstone 2001; four of those.
    spread = 4 * (1 / np.sqrt(m) + 1 / np.sqrt(n)) ** (1 / 3) * edge ** (1 / 3)
    assert abs(singular[0] - edge) < spread
    if m > n:
        assert abs(singular[-1] - (np.sqrt(m) - np.sqrt(n))) < spread
    reference = np.linalg.svd(np.random.default_rng(0).normal(size=shape), compute_uv=False)
    assert abs(np.sort(singular) - np.sort(reference)).max() < 0.05 * edge
    assert np.linalg.matrix_rank(z) == n


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 8, 9, 64, 100, 1000])
def test_an_order_has_every_index_once(size):
    assert sorted(ORDER(key(size), size).tolist()) == list(range(size))


ROWS = 100
_counted = jax.jit(lambda seed, count: ORDER(key(seed), ROWS, count))


@given(st.integers(0, 2**32 - 1), st.integers(0, ROWS))
def test_the_counted_indices_come_first_in_a_random_order(seed, count):
    order = np.asarray(_counted(np.uint32(seed), np.int32(count)))
    assert sorted(order[:count].tolist()) == list(range(count))
    assert sorted(order.tolist()) == list(range(ROWS))


@pytest.mark.parametrize("size", [4096, 4097, 2**16, 2**16 + 1, 200_000])
def test_a_large_order_has_every_index_once(size):
    for count in (size, size - 3, size // 3, 2, 1, 0):
        order = np.asarray(ORDER(key(5), size, jnp.int32(count)))
        assert (np.bincount(order, minlength=size) == 1).all()
        assert sorted(order[:count].tolist()) == list(range(count))
    np.testing.assert_array_equal(ORDER(key(5), size), ORDER(key(5), size, jnp.int32(size)))


@pytest.mark.parametrize("size", [5000, 8191])
def test_minibatches_of_a_large_order_are_random_samples(size):
    """Rows of a kind in a minibatch vary as a hypergeometric count, and neighbours meet in one as often as others do."""
    batch, trials = 200, 200
    keys = jax.vmap(lambda step: named(jax.random.key(0), "order", step))(jnp.arange(trials))
    orders = np.asarray(jax.jit(jax.vmap(lambda k: ORDER(k, size)))(keys))
    steps, rows = size // batch, np.arange(size)
    kinds = [rows < size // 2, rows % 2 == 0, (rows >> 7) & 1 == 1, rows % 100 < 10, (rows > 1000) & (rows < 1200)]
    for kind in kinds:
        share = kind.mean()
        counts = kind[orders[:, : steps * batch]].reshape(trials, steps, batch).sum(axis=2)
        variance = batch * share * (1 - share) * (size - batch) / (size - 1)
        assert abs(counts.mean() - batch * share) < 5 * np.sqrt(variance / counts.size)
        assert abs(((counts - batch * share) ** 2).mean() / variance - 1) < 5 * np.sqrt(2 / counts.size)
    minibatch = np.argsort(orders, axis=1) // batch
    minibatch = np.where(minibatch < steps, minibatch, -1)  # the rows that are left over are no minibatch
    meet = ((minibatch[:, 1:] == minibatch[:, :-1]) & (minibatch[:, 1:] >= 0)).sum(axis=1)
    expected = (size - 1) * steps * batch * (batch - 1) / (size * (size - 1))
    assert abs(meet.mean() - expected) < 5 * np.sqrt(expected / trials)
    assert 0.75 < meet.std() / np.sqrt(expected) < 1.25


def test_rows_of_a_large_order_land_everywhere_and_independently():
    size, trials = 8191, 2000
    keys = jax.vmap(lambda step: named(jax.random.key(1), "order", step))(jnp.arange(trials))
    pairs = np.asarray(jax.jit(jax.vmap(lambda k: ORDER(k, size)[:2]))(keys)) * 8 // size
    counts = np.bincount(pairs[:, 0] * 8 + pairs[:, 1], minlength=64)
    assert stats.chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("counted", [False, True])
def test_every_index_lands_everywhere_alike(counted):
    size, trials = 12, 20_000
    rows = size + 5 if counted else size
    keys = jax.vmap(lambda step: named(jax.random.key(0), "order", step))(jnp.arange(trials))
    orders = np.asarray(jax.vmap(lambda k: ORDER(k, rows, jnp.int32(size) if counted else None))(keys))[:, :size]
    counts = np.stack([np.bincount(orders[:, place], minlength=size) for place in range(size)])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-4
    pairs = np.bincount(orders[:, 0] * size + orders[:, 1], minlength=size * size)
    off_diagonal = ~np.eye(size, dtype=bool).ravel()
    assert pairs[~off_diagonal].sum() == 0
    assert stats.chisquare(pairs[off_diagonal]).pvalue > 1e-4


@pytest.mark.parametrize("size", [1000, 4000, 100_000])
def test_neighbours_in_an_order_rise_as_often_as_they_fall(size):
    """Ties among the random bits would leave runs of rising indices. A uniform order has variance (n + 1) / 12."""
    rises = sum(int((np.diff(np.asarray(ORDER(key(seed), size))) > 0).sum()) for seed in range(4))
    expected, spread = 4 * (size - 1) / 2, np.sqrt(4 * (size + 1) / 12)
    assert abs(rises - expected) < 5 * spread
