"""A figure as a Plotly figure, in a light or a dark theme."""

import html
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fallline.core.extras import optional
from fallline.drawing.colours import colours as drawing_colours
from fallline.drawing.curves import Curves, Series
from fallline.drawing.plot import NAMED, lines_of
from fallline.drawing.words import shortened

if TYPE_CHECKING:
    import plotly.graph_objects as go

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
HEIGHT = 310
EDGE = 64  # pixels for half of the name under the last place
LONGEST = 32  # most characters of a name in a legend
_INKS = {
    "light": {"text": "#475569", "grid": "#e8ecf1", "line": "#cbd5e1", "box": "#ffffff"},
    "dark": {"text": "#a8b3c4", "grid": "#27303d", "line": "#3d4959", "box": "#1b222c"},
}
THEMES = tuple(_INKS)


def plotly_figure(figure: Curves, theme: str = "light") -> "go.Figure":
    """A Plotly figure, with its title and without its caption.

    Arguments:
        figure: the figure to draw.
        theme: `light` or `dark`.

    Raises: FalllineError without Plotly.
    """
    go = optional("plotly.graph_objects", "plotly", "a Plotly figure")

    traces = [_trace(each, colour, figure) for each, colour in zip(figure.series, colours(figure, theme), strict=True)]
    drawn = go.Figure(traces, {"template": template(theme)})
    count = max((len(each.x) for each in figure.series), default=0)
    named = len(traces) > 1
    drawn.update_layout(
        title_text=plain(figure.title), showlegend=named, margin_t=44 + 18 * named + 18 * (figure.mark is not None)
    )
    drawn.update_xaxes(title_text=plain(figure.x_label), **({"dtick": 1} if count <= 10 else {}))
    if figure.log_x:
        drawn.update_xaxes(
            type="log", tickformat=".6~g", dtick=_ticks([x for each in figure.series for x in each.x], few=30)
        )
    elif any(value != int(value) for each in figure.series for value in each.x):
        drawn.update_xaxes(tickformat="~g", dtick=None)
    if figure.x_ticks:
        named_places = [(place, "<br>".join(map(plain, text.split("\n")))) for place, text in figure.x_ticks]
        drawn.update_xaxes(dtick=None, tickvals=[each[0] for each in named_places])
        drawn.update_xaxes(ticktext=[each[1] for each in named_places], tickangle=0)
        drawn.update_layout(margin_r=EDGE)  # Plotly omits a name that would extend beyond the page
    if any(each.text for each in figure.series):
        drawn.update_layout(hovermode="closest")
    drawn.update_yaxes(title_text=plain(figure.y_label), type="log" if figure.log_y else "linear")
    if figure.log_y:
        drawn.update_yaxes(tickformat=".6~g", dtick=_ticks(_values(figure), few=100))
    if figure.percent:
        drawn.update_yaxes(autorangeoptions={"minallowed": -0.02, "maxallowed": 1.02})
        drawn.update_yaxes(tickformat=",.0%" if _spread(figure) > 0.05 else ",.1%", hoverformat=",.2%")
    elif _values(figure) and _spread(figure) == 0 and min(_values(figure)) >= 0:
        drawn.update_yaxes(rangemode="nonnegative")
    layers = [trace for trace, each in zip(drawn.data, figure.series, strict=True) if each.role == "layer"]
    if len(layers) > NAMED:
        shown = {round(k * (len(layers) - 1) / (NAMED - 2)) for k in range(NAMED - 1)}
        for place, trace in enumerate(layers):
            trace.showlegend = place in shown
    if figure.mark is not None:
        _add_mark(drawn, figure, figure.mark)
    return drawn


def colours(figure: Curves, theme: str) -> list[str]:
    """The colour of each series, by its role or, for layers, by depth."""
    inks = drawing_colours(theme)
    return [inks[how.role] for how in lines_of(figure)]


def template(theme: str) -> dict[str, Any]:
    """The style of a theme, as a Plotly template."""
    ink = _INKS[theme]
    axis = {
        "gridcolor": ink["grid"],
        "linecolor": ink["line"],
        "tickcolor": ink["line"],
        "zeroline": False,
        "automargin": True,
        "title": {"standoff": 8, "font": {"size": 12}},
    }
    layout = {
        "font": {"family": FONT, "size": 12, "color": ink["text"]},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "height": HEIGHT,
        "margin": {"l": 8, "r": 8, "t": 12, "b": 8},
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": ink["box"],
            "bordercolor": ink["line"],
            "font": {"color": ink["text"], "family": FONT},
            "namelength": -1,
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "bgcolor": "rgba(0,0,0,0)",
        },
        "xaxis": {**axis, "showgrid": False, "ticks": "outside", "showline": True, "tickformat": "d"},
        "yaxis": {**axis, "nticks": 7},
        "annotationdefaults": {"font": {"color": ink["text"], "size": 12}},
        "shapedefaults": {"line": {"color": ink["text"]}},
    }
    return {"layout": layout}


def plain(text: str) -> str:
    """Text for Plotly, which interprets some HTML: escaped, on one line, and of bounded length.

    >>> plain("a<b>c</b> & d")
    'a&lt;b&gt;c&lt;/b&gt; &amp; d'
    """
    return html.escape(shortened(text, LONGEST), quote=False)


def _trace(series: Series, colour: str, figure: Curves) -> dict[str, Any]:
    y = [None if value is None or (figure.log_y and value <= 0) else value for value in series.y]
    trace: dict[str, Any] = {
        "type": "scatter",
        "name": plain(series.name),
        "x": list(series.x),
        "y": y,
        "mode": "lines+markers" if _lonely(y) and series.role != "reference" else "lines",
        "line": {"color": colour, "width": 1.25 if series.role == "reference" else 2},
        "marker": {"size": 6},
    }
    if series.points:
        trace["mode"] = "markers"
    if series.text:
        trace |= {"text": [plain(each) for each in series.text], "hoverinfo": "text+name"}
        return trace
    if series.dashed:
        trace["line"]["dash"] = "dash"
    return trace | ({"hoverinfo": "skip"} if series.role == "reference" else {"yhoverformat": ".4~g"})


def _lonely(values: list[float | None]) -> bool:
    """Whether a line without markers would hide points: there are few points, or a single one between gaps."""
    padded = [None, *values, None]
    return len(values) <= 10 or any(
        before is None and here is not None and after is None
        for before, here, after in zip(padded, padded[1:], padded[2:], strict=False)
    )


def _add_mark(drawn: "go.Figure", figure: Curves, mark: tuple[float, str]) -> None:
    """Adds a dotted line, with its text above the plot, where there are no data."""
    place, text = mark
    x = [value for each in figure.series for value in each.x]
    along = math.log10 if figure.log_x else float
    right = along(place) - along(min(x)) > 0.5 * (along(max(x)) - along(min(x)))
    drawn.add_shape(
        type="line", x0=place, x1=place, y0=0, y1=1, yref="paper", line={"width": 1, "dash": "dot"}, layer="below"
    )
    drawn.add_annotation(
        x=along(place),  # for annotations on a log axis, unlike for lines, Plotly expects the exponent
        y=1,
        yref="paper",
        text=plain(text),
        showarrow=False,
        yanchor="bottom",
        xanchor="right" if right else "left",
    )


def _values(figure: Curves) -> list[float]:
    return [value for each in figure.series for value in each.y if value is not None]


def _spread(figure: Curves) -> float:
    return max(_values(figure), default=0.0) - min(_values(figure), default=0.0)


def _ticks(values: Iterable[float], few: float) -> int | str | None:
    """Tick spacing of a log axis: whole decades, with 2 and 5 in between if the ratio of the ends is below `few`."""
    positive = [value for value in values if value > 0]
    ratio = max(positive, default=1.0) / min(positive, default=1.0)
    return "D2" if ratio < few else 1 if ratio < 1e6 else None
