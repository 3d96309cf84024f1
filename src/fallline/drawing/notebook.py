"""What a notebook shows of an object: a title, a few facts and a table, readable on light and dark backgrounds."""

from collections.abc import Iterable, Mapping, Sequence

from fallline.drawing.markup import Html, tag

STYLE = "font-variant-numeric:tabular-nums;text-align:right;padding:2px 10px"
LEFT = "text-align:left;padding:2px 10px"


def shown(
    title: str, facts: Mapping[str, object], head: Sequence[str] = (), rows: Iterable[Sequence[object]] = ()
) -> str:
    """HTML of an object; every text is escaped.

    Arguments:
        title: what the object is.
        facts: names and values, one line each.
        head: headings of the table's columns; without them there is no table.
        rows: rows of the table; the first cell of each names it.

    >>> shown("Run", {"rows": "<3"}).count("&lt;3")
    1
    """
    lines = [tag("div", tag("b", f"{name}: "), str(value)) for name, value in facts.items()]
    return str(tag("div", tag("div", tag("b", title), style="font-size:1.1em"), *lines, _table(head, rows)))


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    if not head:
        return Html("")
    heading = tag("tr", *(tag("th", each, scope="col", style=LEFT if i == 0 else STYLE) for i, each in enumerate(head)))
    body = [
        tag("tr", tag("th", first, scope="row", style=LEFT), *(tag("td", each, style=STYLE) for each in rest))
        for first, *rest in rows
    ]
    return tag("table", tag("thead", heading), tag("tbody", *body), style="margin-top:6px;border-collapse:collapse")
