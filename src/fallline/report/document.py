"""A whole page: its head and style, cards of figures, and the script that reads values off them."""

import base64
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fallline.drawing.colours import style
from fallline.drawing.curves import Series
from fallline.drawing.figure import Figure
from fallline.drawing.markup import Html, join, script_json, tag
from fallline.drawing.plot import MOST, Pen, axes_of, lines_of, plot, sample
from fallline.drawing.svg import to_svg
from fallline.drawing.words import shortened


def document(title: str, body: Html, figures: Sequence[Figure]) -> str:
    """A page that needs no network: head, body, the data of its figures, and the script that shows their values."""
    scripts: list[Html] = []
    data = Html("")
    if figures:
        scripts = [Html(_beside("page.js"))]
        data = tag("script", script_json([values(each) for each in figures]), type="application/json", id="figures")
    # The policy allows no network access, and no script except the one with this digest.
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'; "
    policy += "script-src " + (" ".join(map(_digest, scripts)) or "'none'")
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", Html(stylesheet())),
    )
    footer = tag("footer", "Made by Fallline. This page is complete in itself: it asks nothing of any network.")
    page = tag("html", head, tag("body", body, footer, data, *(tag("script", each) for each in scripts)), lang="en")
    return f"<!doctype html>\n{page}\n"


def stylesheet() -> str:
    """The style of a page, with the colours of both themes."""
    return _beside("page.css").replace("/*themes*/", style())


def figure_card(figure: Figure, place: int) -> Html:
    """The card of a figure: title, caption, legend, picture and a table of its values.

    Arguments:
        figure: the figure.
        place: its number on the page.
    """
    return tag(
        "figure",
        tag("figcaption", tag("h3", figure.title), tag("p", figure.caption) if figure.caption else ""),
        plot_of(figure, place),
        class_="card whole" if figure.wide else "card",
    )


def plot_of(figure: Figure, place: int) -> Html:
    """Legend, picture and table of a figure, without a title."""
    label = f"{figure.title}. Left and right arrow keys read values."
    picture = Html(to_svg(plot(figure), "page", f"figure-{place}"))
    stage = tag("div", picture, class_="plot", data_figure=place, tabindex="0", role="group", aria_label=label)
    table = tag("details", tag("summary", "Values"), tag("div", class_="wide"), class_="values", data_figure=place)
    return join([_legend(figure), stage, table])


def _legend(figure: Figure) -> Html:
    named = [(each, how) for each, how in zip(figure.series, lines_of(figure), strict=True) if how.is_named]
    if len(figure.series) < 2:
        return Html("")
    return tag("ul", *(tag("li", _sample(*each), shortened(each[0].name, MOST)) for each in named), class_="legend")


def _sample(series: Series, how: Pen) -> Html:
    drawn = to_svg(sample(series, how), "page")
    inner = drawn[drawn.index("</desc>") + len("</desc>") : drawn.rindex("</svg>")]
    return Html(f'<svg viewBox="0 0 24 12" width="24" height="12" aria-hidden="true">{inner}</svg>')


def values(figure: Figure) -> dict[str, Any]:
    """What the page's script needs of a figure: its axes, and the values of every series."""
    axes = axes_of(figure)
    shared = {each.x for each in figure.series}
    x = [_short(value) for value in next(iter(shared))] if len(shared) == 1 else None
    return {
        "title": figure.title,
        "box": [axes.left, axes.top, axes.right, axes.bottom],
        "ends": [*axes.x, *axes.y],
        "log": [axes.log_x, axes.log_y],
        "percent": figure.percent,
        "x": x,
        "label": figure.x_label,
        "names": {f"{place:g}": " ".join(name.split()) for place, name in figure.x_ticks},
        "series": [
            {
                "name": shortened(each.name, MOST),
                "points": each.points,
                **({} if x is not None else {"x": [_short(value) for value in each.x]}),
                "y": [None if value is None else _short(value) for value in each.y],
                **({"text": list(each.text)} if any(each.text) else {}),
            }
            for each in figure.series
            if each.role != "reference" or each.points
        ],
    }


def _short(value: float) -> float | int:
    found = float(f"{value:.5g}")
    return int(found) if found == int(found) and abs(found) < 1e15 else found


def _digest(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _beside(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")
