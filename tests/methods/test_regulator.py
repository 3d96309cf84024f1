"""The regulator of `benchmarks/blackbox.py lqr` is the one whose costs are known."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parent))
import regulator

sys.path.remove(str(Path(__file__).parent))


def test_the_costs_are_those_that_are_known():
    assert regulator.optimal_cost() == pytest.approx(37.89, abs=0.005)
    assert regulator.expected_cost(regulator.riccati_gain()) == pytest.approx(39.32, abs=0.005)
    assert regulator.expected_cost(np.zeros((3, 3))) == pytest.approx(723471, abs=1)
