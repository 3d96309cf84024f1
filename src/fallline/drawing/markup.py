"""HTML that is safe by construction: everything that is not made by `tag` is text, and text is escaped."""

import html
from collections.abc import Iterable

from fallline.core.documents import to_json


class Html(str):
    """Markup that may be put into a page without escaping."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Html:
    """An element; children that are not `Html` are escaped, `class_` becomes `class`, attributes of None are left out.

    >>> tag("p", "1 < 2", tag("b", "yes"), class_="note")
    '<p class="note">1 &lt; 2<b>yes</b></p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def heading(names: Iterable[str]) -> Html:
    """The first row of a table; a column without a name, that of the rows' names, has an empty cell.

    >>> heading(["", "mean"])
    '<tr><td></td><th scope="col">mean</th></tr>'
    """
    return tag("tr", *(tag("th", each, scope="col") if each else tag("td") for each in names))


def join(parts: Iterable[object]) -> Html:
    """Joins parts, each of which is escaped unless it is `Html`."""
    return Html("".join(each if isinstance(each, Html) else html.escape(str(each)) for each in parts))


def script_json(value: object) -> Html:
    """JSON that is safe in a `<script>`: no character in it can end the script or begin a comment.

    >>> script_json(["</script>"])
    '["\\\\u003c/script\\\\u003e"]'
    """
    text = to_json(value, compact=True)
    return Html(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
