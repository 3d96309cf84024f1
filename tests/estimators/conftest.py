"""Small rows that many tests share: programs are what takes time here."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import MinMaxScaler, scale


@pytest.fixture(autouse=True)
def same_draws():
    """An estimator without `random_state` asks NumPy's global generator: every test has the same numbers every time."""
    np.random.seed(0)


@pytest.fixture(scope="session")
def zeros_and_ones():
    """The digits 0 and 1: 200 rows of 64 pixels in [0, 1]."""
    X, y = load_digits(n_class=2, return_X_y=True)
    return MinMaxScaler().fit_transform(X[:200]), y[:200]


@pytest.fixture(scope="session")
def three_digits():
    """The digits 0, 1 and 2: 200 rows of 64 pixels in [0, 1]."""
    X, y = load_digits(n_class=3, return_X_y=True)
    return MinMaxScaler().fit_transform(X[:200]), y[:200]


@pytest.fixture(scope="session")
def flowers():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="session")
def numbers():
    """One target from ten columns, with much noise: 200 rows."""
    rng = np.random.default_rng(7)
    X = rng.normal(size=(200, 10))
    return X, scale(X @ rng.uniform(20, 90, 10) + rng.normal(0, 60, 200))
