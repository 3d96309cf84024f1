"""Two small tables and one recipe; the ensembles of a module share their programs."""

import pytest

import fallline as fl


@pytest.fixture(scope="session")
def flowers(flowers_of):
    """Three classes, 120 rows, noisy enough that members disagree."""
    return flowers_of(120)


@pytest.fixture(scope="session")
def prices(prices_of):
    """One target in a large unit, far from zero."""
    return prices_of(120, 9e9)


@pytest.fixture(scope="session")
def recipe():
    """A small network with dropout, whose members stop at different epochs."""
    return fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(6,), dropout=0.1),
        optimizer=fl.Adam(fl.Cosine(0.03, warmup=0.05)),
        batch_size=16,
        epochs=14,
        patience=3,
    )
