"""The card of a static chart: title, caption, picture, legend, and the numbers behind it as a table."""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

from fallline.drawing.colours import dash_of, path_role
from fallline.drawing.marks import Drawing
from fallline.drawing.markup import Html, heading, join, tag
from fallline.drawing.svg import to_svg
from fallline.drawing.words import NOTHING, number

ENOUGH = 60  # letters of a description that stands without the caption
MOST = 40  # most rows of the table behind a chart


def chart_card(
    title: str,
    caption: str,
    drawing: Drawing,
    head: Sequence[str],
    rows: Sequence[Sequence[Any]],
    names: Sequence[str] = (),
    dots: bool = False,
) -> Html:
    """The card.

    Arguments:
        title: title of the chart.
        caption: how to read it, in a sentence or two.
        drawing: the picture.
        head, rows: the numbers behind it; of very many rows an even selection is shown.
        names: names of the lines, for a legend; none for a single one.
        dots: whether the lines are dots and crosses.
    """
    name = f"chart-{hashlib.sha256(title.encode('utf-8', 'replace')).hexdigest()[:8]}"
    said = drawing.description if len(drawing.description) >= ENOUGH else caption
    picture = Html(to_svg(dataclasses.replace(drawing, description=said), "page", name))
    legend = (
        tag("ul", *(_entry(name, k, dots) for k, name in enumerate(names)), class_="legend") if len(names) > 1 else ""
    )
    return tag(
        "figure",
        tag("figcaption", tag("h3", title), tag("p", caption)),
        picture,
        legend,
        behind(title, head, rows),
        class_="card drawn",
    )


def _entry(name: str, place: int, dots: bool) -> Html:
    colour = f"var(--{path_role(place)})"
    dash = " ".join(map(str, dash_of(place)))
    shape = f'<path d="M0 6h30" fill="none" stroke="{colour}" stroke-width="2.4" stroke-dasharray="{dash}"/>'
    if dots:
        cross = f'<path d="M11 2l8 8m0-8l-8 8" stroke="{colour}" stroke-width="2"/>'
        shape = cross if place % 2 else f'<circle cx="15" cy="6" r="4" fill="{colour}"/>'
    sample = Html(f'<svg viewBox="0 0 30 12" width="30" height="12" aria-hidden="true">{shape}</svg>')
    return tag("li", sample, " ", name)


def behind(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> Html:
    """The numbers behind a chart, folded away."""
    step = -(-len(rows) // MOST) if rows else 1
    shown = list(rows)[::step]
    return tag("details", tag("summary", "The numbers"), numbers_table(title, head, shown))


def numbers_table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], named: bool = True) -> Html:
    """A table whose first column names the rows; it scrolls by itself where it is wider than the page."""
    first = {"scope": "row"} if named else {}
    body = [
        tag("tr", tag("th" if named else "td", cell(row[0]), **first), *(tag("td", cell(each)) for each in row[1:]))
        for row in rows
    ]
    table = tag("table", tag("thead", heading(head)), tag("tbody", *body), class_="metrics")
    return tag("div", table, class_="wide", tabindex="0", role="region", aria_label=title)


def cell(value: Any) -> Any:
    """A cell as text; markup stays."""
    if isinstance(value, str):
        return value
    if value is None:
        return NOTHING
    return "yes" if value is True else "no" if value is False else number(value)


def cards(*parts: Html) -> Html:
    """Cards beside each other, as far as there is room."""
    return tag("section", *(each for each in parts if each), class_="figures") if any(parts) else join([])
