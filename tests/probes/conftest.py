"""A small table."""

import numpy as np
import pytest

import fallline as fl


@pytest.fixture(scope="session")
def flowers():
    """Three classes, 90 rows."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4)).astype(np.float32)
    return fl.Table.from_arrays(x, np.array(["a", "b", "c"])[np.digitize(x[:, 0], [-0.5, 0.5])], valid=0.16)
