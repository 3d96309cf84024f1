import math

import pytest

from fallline.core.errors import FalllineError
from fallline.core.field import Interval


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("[0, 1)", [0.0, 0.5, 0.999], [1.0, -1e-9, math.nan, math.inf]),
        ("(0, inf)", [1e-300, 1e300], [0.0, math.inf, -1.0, math.nan]),
        ("[1, 1e9]", [1, 1e9], [0.5, 1e9 + 1]),
        ("(-inf, inf)", [0.0, -1e300], [math.inf, -math.inf, math.nan]),
        ("[-1,1]", [-1, 1], [-1.0001]),
    ],
)
def test_intervals_as_in_mathematics(text, inside, outside):
    interval = Interval.parse(text)
    assert all(each in interval for each in inside)
    assert not any(each in interval for each in outside)


@pytest.mark.parametrize("text", ["0, 1", "[0 1]", "[0, 1, 2]", "", "{0, 1}"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(FalllineError, match="is not of the form"):
        Interval.parse(text)
