import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fallline.board.thinning import numbers, thin

VALUES = st.floats(-1e6, 1e6, width=32) | st.sampled_from([np.nan, np.inf])


@given(st.lists(VALUES, max_size=300), st.integers(1, 40))
def test_the_extremes_and_the_ends_stay_and_the_count_is_bounded(values, buckets):
    y = np.array(values, np.float64)
    x = np.arange(1.0, len(y) + 1)
    short_x, short_y = thin(x, y, buckets)
    assert len(short_x) <= max(2 * buckets + 2, 0) + buckets
    assert (np.diff(short_x) > 0).all()
    held = np.where(np.isfinite(y), y, np.nan)
    np.testing.assert_array_equal(held[short_x.astype(int) - 1], short_y)
    if len(y):
        assert (short_x[0], short_x[-1]) == (1, len(y))
    if np.isfinite(y).any():
        assert (np.nanmin(short_y), np.nanmax(short_y)) == (np.nanmin(held), np.nanmax(held))


def test_every_stretch_keeps_its_own_extremes_and_gaps_stay():
    x = np.arange(1000.0)
    y = np.sin(x)
    y[300:400] = np.nan
    short_x, short_y = thin(x, y, 10)
    for k in range(10):
        inside = (short_x >= 99.9 * k) & (short_x < 99.9 * (k + 1))
        if k == 3:
            assert np.isnan(short_y[inside]).any()
        else:
            assert short_y[inside].max() > 0.99
            assert short_y[inside].min() < -0.99


def test_steps_out_of_order_are_put_in_order_and_equal_ones_do_no_harm():
    x, y = thin(np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, 20.0]), 9)
    assert (x.tolist(), y.tolist()) == ([1, 2, 3], [10, 20, 30])
    x, y = thin(np.full(100, 7.0), np.arange(100.0), 4)
    assert {0.0, 99.0} <= set(y.tolist())


@given(st.lists(st.floats(width=64), max_size=20))
def test_numbers_keep_six_digits(values):
    for value, found in zip(values, numbers(np.array(values, np.float64)), strict=True):
        if not np.isfinite(value):
            assert found is None
        else:
            assert abs(found - value) <= 5.1e-6 * abs(value)
            assert isinstance(found, int | float)
