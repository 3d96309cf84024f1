"""Calibration against scikit-learn's curve and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.reliability import chance_error, reliability, wilson


@given(st.integers(1, 80), st.integers(0, 1000), st.integers(1, 12))
def test_the_bins_are_those_of_scikit_learn(rows, seed, bins):
    calibration = pytest.importorskip("sklearn.calibration")
    draw = np.random.default_rng(seed)
    probability, hit = draw.random(rows), (draw.random(rows) < 0.5).astype(float)
    columns, ece = reliability(probability, hit, bins=bins)
    share, mean = calibration.calibration_curve(hit, probability, n_bins=bins)
    np.testing.assert_allclose(columns["probability"], mean)
    np.testing.assert_allclose(columns["share"], share)
    assert ece == pytest.approx((columns["rows"] * np.abs(share - mean)).sum() / rows)
    assert columns["rows"].sum() == rows


def test_both_ends_belong_to_a_bin_and_rows_of_weight_zero_to_none():
    columns, ece = reliability(np.array([0.0, 1.0, 0.5]), np.array([0.0, 1.0, 1.0]), np.array([1.0, 1.0, 0.0]))
    assert columns["low"].tolist() == [0.0, 0.9]
    assert ece == 0.0


def test_perfect_probabilities_stay_below_the_error_by_chance_and_others_do_not():
    draw = np.random.default_rng(1)
    p = draw.random(500)
    chance = chance_error(p, np.ones(500))
    assert reliability(p, draw.random(500) < p)[1] < chance
    assert reliability(p, draw.random(500) < p**3)[1] > chance


def test_the_interval_of_a_share_is_wilsons():
    low, high = wilson(np.array([0.5]), np.array([100.0]))
    assert (low[0], high[0]) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # the published example
