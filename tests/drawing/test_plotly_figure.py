"""Figures drawn with Plotly."""

import pytest

from fallline.drawing.colours import THEMES
from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure
from fallline.drawing.plotly_figure import colours, plain
from fallline.drawing.plotly_figure import plotly_figure as draw

LAYERS = tuple(Series(f"dense_{i}", (1, 2), (0.0, 1e-3), "layer") for i in range(30))


def figure(*series: Series, **more: object) -> Figure:
    return Figure("T", "c", "epoch", "y", series, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", THEMES)
def test_layers_differ_in_colour(theme: str) -> None:
    assert len(set(colours(figure(*LAYERS[:12]), theme))) == 12
    assert len(draw(figure(*LAYERS), theme).data) == len(LAYERS)


def test_of_many_layers_the_legend_names_some() -> None:
    named = [each.name for each in draw(figure(*LAYERS)).data if each.showlegend]
    assert (len(named), named[0], named[-1]) == (5, "dense_0", "dense_29")
    assert not any(each.showlegend is False for each in draw(figure(*LAYERS[:6])).data)


def test_the_splits_keep_their_colours_without_each_other() -> None:
    train, valid = Series("a", (1,), (1.0,), "train"), Series("b", (1,), (1.0,), "valid")
    both = colours(figure(train, valid), "light")
    assert [colours(figure(train), "light"), colours(figure(valid), "light")] == [[both[0]], [both[1]]]


def test_zeros_are_gaps_on_a_logarithmic_axis() -> None:
    drawn = draw(figure(LAYERS[0], log_y=True))
    assert drawn.data[0].y == (None, 1e-3)
    assert drawn.layout.yaxis.type == "log"


def test_lonely_points_can_be_seen() -> None:
    x = tuple(range(20))
    lonely = Series("a", x, (1.0, None, 1.0, *[None] * 15, 1.0, 1.0))
    assert draw(figure(lonely)).data[0].mode == "lines+markers"
    assert draw(figure(Series("a", x, (1.0,) * 20))).data[0].mode == "lines"
    assert draw(figure(Series("a", (1,), (1.0,)))).data[0].mode == "lines+markers"


def test_a_dashed_line_and_a_mark() -> None:
    drawn = draw(figure(Series("a", (1, 9), (1.0, 2.0), "reference", dashed=True), mark=(8, "best <b>")))
    assert drawn.data[0].line.dash == "dash"
    assert (drawn.layout.shapes[0].x0, drawn.layout.annotations[0].xanchor) == (8, "right")
    assert drawn.layout.annotations[0].text == "best &lt;b&gt;"


def test_shares_stay_between_none_and_all() -> None:
    allowed = draw(figure(Series("a", (1,), (1.0,)), percent=True)).layout.yaxis.autorangeoptions
    assert (allowed.minallowed, allowed.maxallowed) == (-0.02, 1.02)


def test_text_is_escaped_and_bounded() -> None:
    assert plain('<a href="javascript:x">\n</a>') == '&lt;a href="javascript:x"&gt; &lt;/a&gt;'
    assert len(plain("x" * 500)) < 60
    assert draw(figure(Series("<b>a</b>", (1,), (1.0,)))).data[0].name == "&lt;b&gt;a&lt;/b&gt;"
