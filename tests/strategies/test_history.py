"""Which trials count as better."""

import dataclasses

import numpy as np

from fallline.strategies import TrialHistory
from fallline.strategies.history import DIVERGED, PRUNED


def test_the_history_orders_finished_then_pruned_then_diverged():
    nothing = np.zeros((6, 1))
    known = TrialHistory(
        nothing,
        np.array([0.3, 0.1, np.inf, 0.2, np.nan, 0.05]),
        np.arange(6),
        np.array([0, 0, DIVERGED, PRUNED, DIVERGED, PRUNED]),
        np.array([9.0, 9.0, 2.0, 6.0, 5.0, 3.0]),
        nothing[:0],
    )
    assert known.order().tolist() == [1, 0, 3, 5, 4, 2]
    assert known.before(2).number.tolist() == [0, 1]


def test_of_equal_scores_the_lower_loss_is_better():
    known = TrialHistory.of(np.zeros((5, 1)), np.array([-0.9, -0.9, -0.95, np.inf, -0.9]))
    assert known.order().tolist() == [2, 0, 1, 4, 3]
    told = dataclasses.replace(known, losses=np.array([0.3, 0.2, 0.9, 0.1, np.nan]))
    assert told.order().tolist() == [2, 1, 0, 4, 3]
    assert told.before(2).order().tolist() == [1, 0]
