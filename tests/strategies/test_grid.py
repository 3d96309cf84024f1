"""Grid search: which values it takes."""

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.distributions import Choice, Integer, LogUniform
from fallline.optimizers import SGD, Adam
from fallline.strategies import Grid, Space, TrialHistory
from fallline.training.recipe import Recipe

RATE = LogUniform(1e-4, 1.0)


def test_grid_takes_the_ends_on_each_scale_and_each_option_with_its_own():
    space = Space(Recipe(optimizer=Choice((Adam(RATE), SGD(LogUniform(1e-2, 1.0)))), penalty=None))
    none = TrialHistory.of(np.zeros((0, len(space))), np.zeros(0))
    rates = [space.fill(p).optimizer.learning_rate for p in Grid(3).propose(space, none, range(99), seed=0)]
    assert rates == pytest.approx([1e-4, 1e-2, 1.0, 1e-2, 1e-1, 1.0])
    assert Grid(3).size(space) == 6
    assert len(Grid(3).propose(space, none, range(4, 99), seed=0)) == 2
    whole = Space(replace(Recipe(), {"patience": Integer(3, 6)}))
    patience = [whole.fill(p).patience for p in Grid(5).propose(whole, none, range(9), seed=0)]
    assert patience == [3, 4, 5, 6]
