"""The report's figures as pictures, and what the page's script knows of them."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.drawing import Points, Stroke, TextMark
from fallline.drawing.figure import Figure
from fallline.drawing.plot import axes_of, lines_of, plot
from fallline.report.document import figure_card, values
from fallline.training.curves import Series

LAYERS = tuple(Series(f"dense_{i}", (1, 2), (0.1, 1e-3), "layer") for i in range(30))


def figure(*series: Series, **more: object) -> Figure:
    return Figure("T", "c", "epoch", "y", series, **more)  # type: ignore[arg-type]


def strokes(drawn) -> list[Stroke]:
    """The curves: every stroke that is no part of the axes."""
    return [each for each in drawn.marks if isinstance(each, Stroke) and each.role not in ("line", "grid")]


def test_of_many_layers_the_legend_names_an_even_selection_and_all_are_drawn():
    shown = figure(*LAYERS)
    named = [each.name for each, how in zip(shown.series, lines_of(shown), strict=True) if how.is_named]
    assert (len(named), named[0], named[-1]) == (5, "dense_0", "dense_29")
    assert len(strokes(plot(shown))) == 30
    assert all(how.is_named for how in lines_of(figure(*LAYERS[:6])))


def test_neighbouring_layers_differ_in_colour_or_dash():
    hows = lines_of(figure(*LAYERS))
    assert all((a.role, a.dash) != (b.role, b.dash) for i, a in enumerate(hows) for b in hows[i + 1 : i + 9])


def test_training_and_validation_differ_without_colours():
    train, valid = lines_of(figure(Series("a", (1,), (1.0,), "train"), Series("b", (1,), (1.0,), "valid")))
    assert train.dash != valid.dash


def test_gaps_end_a_line_and_lonely_points_can_be_seen():
    x = tuple(range(20))
    drawn = plot(figure(Series("a", x, (1.0, None, 2.0, *[None] * 14, 1.0, 1.5, 1.2))))
    assert [len(each.points) for each in strokes(drawn)] == [3]
    assert [len(each.places) for each in drawn.marks if isinstance(each, Points)] == [1, 1]


def test_zeros_are_gaps_on_a_logarithmic_axis():
    shown = figure(Series("a", (1, 2, 3), (0.0, 1e-3, 1e-1)), log_y=True)
    assert [len(each.points) for each in strokes(plot(shown))] == [2]
    assert axes_of(shown).y[0] > 0


@given(
    st.lists(st.floats(-1e12, 1e12) | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30),
    st.booleans(),
)
def test_every_point_lies_within_the_axes(y, is_log):
    shown = figure(Series("a", tuple(range(len(y))), tuple(y)), log_y=is_log)
    axes = axes_of(shown)
    held = np.array([each for each in y if each > 0 or not is_log])
    held = held[(np.abs(held) < 8e307) if not is_log else (held > 1e-280) & (held < 1e280)]  # beyond, it has no place
    places = axes.place(np.zeros(len(held)), held)[:, 1]
    assert np.all((places >= axes.top - 1e-6) & (places <= axes.bottom + 1e-6))
    plot(shown)


def test_shares_fit_what_is_shown_and_are_labelled_in_percent():
    few = figure(Series("a", (1, 2), (0.0, 0.02)), percent=True)
    assert axes_of(few).y[1] < 0.03
    texts = [each.text for each in plot(few).marks if isinstance(each, TextMark)]
    assert "2.0 %" in texts
    assert axes_of(figure(Series("a", (1, 2), (0.5, 1.0)), percent=True)).y[1] <= 1.02


def test_epochs_are_whole_numbers():
    shown = figure(Series("a", (1, 2, 3), (1.0, 2.0, 3.0)))
    texts = [each.text for each in plot(shown).marks if isinstance(each, TextMark) and each.y > axes_of(shown).bottom]
    assert texts == ["1", "2", "3", "epoch"]


def test_names_are_text_in_cards_and_in_pictures():
    hostile = "<b onload='x'>&amp;"
    shown = Figure(hostile, hostile, hostile, hostile, (Series(hostile, (1,), (1.0,)), Series("b", (1,), (1.0,))))
    for text in (figure_card(shown, 0), shown.svg()):
        assert "<b " not in text
        assert "&lt;b onload" in text


def test_long_names_that_begin_alike_differ_in_the_legend():
    shown = figure(*(Series(f"optimizer.learning_rate.peak = {rate}", (1, 2), (1.0, rate)) for rate in (0.001, 0.03)))
    texts = [each.text for each in shown.picture().marks if isinstance(each, TextMark)]
    assert {"optimizer.learni…te.peak = 0.001", "optimizer.learni…ate.peak = 0.03"} <= set(texts)


def test_the_script_gets_the_axes_of_the_picture_and_its_values():
    shown = figure(Series("a", (1, 2), (0.123456789, None)), Series("usual", (1, 2), (1.0, 1.0), "reference"))
    held = values(shown)
    axes = axes_of(shown)
    assert held["box"] == [axes.left, axes.top, axes.right, axes.bottom]
    assert held["x"] == [1, 2]
    assert held["series"] == [{"name": "a", "points": False, "y": [0.12346, None]}]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_picture_alone_has_title_legend_and_colours(theme):
    text = figure(Series("one", (1, 2), (1.0, 2.0), "train"), Series("two", (1, 2), (2.0, 1.0), "valid")).svg(theme)
    assert re.findall(r">(T|one|two)</", text) == ["T", "T", "one", "two"]  # also as the title of the picture
    assert "var(" not in text


def test_the_values_as_a_frame():
    frame = figure(Series("a", (1, 2), (0.5, None))).frame
    assert frame.rows() == [("a", 1.0, 0.5), ("a", 2.0, None)]
