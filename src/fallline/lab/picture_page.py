"""A page of pictures and tables with a title and paragraphs above them."""

from collections.abc import Iterable, Sequence
from typing import Any

from fallline.drawing.markup import Html, heading, tag
from fallline.drawing.picture import Picture
from fallline.drawing.svg import to_svg
from fallline.lab.still_page import still_page

Rows = tuple[str, Sequence[str], Iterable[Sequence[Any]]]  # title, headings and rows of a table


def picture_page(title: str, about: Iterable[str], pictures: Sequence[Picture], tables: Sequence[Rows] = ()) -> str:
    """The page.

    Arguments:
        title: of the page.
        about: paragraphs under it.
        pictures: in order; their descriptions stand in the page for those who do not see them.
        tables: title, headings, rows; numbers are shown with five digits.
    """
    header = tag(
        "header", tag("p", "Fallline lab", class_="over"), tag("h1", title), *(tag("p", each) for each in about)
    )
    figures = (
        tag("figure", Html(to_svg(each, "page", f"figure{i}")), class_="card") for i, each in enumerate(pictures)
    )
    return still_page(title, header, tag("div", *figures, class_="figures"), *(_table(*each) for each in tables))


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Html:
    head = tag("thead", heading(headings))
    body = (
        tag("tr", tag("th", _cell(first), scope="row"), *(tag("td", _cell(each)) for each in rest))
        for first, *rest in rows
    )
    inner = tag("table", head, tag("tbody", *body))
    return tag(
        "section",
        tag("h2", title),
        tag("div", inner, class_="wide named", tabindex="0", role="region", aria_label=title),
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.5g}".replace("-", "−", 1) if isinstance(value, float) else str(value)
