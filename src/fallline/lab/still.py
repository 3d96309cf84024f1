"""A page of pictures and tables that do not move: one file without a script, which needs no network."""

from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from fallline.lab.page import themes
from fallline.lab.picture import Picture
from fallline.lab.svg import to_svg
from fallline.report.markup import Html, tag

Rows = tuple[str, Sequence[str], Iterable[Sequence[Any]]]  # title, headings and rows of a table


def still_page(title: str, about: Iterable[str], pictures: Sequence[Picture], tables: Sequence[Rows] = ()) -> str:
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
    body = tag("main", header, tag("div", *figures, class_="figures"), *(_table(*each) for each in tables))
    style = (files("fallline.lab") / "page.css").read_text(encoding="utf-8").replace("/*themes*/", themes())
    style += "tbody th { white-space: normal; min-width: 9em; }\n"
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · Fallline"),
        tag("style", Html(style)),
    )
    footer = tag("footer", "Made by Fallline. This page is complete in itself: it asks nothing of any network.")
    return f"<!doctype html>\n{tag('html', head, tag('body', body, footer), lang='en')}\n"


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> Html:
    head = tag("thead", tag("tr", *(tag("th", each, scope="col") for each in headings)))
    body = (
        tag("tr", tag("th", _cell(first), scope="row"), *(tag("td", _cell(each)) for each in rest))
        for first, *rest in rows
    )
    inner = tag("table", head, tag("tbody", *body))
    return tag(
        "section", tag("h2", title), tag("div", inner, class_="wide", tabindex="0", role="region", aria_label=title)
    )


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.5g}".replace("-", "−", 1) if isinstance(value, float) else str(value)
