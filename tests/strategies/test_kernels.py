"""The densities over all dimensions."""

import numpy as np
import pytest

from fallline.strategies.kernels import Kernels


def test_kernels_are_densities():
    """Their mean over the unit cube is 1, whichever dimensions are active; choices counted option by option."""
    rng = np.random.default_rng(0)
    mu, active = rng.random((5, 3)), rng.random((5, 3)) < 0.7
    kernels = Kernels(mu, active, np.full((5, 3), 0.2), (0, 4, 0), weight=np.array([2.0, 1.5, 0.75, 0.5, 0.25]))
    side = (np.arange(40) + 0.5) / 40
    x = np.stack(np.meshgrid(side, side, side, indexing="ij"), axis=-1).reshape(-1, 3)
    values = np.exp(kernels.log_kernels(x, np.ones_like(x, bool)))
    np.testing.assert_allclose(values.mean(axis=0), 1.0, rtol=1e-3)
    # And their samples are as frequent as they say.
    drawn = kernels.sample(rng.random((20_000, 4)), prior=1.0)
    density = np.exp(kernels.log_density(x, np.ones_like(x, bool), prior=1.0))
    assert density.mean() == pytest.approx(1.0, rel=1e-3)
    expected = density[x[:, 0] < 0.25].sum() / density.sum()
    assert (drawn[:, 0] < 0.25).mean() == pytest.approx(expected, abs=0.015)
