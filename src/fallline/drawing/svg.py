"""Draws a picture as SVG text."""

import html

import numpy as np
from jaxtyping import Float

from fallline.drawing.colours import colours
from fallline.drawing.marks import Area, Dot, Drawing, Mark, Points, Stroke, TextMark

FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'


def to_svg(picture: Drawing, theme: str = "light", name: str = "") -> str:
    """The picture as SVG text.

    Arguments:
        picture: the picture.
        theme: light or dark; `page` leaves the colours to the page's style (`var(--path0)`).
        name: id of the element, for a page.

    >>> to_svg(Drawing(10, 10, "a < b", "nothing", ())).count("a &lt; b")
    1
    """
    known = colours("light") if theme == "page" else colours(theme)
    inks = {role: f"var(--{role})" if theme == "page" else colour for role, colour in known.items()}
    own = f' id="{name}" aria-labelledby="{name}-title {name}-text"' if name else ""
    ids = (f' id="{name}-title"', f' id="{name}-text"') if name else ("", "")
    size = "" if theme == "page" else f' width="{picture.width}" height="{picture.height}"'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width} {picture.height}"{size} role="img"{own} '
        f'font-family="{html.escape(FONT)}">'
    )
    back = "" if theme == "page" else f'<rect width="100%" height="100%" fill="{inks["back"]}"/>'
    parts = [
        head,
        f"<title{ids[0]}>{html.escape(picture.title)}</title>",
        f"<desc{ids[1]}>{html.escape(picture.description)}</desc>",
        back,
        *(_drawn(mark, inks, theme == "page") for mark in picture.marks),
        "</svg>",
    ]
    return "\n".join(each for each in parts if each) + "\n"


def _drawn(mark: Mark, inks: dict[str, str], is_page: bool) -> str:
    """A mark as an element. In a page, the script draws what it moves, and classes are shorter than colours."""
    key = "" if isinstance(mark, Area | Points) or not mark.key else f' data-key="{html.escape(mark.key)}"'
    match mark:
        case Stroke():
            if len(mark.points) == 0 and not mark.key:
                return ""
            dash = f' stroke-dasharray="{" ".join(map(str, mark.dash))}"' if mark.dash else ""
            style = f'fill="none" stroke="{inks[mark.role]}" stroke-width="{mark.width:g}" stroke-linejoin="round"'
            shape = "" if is_page and mark.key else path_of(mark.points)
            return f'<path d="{shape}" {style}{dash}{key}/>'
        case Area():
            edge = f' stroke="{inks[mark.edge]}" stroke-width=".5"' if mark.edge else ""
            shape = "".join(path_of(each) + "z" for each in mark.polygons)
            if is_page:
                return f'<path class="{mark.role}{" edge" if mark.edge else ""}" d="{shape}"/>'
            return f'<path d="{shape}" fill="{inks[mark.role]}"{edge}/>'
        case TextMark():
            turn = f' transform="rotate(-90 {mark.x:.1f} {mark.y:.1f})"' if mark.upright else ""
            bold = ' font-weight="600"' if mark.is_bold else ""
            halo = (
                f' stroke="{inks["back"]}" stroke-width="3" paint-order="stroke"'
                if mark.is_bold or mark.has_edge
                else ""
            )
            return (
                f'<text x="{mark.x:.1f}" y="{mark.y:.1f}" text-anchor="{mark.anchor}" font-size="{mark.size:g}" '
                f'fill="{inks[mark.role]}"{bold}{halo}{turn}{key}>{html.escape(mark.text)}</text>'
            )
        case Points():
            return _points(mark, inks[mark.role])
        case Dot(is_cross=True):
            r = mark.radius
            shape = f"M{mark.x - r:.1f} {mark.y - r:.1f}l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}"
            return f'<path d="{shape}" stroke="{inks[mark.role]}" stroke-width="2"{key}/>'
        case Dot():
            edge = f'stroke="{inks["back"]}" stroke-width="1.5"'
            return f'<circle cx="{mark.x:.1f}" cy="{mark.y:.1f}" r="{mark.radius:g}" fill="{inks[mark.role]}" {edge}{key}/>'
    return ""


def _points(mark: Points, colour: str) -> str:
    """Points as one path: of crosses, or of lines without length whose round ends are discs."""
    if not len(mark.places):
        return ""
    r = mark.radius
    one = f"l{2 * r:g} {2 * r:g}m0 {-2 * r:g}l{-2 * r:g} {2 * r:g}" if mark.is_cross else "h0"
    off = r if mark.is_cross else 0.0
    shape = "".join(f"M{x - off:.1f} {y - off:.1f}{one}" for x, y in mark.places.tolist())
    width = 1.5 if mark.is_cross else 2 * r
    return f'<path d="{shape}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linecap="round"/>'


def path_of(points: Float[np.ndarray, "count 2"]) -> str:
    """Points as the data of an SVG path, in tenths of a pixel and relative to each other, which is short.

    >>> path_of(np.array([[0.0, 1.0], [2.25, 3.0]]))
    'M0 1l2.2 2'
    """
    tenths = np.round(points * 10).astype(int)
    if not len(tenths):
        return ""
    moves = np.diff(tenths, axis=0)
    moves = moves[np.any(moves != 0, axis=1)] if len(moves) > 1 else moves
    text, command = f"M{_short(tenths[0, 0])} {_short(tenths[0, 1])}", "M"
    for a, b in moves.tolist():
        kind = "h" if b == 0 else "v" if a == 0 else "l"
        numbers = _short(a) if kind == "h" else _short(b) if kind == "v" else f"{_short(a)}{' ' * (b >= 0)}{_short(b)}"
        text += numbers if kind == command and numbers[0] == "-" else (" " if kind == command else kind) + numbers
        command = kind
    return text


def _short(tenths: int) -> str:
    whole, rest = divmod(abs(tenths), 10)
    return f"{'-' * bool(tenths < 0)}{whole or ('' if rest else 0)}{f'.{rest}' if rest else ''}"
