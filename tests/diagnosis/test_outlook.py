"""The advice to train for longer: said where the trend falls by more than chance, and silent everywhere else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.diagnosis.outlook import FEWEST, LEAST, SPREAD, WORTH, Outlook, outlook_of, slope_of


def curve(power: float, epochs: int = 60, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    e = np.arange(1, epochs + 1)
    return 0.4 * e**-power * np.exp(noise * np.random.default_rng(seed).normal(size=epochs))


@given(st.floats(0.02, 1.5), st.integers(LEAST, 500), st.floats(1e-6, 1e6))
def test_a_power_law_is_continued_exactly_in_any_unit(power, epochs, unit):
    found = outlook_of(unit * curve(power, epochs))
    assert found is not None
    assert found.epochs == 2 * epochs
    assert found.gain == pytest.approx(1 - 2**-power, rel=1e-6)
    assert found.error == pytest.approx(SPREAD * found.gain, rel=1e-3)


@pytest.mark.parametrize("power", [0.0, -0.2, 0.5 * WORTH])
def test_a_flat_or_rising_curve_promises_nothing(power):
    assert outlook_of(curve(power)) is None


def test_chance_is_seldom_taken_for_a_trend():
    """White noise, and noise that wanders, around a level: of 200 curves each, no more than 3 in 100 are called a trend."""
    rng = np.random.default_rng(0)
    white = 0.3 * np.exp(0.05 * rng.normal(size=(200, 60)))
    wander = np.zeros((200, 60))
    for k in range(1, 60):
        wander[:, k] = 0.6 * wander[:, k - 1] + rng.normal(size=200)
    for curves in (white, 0.3 * np.exp(0.05 * wander)):
        assert sum(outlook_of(each) is not None for each in curves) <= 6


def test_a_trend_is_found_under_noise():
    assert sum(outlook_of(curve(0.4, noise=0.03, seed=seed)) is not None for seed in range(50)) >= 45


def test_an_early_best_a_short_curve_and_curves_without_numbers_promise_nothing():
    early = curve(0.3)
    early[10] = early.min() / 2
    assert outlook_of(early) is None
    assert outlook_of(curve(0.5, FEWEST - 1)) is None
    assert outlook_of(np.full(60, np.nan)) is None
    assert outlook_of(-curve(0.5)) is None  # a loss of counts may be negative: a share of it means nothing


def test_a_few_epochs_promise_something_only_if_every_one_improves():
    few = curve(0.5, LEAST - 1)
    assert outlook_of(few).gain == pytest.approx(1 - 2**-0.5, rel=1e-3)
    few[3] = 1.01 * few[2]
    assert outlook_of(few) is None


def test_epochs_before_the_first_count():
    whole = curve(0.25, 120)
    assert outlook_of(whole[60:], 60).gain == pytest.approx(outlook_of(whole).gain, rel=1e-6)
    assert outlook_of(whole[60:], 60).epochs == 240


def test_the_slopes_error_is_that_of_least_squares_and_grows_with_correlation():
    x = np.arange(6.0)
    y = np.array([0.0, 1.1, 1.9, 3.1, 3.9, 5.0])  # alternating residuals: r < 0 counts as 0
    slope, error = slope_of(x, y)
    d = x - x.mean()
    residuals = y - y.mean() - slope * d
    assert slope == pytest.approx(np.polyfit(x, y, 1)[0])
    assert error == pytest.approx(np.sqrt(residuals @ residuals / 4 / (d @ d)))
    together = np.repeat([0.3, -0.3, 0.3], 20)
    shuffled = np.random.default_rng(0).permutation(together)
    e = np.arange(60.0)
    assert slope_of(e, together)[1] > 2 * slope_of(e, shuffled)[1]


def test_plain_form():
    assert Outlook(120, 0.14249, 0.08).to_plain() == {"epochs": 120, "gain": 0.1425, "error": 0.08}
