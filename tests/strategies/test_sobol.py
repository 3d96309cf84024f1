import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import qmc

from fallline.strategies.sobol import sobol_points

MOST = 64  # dimensions of the table


@pytest.mark.parametrize("d", [1, 2, 3, 10, MOST, MOST + 1])
@pytest.mark.parametrize("seed", [0, 12345])
def test_points_are_scipys(d, seed):
    theirs = qmc.Sobol(d, scramble=True, rng=np.random.default_rng(seed)).random_base2(9)
    np.testing.assert_array_equal(sobol_points(d, range(512), seed), theirs)
    np.testing.assert_array_equal(sobol_points(d, range(300, 311), seed), theirs[300:311])


@given(st.integers(1, MOST), st.integers(0, 7), st.integers(0, 2**32))
def test_every_dimension_has_one_point_in_every_cell(d, k, seed):
    points = sobol_points(d, range(2**k), seed)
    cells = np.sort((points * 2**k).astype(int), axis=0)
    np.testing.assert_array_equal(cells, np.arange(2**k)[:, None] * np.ones(d, int))


def test_scipys_statistics_are_not_imported_for_it():
    code = "import sys, fallline.searching.search; sys.exit('scipy.stats' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
