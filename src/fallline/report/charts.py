"""Static charts of a report as pictures: lines, dots, bars with error bars, and a matrix of shares."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fallline.drawing.axes import Axes, drawable
from fallline.drawing.colours import dash_of, path_role
from fallline.drawing.marks import Area, Dot, Drawing, Mark, Stroke, TextMark, line
from fallline.drawing.words import shortened

WIDTH, HEIGHT = 400, 300
LETTERS = 46  # most letters of a name above a bar
BESIDE = 16  # most letters of a name beside a bar
LEVELS = 7  # shades of a matrix: the darkest still lets its text be read


@dataclasses.dataclass(frozen=True)
class LineMark:
    """A line or, with `dots`, points; `low` and `high` are the ends of error bars."""

    name: str
    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    dots: bool = False
    low: Float[np.ndarray, " points"] | None = None
    high: Float[np.ndarray, " points"] | None = None


@dataclasses.dataclass(frozen=True)
class BarMark:
    """A bar from zero, or a dot with `is_dot`, with the ends of its error bar; a `strong` one is drawn in colour."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    strong: bool = True


def ends_of(*values: np.ndarray, room: float = 0.04) -> tuple[float, float]:
    """The ends of an axis that shows some numbers, with a little room.

    >>> ends_of(np.array([0.0, 1.0]))
    (-0.04, 1.04)
    """
    known = np.concatenate([drawable(each) for each in values])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        low, high = low - (abs(low) or 1.0) * 0.5, high + (abs(high) or 1.0) * 0.5
    away = room * (high - low)
    return low - away, high + away


def line_chart(
    title: str,
    description: str,
    lines: Sequence[LineMark],
    labels: tuple[str, str],
    x: tuple[float, float],
    y: tuple[float, float],
    even: str = "",
) -> Drawing:
    """Lines or dots over one pair of axes.

    Arguments:
        title, description: what it is, and what can be seen, for those who do not see it.
        lines: the lines.
        labels: of the horizontal and the vertical axis.
        x, y: the ends of the axes.
        even: a thin line for comparison: `rise` from corner to corner where x = y, or `zero`.
    """
    axes = Axes(62, 10, WIDTH - 12, HEIGHT - 46, x, y)
    marks: list[Mark] = [*axes.marks(*labels)]
    if even == "rise":
        low, high = max(x[0], y[0]), min(x[1], y[1])
        marks.append(Stroke(axes.place(np.array([low, high]), np.array([low, high])), "line", 1.2, (4, 4)))
    elif even == "zero" and y[0] < 0 < y[1]:
        marks.append(Stroke(axes.place(np.array(x), np.zeros(2)), "soft", 1.2))
    for i, each in enumerate(lines):
        marks += _line(each, axes, i)
    return Drawing(WIDTH, HEIGHT, title, description, tuple(marks))


def _line(each: LineMark, axes: Axes, place: int) -> list[Mark]:
    held = np.isfinite(each.x) & np.isfinite(each.y)
    points = axes.place(each.x[held], each.y[held])
    role, found = path_role(place), list[Mark]()
    if each.low is not None and each.high is not None:
        for x, low, high in zip(each.x[held], each.low[held], each.high[held], strict=True):
            found.append(Stroke(axes.place(np.array([x, x]), np.array([low, high])), role, 1.4))
    if each.dots:
        return [*found, *(Dot(float(x), float(y), role, 3.2, is_cross=place % 2 == 1) for x, y in points)]
    found.append(Stroke(points, role, 2.0, dash_of(place)))
    if len(points) <= 15:
        found += [Dot(float(a), float(b), role, 3.2) for a, b in points]
    return found


def bar_chart(
    title: str, description: str, bars: Sequence[BarMark], label: str, is_dot: bool = False, mark: float | None = None
) -> Drawing:
    """Bars from the left, the first at the top, with their names; with `is_dot`, dots with error bars.

    Arguments:
        title, description: as for `line_chart`.
        bars: the bars.
        label: of the values.
        is_dot: whether the axis need not begin at zero.
        mark: a value to compare with, as a dashed line.
    """
    is_tall = max((len(each.name) for each in bars), default=0) > BESIDE  # then each name stands above its bar
    step, left, top = (40, 20, 6) if is_tall else (24, 138, 8)
    bottom = top + step * max(len(bars), 1)
    known = [v for each in bars for v in (each.value, each.low, each.high) if v is not None and math.isfinite(v)]
    known += [mark] if mark is not None else []
    x = ends_of(np.array(known if is_dot else [0.0, *known]))
    axes = Axes(left, top, WIDTH - 14, bottom, x, (0.0, 1.0))
    marks: list[Mark] = [each for each in axes.marks(label, "", grid=False) if not _is_of_y(each, axes)]
    if mark is not None:
        marks.append(Stroke(axes.place(np.array([mark, mark]), np.array([0.0, 1.0])), "soft", 1.2, (5, 4)))
    zero = float(axes.place(np.array(max(0.0, x[0])), np.array(0.0))[0])
    for i, each in enumerate(bars):
        y = top + step * i + (28 if is_tall else 12)
        where = (left + 8, y - 12, "start") if is_tall else (left - 8, y + 4.5, "end")
        marks.append(
            TextMark(where[0], where[1], shortened(each.name, LETTERS), "ink", where[2], size=12, has_edge=True)
        )
        marks += _bar(each, axes, y, zero, is_dot)
    return Drawing(WIDTH, round(bottom + 46), title, description, tuple(marks))


def _bar(each: BarMark, axes: Axes, y: float, zero: float, is_dot: bool) -> list[Mark]:
    end = float(axes.place(np.array(each.value), np.array(0.0))[0])
    role, marks = "path0" if each.strong else "line", list[Mark]()
    if not is_dot:
        marks.append(Area((line((zero, y - 7), (end, y - 7), (end, y + 7), (zero, y + 7)),), role))
    if each.low is not None and each.high is not None:
        ends = axes.place(np.array([each.low, each.high]), np.zeros(2))[:, 0]
        marks.append(Stroke(line((ends[0], y), (ends[1], y)), role if is_dot else "ink", 1.6))
    if is_dot:
        marks.append(Dot(end, y, role, 4.5 if each.strong else 3.5))
    return marks


def _is_of_y(mark: Mark, axes: Axes) -> bool:
    """Whether a mark is a tick or the label of the vertical axis, which bars do not have."""
    return isinstance(mark, TextMark) and (mark.upright or mark.anchor == "end") and mark.y <= axes.bottom + 6


def matrix_chart(
    title: str, description: str, counts: Float[np.ndarray, "classes classes"], names: Sequence[str]
) -> Drawing:
    """A confusion matrix: the number of rows in every cell, shaded by its share of the true class."""
    count = len(names)
    left, top = 92, 44
    side = (WIDTH - left - 8) / count
    tall = min(side, 46.0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1e-300)
    most = max(3, int(side // 7))
    marks: list[Mark] = [TextMark(left + side * count / 2, 12, "predicted", anchor="middle", size=12)]
    marks.append(TextMark(12, top + tall * count / 2, "true", anchor="middle", upright=True, size=12))
    for i, name in enumerate(names):
        marks.append(TextMark(left + side * (i + 0.5), top - 8, shortened(name, most), "ink", "middle", size=12))
        marks.append(TextMark(left - 6, top + tall * (i + 0.5) + 4, shortened(name, 10), "ink", "end", size=12))
        for j in range(count):
            x, y = left + side * j, top + tall * i
            corners = line((x, y), (x + side, y), (x + side, y + tall), (x, y + tall))
            level = math.ceil(share[i, j] * LEVELS - 1e-9)
            marks.append(Area((corners,), f"level{level}", "line" if i == j else "grid"))
            if counts[i, j]:
                text = f"{counts[i, j]:.4g}"
                size = min(13.0, 1.7 * side / max(len(text), 2))
                marks.append(TextMark(x + side / 2, y + tall / 2 + 4, text, "ink", "middle", size=size))
    return Drawing(WIDTH, round(top + tall * count + 10), title, description, tuple(marks))


def small_histogram(shares: Sequence[tuple[str, Sequence[float]]]) -> Drawing:
    """Steps of the shares of every bin, one line for each split, without axes."""
    width, height = 150, 44
    highest = max((v for _, values in shares for v in values), default=1.0) or 1.0
    marks: list[Mark] = [Stroke(line((0, height - 1), (width, height - 1)), "line")]
    for i, (_, values) in enumerate(shares):
        side = width / max(len(values), 1)
        x = np.repeat(np.arange(len(values) + 1) * side, 2)[1:-1]
        y = height - 2 - (height - 6) * np.repeat(np.asarray(values, np.float64), 2) / highest
        if i == 0:
            closed = np.concatenate([line((0, height - 1)), np.stack([x, y], axis=1), line((width, height - 1))])
            marks.append(Area((closed,), "grid"))
        marks.append(Stroke(np.stack([x, y], axis=1), path_role(i), 1.5, dash_of(i)))
    return Drawing(width, height, "Histogram", "", tuple(marks))
