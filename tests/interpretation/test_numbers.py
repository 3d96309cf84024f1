"""Predicted against true numbers, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.numbers import bias_of, coverage_of, deciles


@given(st.integers(1, 60), st.integers(0, 100), st.integers(1, 5))
def test_deciles_hold_every_row_once_in_the_order_of_the_prediction(rows, seed, levels):
    draw = np.random.default_rng(seed)
    predicted, true = draw.integers(0, levels * 10, rows).astype(float), draw.normal(size=rows)
    found = deciles(true, predicted)
    assert found["rows"].sum() == rows
    assert (found["high"][:-1] < found["low"][1:]).all()
    assert found["rows"] @ found["bias"] == pytest.approx((predicted - true).sum(), abs=1e-9)
    assert found["rows"] @ found["mae"] == pytest.approx(np.abs(predicted - true).sum())


def test_ten_parts_of_ten_rows_are_the_deciles():
    assert deciles(np.zeros(100), np.arange(100.0))["rows"].tolist() == [10] * 10


def test_bias_has_the_interval_of_a_mean():
    true, predicted = np.zeros(4), np.array([1.0, 3.0, 1.0, 3.0])
    bias, low, high = bias_of(true, predicted, np.ones(4))
    assert (bias, low, high) == pytest.approx((2.0, 2 - 1.96 / 2, 2 + 1.96 / 2))
    assert bias_of(true, predicted, np.array([1.0, 0.0, 1.0, 0.0]))[0] == 1.0


def test_coverage_counts_the_ends_and_the_weights():
    true = np.array([0.0, 1.0, 2.0])
    assert coverage_of(true, np.zeros(3), np.ones(3), np.array([1.0, 1.0, 2.0])) == 0.5
