"""Strict weather: warnings are errors (pyproject.toml), and property tests draw the same examples every time."""

import os

import hypothesis
import jax
import pytest

from fallline.core.runtime import configure

QUICK = "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
if "XLA_FLAGS" not in os.environ:
    os.environ["XLA_FLAGS"] = QUICK
    configure()
    jax.devices()
    del os.environ["XLA_FLAGS"]

os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", os.devnull)
hypothesis.settings.register_profile("fallline", deadline=None, derandomize=True, database=None, max_examples=60)
hypothesis.settings.load_profile("fallline")


@pytest.fixture
def float64():
    """64-bit JAX for the length of a test."""
    with jax.enable_x64(True):
        yield


@pytest.fixture
def equal_ranks():
    """Adding a vector to a matrix raises: for the code that means to work element by element."""
    with jax.numpy_rank_promotion("raise"):
        yield
