import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from fallline.control.statistics import DEAD, Statistics


@given(
    arrays(np.float64, st.tuples(st.integers(1, 30), st.just(2)), elements=st.floats(-1e3, 1e3)),
    st.lists(st.integers(0, 30), max_size=4),
)
def test_statistics_merged_in_pieces_are_those_of_all_rows(x, cuts):
    merged = Statistics.none(2)
    for piece in np.split(x, sorted(cuts)):
        merged = merged.merge(Statistics.of(piece) if len(piece) else Statistics.none(2))
    assert merged.n == len(x)
    np.testing.assert_allclose(merged.mean, x.mean(axis=0), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(merged.squares, len(x) * x.var(axis=0), rtol=1e-6, atol=1e-6)


def test_far_from_zero_the_variance_keeps_its_digits():
    x = np.random.default_rng(0).normal(size=(1000, 1)) + 1e8
    merged = Statistics.of(x[:300]).merge(Statistics.of(x[300:]))
    assert merged.variance[0] == pytest.approx(np.var(x - 1e8, ddof=1), rel=1e-6)


def test_before_two_observations_nothing_is_scaled():
    for statistics in (Statistics.none(3), Statistics.of(np.zeros((1, 3)))):
        np.testing.assert_array_equal(statistics.scaling().factor, 1.0)


@pytest.mark.parametrize(("variance", "factor"), [(0.0, 0.0), (0.9 * DEAD, 0.0), (4.0, 0.5)])
def test_a_dimension_of_almost_no_variance_has_no_weight(variance, factor):
    spread = np.sqrt(variance / 2)  # of two rows around 7, with n - 1 in the denominator
    x = np.array([[7.0 - spread], [7.0 + spread]])
    assert Statistics.of(x).scaling().factor[0] == pytest.approx(factor)
