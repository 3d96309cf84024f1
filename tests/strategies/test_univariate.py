"""The densities of one dimension."""

import numpy as np
import pytest

from fallline.strategies.univariate import Line, Options


def test_the_better_of_the_good_trials_weigh_more():
    line = Line(np.array([0.2, 0.8]), np.linspace(0, 1, 20), narrowing=1.0, cell=0.0)
    best, second = line.of_good(np.array([0.2, 0.8]))
    assert 1.5 < best / second < np.log(2.5) / np.log(1.25)  # of the weights; the kernels overlap


def test_one_dimensions_densities_agree_with_their_samples():
    rng = np.random.default_rng(1)
    line = Line(rng.random(5), rng.random(50), narrowing=1.0, cell=0.0)
    side = (np.arange(2000) + 0.5) / 2000
    density = line.of_good(side)
    drawn = line.draw(rng.random((2, 20_000)))
    assert (drawn < 0.4).mean() == pytest.approx(density[side < 0.4].sum() / density.sum(), abs=0.015)
    before = line.of_bad(np.array([0.5]))[0]
    line.lie(0.5)
    assert line.of_bad(np.array([0.5]))[0] > before
    options = Options(np.array([0.1, 0.1, 0.9]), np.array([0.5]), 3, prior=1.0)
    share = (options.draw(rng.random((2, 20_000))) < 1 / 3).mean()
    # Weights log(3.5 / i) of mean 1; the first two are of the first option.
    assert share == pytest.approx((1 + 3 * np.log(3.5**2 / 2) / np.log(3.5**3 / 6)) / 6, abs=0.015)
