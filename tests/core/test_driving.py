import signal

import numpy as np
import pytest

from fallline.core import driving
from fallline.core.driving import CALL_SECONDS, INTERRUPTED, STOPPED, Pace, Progress, drive
from fallline.core.interrupt import Interrupt


def counted(until: int, **options):
    """Count to `until`; the events in their order, the last number and the reason."""
    events = []

    def step(n):
        events.append(f"step {n}")
        return n + 1

    def goal(n):
        return "there" if n >= until else ""

    with Interrupt() as interrupt:
        return (*drive(0, step, goal=goal, interrupt=interrupt, **options), events)


def test_steps_are_taken_until_the_goal():
    assert counted(3) == (3, "there", ["step 0", "step 1", "step 2"])
    assert counted(0) == (0, "there", [])


def test_a_callback_stops_the_work_with_true_alone():
    seen = []
    assert counted(3, watch=seen.append)[:2] == (3, "there")
    assert seen == [1, 2, 3]
    assert counted(9, watch=lambda n: n == 2)[:2] == (2, STOPPED)
    assert counted(3, watch=lambda n: np.float64(1.0))[:2] == (3, "there")


def test_ctrl_c_ends_the_work_before_the_next_step():
    state, why, events = counted(9, watch=lambda n: n == 4 and signal.raise_signal(signal.SIGINT))
    assert (state, why, len(events)) == (4, INTERRUPTED, 4)
    # Work that has reached its goal has ended, not been interrupted.
    assert counted(4, watch=lambda n: n == 4 and signal.raise_signal(signal.SIGINT))[:2] == (4, "there")


@pytest.mark.parametrize(
    ("every", "expected"), [(0.0, [1, 2, 3, 4]), (2.0, [1, 3]), (3.0, [1, 4]), (9.0, [1]), (np.inf, [])]
)
def test_saves_after_a_second_and_then_at_most_that_often(monkeypatch, every, expected):
    times, saved = {"now": 0.0}, []
    monkeypatch.setattr(driving.time, "monotonic", lambda: times["now"])

    def watch(n):
        times["now"] += 1.0

    assert counted(4, watch=watch, save=saved.append, every=every)[0] == 4
    assert saved == expected


def test_an_error_in_a_step_goes_through():
    def step(n):
        raise ValueError(n)

    with Interrupt() as interrupt, pytest.raises(ValueError, match="0"):
        drive(0, step, goal=lambda n: "", interrupt=interrupt)


def test_the_pace_aims_at_half_a_second():
    pace = Pace(most=16)
    assert pace.count == 1
    pace.took(0.0, 4)  # a clock may stand still
    assert pace.count == 16
    for seconds, iterations, expected in ((CALL_SECONDS, 1, 1), (CALL_SECONDS, 8, 8), (99.0, 1, 1), (1e-9, 1, 16)):
        pace.took(seconds, iterations)
        assert pace.count == expected
    pace.took(1.0, 0)  # a call that ended at once
    assert pace.count == 1
    assert Pace(most=64, each=0.1).count == 5


def test_time_left_is_that_of_what_is_left():
    assert Progress(10, 40, 5.0).seconds_left == 15.0
    assert Progress(40, 40, 5.0).seconds_left == 0.0
    assert Progress(50, 40, 5.0).seconds_left == 0.0  # the last batch of a search may exceed its budget
    assert np.isnan(Progress(0, 40, 5.0).seconds_left)
