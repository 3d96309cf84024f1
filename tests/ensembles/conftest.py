"""Two small tables and one recipe; the ensembles of a module share their programs."""

import numpy as np
import pytest

import fallline as fl


@pytest.fixture(scope="session")
def flowers():
    """Three classes, 120 rows, noisy enough that members disagree."""
    rng = np.random.default_rng(0)
    x = rng.normal([10, -3, 0, 0.5], [5, 0.1, 1, 2], (120, 4)).astype(np.float32)
    y = np.digitize(x[:, 0] + rng.normal(0, 5, 120), [8, 12])
    return fl.Table.from_arrays(x, np.array(["a", "b", "c"])[y], valid=0.16)


@pytest.fixture(scope="session")
def prices():
    """One target in a large unit, far from zero."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    return fl.Table.from_arrays(x, 9e9 + 30_000 * (x[:, 0] - x[:, 1] ** 2) + rng.normal(0, 3000, 120), valid=0.16)


@pytest.fixture(scope="session")
def recipe():
    """A small network with dropout, whose members stop at different epochs."""
    return fl.Recipe(
        model=fl.MLP(hidden=(6,), dropout=0.1),
        optimizer=fl.Adam(fl.Cosine(0.03, warmup=0.05)),
        batch_size=16,
        epochs=14,
        patience=3,
    )
