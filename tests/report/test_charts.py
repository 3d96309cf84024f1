"""Charts are made of marks that lie within the picture, whatever the numbers are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.drawing.marks import Area, Stroke, TextMark
from fallline.drawing.svg import to_svg
from fallline.report.charts import BarMark, LineMark, bar_chart, ends_of, line_chart, matrix_chart, small_histogram

numbers = st.floats(-1e12, 1e12).map(lambda x: float(f"{x:.3g}"))


def places(drawing):
    for mark in drawing.marks:
        if isinstance(mark, Stroke):
            yield from mark.points
        elif isinstance(mark, Area):
            yield from np.concatenate(mark.polygons)
        else:
            yield np.array([mark.x, mark.y])


def within(drawing):
    points = np.array(list(places(drawing)))
    assert np.isfinite(points).all()
    assert (points >= -1).all()
    assert (points[:, 0] <= drawing.width + 1).all()
    assert (points[:, 1] <= drawing.height + 1).all()
    assert "nan" not in to_svg(drawing, "page")


@given(st.lists(numbers, min_size=1, max_size=20), st.booleans())
def test_lines_and_bars_stay_within(values, dots):
    y = np.array(values)
    x = np.arange(len(y)) * 1.0
    line = LineMark("a", x, y, dots=dots, low=y, high=y)
    within(line_chart("t", "d", [line, line], ("x", "y"), ends_of(x), ends_of(y), "zero"))
    bars = [BarMark("b" * 60, v, v, v, k % 2 == 0) for k, v in enumerate(values[:12])]
    within(bar_chart("t", "d", bars, "value", is_dot=dots, mark=values[0]))


@given(st.integers(2, 12), st.integers(0, 50))
def test_a_matrix_shows_every_count(classes, seed):
    counts = np.random.default_rng(seed).integers(0, 4, (classes, classes)).astype(float)
    drawing = matrix_chart("t", "d", counts, [f"class {k}" for k in range(classes)])
    within(drawing)
    shown = [mark.text for mark in drawing.marks if isinstance(mark, TextMark) and mark.text.isdigit()]
    assert sorted(shown) == sorted(f"{v:.0f}" for v in counts.ravel() if v)


@pytest.mark.parametrize("shares", [[], [("train", [])], [("train", [0.5, 0.5]), ("test", [0.0, 1.0])]])
def test_small_histograms(shares):
    within(small_histogram(shares))


def test_an_axis_of_one_value_has_a_width():
    for value in (0.0, 3.0, -1e-300, 1e300):
        low, high = ends_of(np.array([value]))
        assert low < value < high
    assert ends_of(np.array([np.nan])) == (0.0, 1.0)
