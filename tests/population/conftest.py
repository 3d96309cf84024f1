"""A small table and jobs on it, for tests that train nothing."""

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.data.table import Table
from fallline.models import MLP
from fallline.optimizers import Adam
from fallline.population.contexts import contexts_of
from fallline.population.job import Job, completed
from fallline.training.recipe import Recipe

RECIPE = Recipe(
    encoding=None, model=MLP(hidden=(8,), dropout=0.1), optimizer=Adam(1e-2), batch_size=32, epochs=5, patience=None
)


@pytest.fixture(scope="session")
def rows() -> Table:
    """203 rows of two classes."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(203, 5)).astype(np.float32)
    return Table.from_arrays(x, (x[:, 0] * x[:, 1] > 0).astype(int), seed=1)


@pytest.fixture(scope="session")
def prices() -> Table:
    """203 rows with a target in a unit that float32 cannot square."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(203, 5)).astype(np.float32)
    return Table.from_arrays(x, 2e12 + 3e11 * x[:, 0].astype(np.float64), seed=1)


@pytest.fixture
def job_of(rows):
    """`job_of(recipes, seeds=, folds=, data=, wide=, ...)`."""

    def make(recipes, *, seeds=(0,), folds=None, data=rows, wide=None, **options) -> Job:
        contexts = tuple(contexts_of(data, folds, list(seeds)))
        own = completed(recipes, data, contexts)
        return Job(own, own if wide is None else completed(wide, data, contexts), contexts, data, **options)

    return make


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """The recipe from which those of the tests are made."""
    return RECIPE


@pytest.fixture(scope="session")
def rates():
    """`rates(count, **changes)`: recipes that differ in their learning rate."""

    def make(count: int, **changes) -> list[Recipe]:
        values = np.geomspace(1e-3, 3e-2, count)
        return [replace(RECIPE, {"optimizer.learning_rate": float(rate), **changes}) for rate in values]

    return make
