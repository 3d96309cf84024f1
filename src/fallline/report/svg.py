"""Draws a figure as a static SVG, with logarithmic or linear axes, readable on light and dark backgrounds."""

import html
import math

from fallline.report.draw import FONT, colours
from fallline.report.figures import Figure

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 76, 20, 44, 52


def to_svg(figure: Figure) -> str:
    """The figure as SVG text.

    >>> from fallline.report.figures import Series
    >>> line = Series("error", (1e-4, 1e-2), (1e-8, 1e-4))
    >>> to_svg(Figure("f", "c", "h", "error", (line,), log_x=True, log_y=True)).startswith("<svg")
    True
    """
    x_ends, y_ends = _ends(figure, "x", figure.log_x), _ends(figure, "y", figure.log_y)

    def across(value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * _share(value, x_ends, figure.log_x)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _share(value, y_ends, figure.log_y)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'role="img" font-family="{html.escape(FONT)}" font-size="13">',
        f"<title>{html.escape(figure.title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#ffffff"/>',
    ]
    for value in _ticks(x_ends, figure.log_x):
        parts.append(_text(across(value), HEIGHT - BOTTOM + 20, _label(value, figure.log_x), "middle"))
    for value in _ticks(y_ends, figure.log_y):
        parts.append(_line(LEFT, up(value), WIDTH - RIGHT, up(value), "#e8ecf1"))
        parts.append(_text(LEFT - 8, up(value) + 4, _label(value, figure.log_y), "end"))
    parts.append(_line(LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, "#cbd5e1"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, figure.x_label, "middle"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<g transform="rotate(-90 18 {middle})">{_text(18, middle, figure.y_label, "middle")}</g>')
    legend = float(LEFT)
    for each, colour in zip(figure.series, colours(figure, "light"), strict=True):
        points = [(across(x), up(y)) for x, y in zip(each.x, each.y, strict=True) if y is not None and _fits(y, figure)]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
        dash = ' stroke-dasharray="6 4"' if each.dashed else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(_line(legend, 24, legend + 22, 24, colour, dash))
        parts.append(_text(legend + 28, 28, each.name, "start"))
        legend += 44 + 7.2 * len(each.name)
    if figure.mark is not None:
        place, text = across(figure.mark[0]), figure.mark[1]
        parts.append(_line(place, TOP, place, HEIGHT - BOTTOM, "#475569", ' stroke-dasharray="2 4"'))
        parts.append(_text(place + 6, TOP + 12, text, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _ends(figure: Figure, axis: str, log: bool) -> tuple[float, float]:
    values = [v for each in figure.series for v in getattr(each, axis) if v is not None and (v > 0 or not log)]
    low, high = min(values), max(values)
    if log:
        return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high))
    return low, high if high > low else low + 1.0


def _share(value: float, ends: tuple[float, float], log: bool) -> float:
    low, high, value = (math.log10(v) for v in (*ends, value)) if log else (*ends, value)
    return (value - low) / max(high - low, 1e-300)


def _ticks(ends: tuple[float, float], log: bool) -> list[float]:
    if not log:
        return [ends[0] + k * (ends[1] - ends[0]) / 4 for k in range(5)]
    first, last = round(math.log10(ends[0])), round(math.log10(ends[1]))
    return [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // 8)))]


def _label(value: float, log: bool) -> str:
    return f"1e{round(math.log10(value))}" if log else f"{value:.3g}"


def _fits(value: float, figure: Figure) -> bool:
    return value > 0 or not figure.log_y


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="#475569">{html.escape(text)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}"{more}/>'
