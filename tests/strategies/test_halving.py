import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fallline.strategies import Halving


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=12))
def test_no_good_trial_would_have_been_stopped(finished):
    bar = Halving(3, among="study").bar(finished)
    assert (bar is None) == (len(finished) < 3)
    middle = np.median([end for _, end in finished]) if finished else 0.0
    assert bar is None or all(at_rung <= bar for at_rung, end in finished if end < middle)
    assert bar is None or bar in [at_rung for at_rung, _ in finished]


def test_rungs_leave_one():
    assert Halving(3).rungs(81, 9) == (9, 27)
    assert Halving(3, least=10).rungs(81, 100) == (27,)
    assert Halving(3).rungs(9, 9) == (3,)
    assert Halving(2).rungs(1, 8) == ()
    assert Halving(3, among="study").rungs(81, 2) == (27,)
    assert Halving(3, least=30, among="study").rungs(81, 2) == ()
