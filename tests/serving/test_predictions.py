"""Few predictions reach Polars as lists, and have the types and values that their arrays have."""

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from fallline.serving.predictions import FEW, _listed

CELLS = [
    np.array([0.1, np.nan, np.inf]),
    np.array([0.1, 2], np.float32),
    np.array([-1, 2**62]),
    np.array([3, 4], np.int32),
    np.array(["a", "", "ü"]),
    np.array([True, False]),
    np.zeros(0),
]


@pytest.mark.parametrize("cells", CELLS, ids=lambda cells: str(cells.dtype))
def test_types_and_values_are_those_of_the_array(cells):
    assert_frame_equal(pl.DataFrame({"y": _listed(cells)}, strict=False), pl.DataFrame({"y": cells}, strict=False))


def test_many_rows_stay_an_array():
    many = np.zeros(FEW + 1)
    assert _listed(many) is many
