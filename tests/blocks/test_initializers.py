"""Mean and variance against theory, on about a million draws."""

import jax
import numpy as np
import pytest
from scipy import stats

from fallline.core.block import family
from fallline.initializers import (
    Filled,
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    InverseSqrtFan,
    LeCunNormal,
    LeCunUniform,
    Orthogonal,
    SmallNormal,
    Zeros,
)

INPUTS, OUTPUTS = 800, 1250
VARIANCE = {
    HeNormal: 2 / INPUTS,
    HeUniform: 2 / INPUTS,
    GlorotNormal: 2 / (INPUTS + OUTPUTS),
    GlorotUniform: 2 / (INPUTS + OUTPUTS),
    LeCunNormal: 1 / INPUTS,
    LeCunUniform: 1 / INPUTS,
    InverseSqrtFan: 1 / (3 * INPUTS),
    SmallNormal: 0.01**2,
}


@pytest.mark.parametrize("kind", VARIANCE, ids=lambda each: each.name)
def test_weights_have_the_variance_of_the_formula(kind):
    w = np.asarray(kind()(jax.random.key(0), (INPUTS, OUTPUTS)), np.float64).ravel()
    assert w.dtype == np.float64
    sd = np.sqrt(VARIANCE[kind])
    assert abs(w.mean()) < 5 * sd / np.sqrt(w.size)
    kurtosis = 3.0 if "normal" in kind.name else 1.8
    assert abs(w.var() / sd**2 - 1) < 5 * np.sqrt((kurtosis - 1) / w.size)
    theory = stats.norm(0, sd) if "normal" in kind.name else stats.uniform(-np.sqrt(3) * sd, 2 * np.sqrt(3) * sd)
    assert stats.kstest(w, theory.cdf).pvalue > 1e-4


def test_zeros():
    assert not np.asarray(Zeros()(jax.random.key(0), (3, 4))).any()


def test_every_initializer_is_met():
    assert set(family("initializer").values()) == {*VARIANCE, Zeros, Filled, Orthogonal}
