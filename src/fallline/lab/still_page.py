"""A page of text, tables and pictures that needs no script and no network."""

from collections.abc import Sequence

from fallline.drawing.colours import style
from fallline.drawing.markup import Html, heading, tag
from fallline.drawing.picture import Picture
from fallline.drawing.svg import to_svg
from fallline.lab.page import read


def still_page(title: str, *parts: object) -> str:
    """A whole page in the lab's style."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    colouring = Html(read("page.css").replace("/*themes*/", style()))
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", f"{title} · Fallline"),
        tag("style", colouring),
    )
    footer = tag("footer", "Made by Fallline. This page is complete in itself: it asks nothing of any network.")
    return f"<!doctype html>\n{tag('html', head, tag('body', tag('main', *parts), footer), lang='en')}\n"


def pictures(shown: dict[str, Picture]) -> Html:
    """Pictures with what can be seen in them below, by their name on the page."""
    cards = [
        tag("figure", Html(to_svg(each, "page", name)), tag("figcaption", each.description), class_="card")
        for name, each in shown.items()
    ]
    return tag("div", *cards, class_="figures")


def numbers(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Html:
    """A table; the first column holds the rows' names."""
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", each) for each in row[1:])) for row in rows]
    table = tag("table", tag("thead", heading(head)), tag("tbody", *body))
    # It may be wider than the page, and then the arrow keys scroll it.
    return tag("div", table, class_="wide card", tabindex="0", role="region", aria_label="Numbers")
