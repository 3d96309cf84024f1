"""Edges and codes: numbers worked by hand, scikit-learn's discretizer and trees, and what every set of edges keeps."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import KBinsDiscretizer
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fallline.encodings.bins import codes, pieces, quantile_edges, tree_edges

MAPS = jax.jit(lambda x, bins: pieces(quantile_edges(x, jnp.ones(len(x)), bins)), static_argnums=1)
CODES = jax.jit(codes)
NUMBERS = st.floats(-1e3, 1e3, width=32, allow_subnormal=False)


def kept(edges):
    """The edges of every column that its bins use, from the maps."""
    maps = {name: np.asarray(each, np.float64) for name, each in pieces(jnp.asarray(edges, jnp.float32)).items()}
    found = []
    for left, inverse in zip(maps["left"], maps["inverse"], strict=True):
        used = inverse > 0
        found.append(np.append(left[used], (left[used] + 1 / inverse[used])[-1:]))
    return found


def encoded(edges, x, beyond=np.inf):
    maps = pieces(jnp.asarray(edges, jnp.float32))
    return np.asarray(codes(maps, jnp.asarray(x, jnp.float32), jnp.float32(beyond)), np.float64)


def test_codes_by_hand():
    # Edges 0, 1, 3, 7: widths 1, 2 and 4.
    x = np.array([[-2.0], [0.0], [0.5], [1.0], [2.0], [3.0], [6.0], [7.0], [11.0]])
    expected = [
        [-2, 0, 0], [0, 0, 0], [0.5, 0, 0], [1, 0, 0], [1, 0.5, 0], [1, 1, 0], [1, 1, 0.75], [1, 1, 1], [1, 1, 2],
    ]  # fmt: skip
    assert encoded([[0, 1, 3, 7]], x)[:, 0].tolist() == expected
    assert encoded([[0, 1, 3, 7]], x, beyond=0.5)[[0, -1], 0].tolist() == [[-0.5, 0, 0], [1, 1, 1.5]]
    assert encoded([[0, 1, 3, 7]], x, beyond=0.0)[[0, -1], 0].tolist() == [[0, 0, 0], [1, 1, 1]]


def test_a_single_bin_is_open_to_both_sides():
    assert encoded([[2, 2, 6, 6]], [[0.0], [2.0], [4.0], [10.0]])[:, 0, -1].tolist() == [-0.5, 0, 0.5, 2]
    assert encoded([[2, 2, 6, 6]], [[4.0]])[0, 0].tolist() == [0, 0, 0.5]  # the last place, after empty ones


def test_columns_with_fewer_bins_share_the_last_place():
    edges = np.array([[0, 1, 2, 3, 4], [0, 0, 0, 5, 10], [0, 0, 0, 0, 8], [7, 7, 7, 7, 7]], float)
    e = encoded(edges, np.array([[3.5, 7.5, 2.0, 7.0]]))[0]
    assert e.tolist() == [[1, 1, 1, 0.5], [1, 0, 0, 0.5], [0, 0, 0, 0.25], [0, 0, 0, 0]]
    assert encoded(edges, np.array([[0.0, 0.0, 0.0, 900.0]]))[0, 3].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize("bins", [2, 3, 8, 48])
def test_quantile_edges_are_those_of_scikit_learn(bins):
    rng = np.random.default_rng(bins)
    x = np.stack([rng.normal(size=500), rng.integers(0, 6, 500), np.maximum(rng.normal(size=500), 0.5)], axis=1)
    x = x.astype(np.float32)
    found = kept(quantile_edges(jnp.asarray(x), jnp.ones(len(x)), bins))
    judge = KBinsDiscretizer(bins, strategy="quantile", quantile_method="linear", subsample=None)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Bins whose width are too small")
        judge.fit(x.astype(np.float64))
    for own, theirs in zip(found, judge.bin_edges_, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=2e-5, atol=2e-5)


def thresholds(tree):
    return np.sort(tree.tree_.threshold[tree.tree_.feature >= 0])


@pytest.mark.parametrize("bins", [2, 5, 12])
def test_tree_edges_are_those_of_a_regression_tree(bins):
    rng = np.random.default_rng(3)
    x = rng.integers(-60, 60, size=(400, 2)).astype(np.float32)
    y = (np.sin(x[:, :1] / 9) + 0.01 * x[:, 1:] + 0.3 * rng.normal(size=(400, 1))).astype(np.float32)
    edges = tree_edges(jnp.asarray(x), jnp.ones(400), jnp.asarray(y), 0, bins, 16, 1e-3)
    scaled = (y - y.mean()) / y.std()
    for column, own in zip(x.T, kept(edges), strict=True):
        tree = DecisionTreeRegressor(max_leaf_nodes=bins, min_samples_leaf=16, min_impurity_decrease=1e-3)
        tree.fit(column[:, None], scaled)
        np.testing.assert_allclose(own, [column.min(), *thresholds(tree), column.max()], atol=1e-4)


def test_tree_edges_are_those_of_a_classification_tree():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 90, size=(500, 1)).astype(np.float32)
    y = (np.digitize(x[:, 0] + 6 * rng.normal(size=500), [20, 45, 70]) % 3).astype(np.int32)
    own = kept(tree_edges(jnp.asarray(x), jnp.ones(500), jnp.asarray(y), 3, 6, 20, 1e-4))[0]
    tree = DecisionTreeClassifier(max_leaf_nodes=6, min_samples_leaf=20, min_impurity_decrease=1e-4).fit(x, y)
    np.testing.assert_allclose(own, [x.min(), *thresholds(tree), x.max()], atol=1e-4)


def test_rows_of_equal_values_are_never_split_and_weights_count():
    x = jnp.array([[1.0], [1.0], [1.0], [2.0], [2.0], [3.0]])
    y = jnp.array([[0.0], [9.0], [0.0], [4.0], [4.0], [5.0]])
    assert kept(tree_edges(x, jnp.ones(6), y, 0, 6, 1, 0.0))[0] == pytest.approx([1, 1.5, 2.5, 3])
    assert kept(tree_edges(x, jnp.ones(6), y, 0, 6, 2, 0.0))[0] == pytest.approx(
        [1, 1.5, 3]
    )  # 3 would be a leaf of one row
    heavy = jnp.array([1.0, 1, 1, 1, 1, 2])
    assert kept(tree_edges(x, heavy, y, 0, 6, 2, 0.0))[0] == pytest.approx([1, 1.5, 2.5, 3])


@st.composite
def columns(draw):
    x = draw(arrays(np.float32, (24, 1), elements=st.one_of(NUMBERS, st.integers(-3, 3).map(float))))
    return x, draw(st.sampled_from([1, 3, 8]))


@given(columns())
def test_widths_times_codes_give_the_number_back(case):
    x, bins = case
    found = MAPS(x, bins)
    maps = {name: np.asarray(each, np.float64) for name, each in found.items()}
    span = float(x.max() - x.min())
    if not maps["inverse"].any():
        assert span <= 2e-6 * np.abs(x).max()
        return
    widths = np.where(maps["inverse"] > 0, 1 / np.where(maps["inverse"] > 0, maps["inverse"], 1), 0)
    back = x.min() + (np.asarray(CODES(found, x, np.float32(np.inf)), np.float64) * widths).sum(axis=2)
    np.testing.assert_allclose(back, x, atol=2e-5 * span + 1e-6 * np.abs(x).max())


@given(columns())
def test_codes_rise_with_the_number_and_do_not_jump(case):
    x, bins = case
    maps = MAPS(x, bins)
    inverse = np.asarray(maps["inverse"], np.float64)
    grid = np.linspace(x.min() - 1, x.max() + 1, 101, dtype=np.float32)[:, None]
    e = np.asarray(CODES(maps, grid, np.float32(1.0)), np.float64)[:, 0]
    steps = np.diff(e, axis=0)
    assert (steps >= 0).all()
    assert e.min() >= -1
    assert e.max() <= 2
    gap = np.diff(grid[:, 0].astype(np.float64))[:, None]
    assert (steps <= gap * inverse * (1 + 1e-3) + 1e-4 + 4e-7 * np.abs(x).max() * inverse).all()


@given(columns())
def test_edges_that_nearly_coincide_make_no_narrow_bins(case):
    x, bins = case
    maps = MAPS(x, bins)
    span = float(x.max() - x.min())
    assert float(np.asarray(maps["inverse"]).max()) * span <= 1.01e6
