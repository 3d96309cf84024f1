"""Draws a figure of the report as a picture: curves, points, a legend and one pair of axes."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from fallline.drawing import Axes, Mark, Picture, Points, Stroke, TextMark
from fallline.drawing.axes import drawable, label_of, percent_of, ticks
from fallline.drawing.colours import dash_of, depth_role, path_role
from fallline.drawing.curves import Curves, Series
from fallline.drawing.marks import line
from fallline.drawing.words import number, shortened

SIZE = (480, 300)
WIDE = (980, 330)
LEFT, RIGHT, TOP, BOTTOM = 70, 14, 12, 46
WIDER = 9  # pixels of a digit, as a phone shows it
LETTER = 6.9  # pixels of a letter, on average
MOST = 32  # most letters of a name in a legend
FEW = 10  # points below which a line shows each of them
NAMED = 6  # most layers in a legend; of more layers, an even selection is named
REACH = 0.04  # room beside the extreme values, as a share of the axis


@dataclasses.dataclass(frozen=True)
class Pen:
    """How a series is drawn: role of its colour, dash, and whether the legend names it."""

    role: str
    dash: tuple[int, ...] = ()
    is_named: bool = True


def plot(figure: Curves, alone: bool = False) -> Picture:
    """The figure as a picture.

    Arguments:
        figure: the figure.
        alone: draw the title and a legend, too; a page has them as text beside the picture.

    >>> drawn = plot(Curves("Loss", "", "epoch", "loss", (Series("training", (1, 2), (2.0, 0.5), "train"),)))
    >>> drawn.width, drawn.title
    (480, 'Loss')
    """
    width, height = WIDE if figure.wide else SIZE
    head, used = _legend(figure, width) if alone else ([], 0)
    height += used
    axes = axes_of(figure, used)
    marks = [*axes.marks(figure.x_label, figure.y_label)]
    for series, how in zip(figure.series, lines_of(figure), strict=True):
        marks += _drawn(series, how, axes)
    if figure.mark is not None:
        marks += _mark(axes, *figure.mark)
    return Picture(width, height, figure.title, described(figure), (*head, *marks))


def lines_of(figure: Curves) -> list[Pen]:
    """How every series is drawn: by its role; layers by their depth, in colour and dash."""
    layers = [each for each in figure.series if each.role == "layer"]
    if len(layers) <= NAMED:
        named = set(range(len(layers)))
    else:
        named = {round(k * (len(layers) - 1) / (NAMED - 2)) for k in range(NAMED - 1)}
    found, depth, others = [], 0, itertools.count()
    for each in figure.series:
        if each.role == "layer":
            found.append(Pen(depth_role(depth, len(layers)), dash_of(depth), depth in named))
            depth += 1
        elif each.role == "path":
            place = next(others)
            found.append(Pen(path_role(place), dash_of(place)))
        else:
            found.append(Pen(each.role, (6, 4) if each.dashed or (each.role == "valid" and not each.points) else ()))
    return found


def axes_of(figure: Curves, used: int = 0) -> Axes:
    """The pair of axes, with a little room beside what is shown; `used` pixels above it are taken."""
    width, height = WIDE if figure.wide else SIZE
    top = TOP + used + 16 * (figure.mark is not None)
    lines = max((name.count("\n") for _, name in figure.x_ticks), default=0)
    bottom = height + used - BOTTOM - 21 * lines - 20 * bool(figure.x_ticks)
    x = np.array([value for each in figure.series for value in each.x], np.float64)
    y = np.array([value for each in figure.series for value in each.y if value is not None], np.float64)
    whole = bool(len(x)) and bool((x == np.round(x)).all())
    y_ends = _ends(y, figure.log_y)
    if figure.percent:
        y_ends = (max(y_ends[0], -0.02), min(y_ends[1], 1.02)) if y_ends[0] < 1.02 and y_ends[1] > -0.02 else y_ends
    names = [
        percent_of(each, y_ends) if figure.percent else label_of(each, figure.log_y)
        for each in ticks(y_ends, figure.log_y)
    ]
    widest = max(map(len, names), default=4)
    return Axes(
        LEFT + WIDER * max(0, widest - 4), top, width - RIGHT, bottom, _ends(x, figure.log_x), y_ends, figure.log_x,
        figure.log_y, figure.percent, whole, figure.x_ticks,
    )  # fmt: skip


def _ends(values: Float[np.ndarray, " n"], log: bool) -> tuple[float, float]:
    values = drawable(values, log)
    if not len(values):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if log:
        room = 10.0 ** (REACH * (np.log10(high) - np.log10(low))) if high > low else 2.0
        return low / room, high * room
    if high == low:
        room = 0.5 * abs(high) or 0.5
        return (low - room, high + room) if low < 0 else (max(low - room, 0.0), high + room)
    room = REACH * (high - low)
    return (0.0 if 0.0 <= low < 2 * room else low - room), high + room


def _drawn(series: Series, how: Pen, axes: Axes) -> Iterator[Mark]:
    """The pieces of a curve between its gaps, or its points; points that no line would show are drawn, too."""
    usable = [value is not None and (value > 0 or not axes.log_y) for value in series.y]
    if series.points:
        held = [(x, y) for x, y, fits in zip(series.x, series.y, usable, strict=True) if fits]
        is_best = series.role == "valid"
        yield Points(_places(axes, held), how.role, 4.5 if is_best else 2.6, series.role == "reference")
        return
    start = 0
    for fits, run in itertools.groupby(usable):
        stop = start + len(list(run))
        if fits:
            places = _places(axes, list(zip(series.x[start:stop], series.y[start:stop], strict=True)))
            if len(places) > 1:
                yield Stroke(places, how.role, 1.25 if series.role == "reference" else 2.0, how.dash)
            if (len(places) == 1 or len(series.x) <= FEW) and series.role != "reference":
                yield Points(places, how.role, 2.8)
        start = stop


def _places(axes: Axes, points: Sequence[tuple[float, float | None]]) -> Float[np.ndarray, "count 2"]:
    if not points:
        return np.zeros((0, 2))
    found = np.array(points, np.float64)
    return axes.place(found[:, 0], found[:, 1])


def _mark(axes: Axes, value: float, text: str) -> Iterator[Mark]:
    """A dotted line, with its text above the axes, where there is no data."""
    at = float(axes.place(np.array(value), np.array(axes.y[1]))[0])
    yield Stroke(line((at, axes.top), (at, axes.bottom)), "soft", 1.0, (2, 4))
    is_right = at > (axes.left + axes.right) / 2
    yield TextMark(at, axes.top - 5, text, anchor="end" if is_right else "start", size=12)


def _legend(figure: Curves, width: int) -> tuple[list[Mark], int]:
    """Title and legend above the axes, and the pixels that they take."""
    marks: list[Mark] = [TextMark(LEFT, 20, figure.title, "ink", size=15, is_bold=True)]
    x, y = float(LEFT), 42.0
    if len(figure.series) < 2:
        return marks, 24
    for series, how in zip(figure.series, lines_of(figure), strict=True):
        if not how.is_named:
            continue
        name = shortened(series.name, MOST)
        room = 34 + LETTER * len(name)
        if x + room > width and x > LEFT:
            x, y = float(LEFT), y + 18
        marks += _sample(x, y, series, how)
        marks.append(TextMark(x + 28, y + 4.5, name, size=12))
        x += room + 12
    return marks, round(y) + 2


def _sample(x: float, y: float, series: Series, how: Pen) -> Iterator[Mark]:
    if series.points:
        yield Points(line((x + 11, y)), how.role, 3.5, series.role == "reference")
    else:
        yield Stroke(line((x, y), (x + 22, y)), how.role, 2.0, how.dash)


def sample(series: Series, how: Pen) -> Picture:
    """A sample of a series, for a legend that is text."""
    return Picture(24, 12, series.name, "", tuple(_sample(1.0, 6.0, series, how)))


def described(figure: Curves) -> str:
    """What is seen, for those who do not see it: the ends and the extremes of every curve.

    >>> described(Curves("Loss", "", "epoch", "loss", (Series("training", (1, 2, 3), (2.0, 0.1, 0.5)),)))
    'loss over epoch. training: from 2 at 1 to 0.5 at 3, between 0.1 and 2.'
    """
    axes = f"{figure.y_label} over {figure.x_label}. " if figure.x_label else f"{figure.y_label}. "
    return axes + " ".join(_in_words(each) for each in figure.series[:NAMED])


def _in_words(series: Series) -> str:
    held = [(x, y) for x, y in zip(series.x, series.y, strict=True) if y is not None]
    if not held:
        return f"{series.name}: nothing."
    low, high = min(y for _, y in held), max(y for _, y in held)
    between = f"between {number(low)} and {number(high)}"
    if series.points:
        return f"{series.name}: {len(held)} points, {between}."
    (first, start), (last, end) = held[0], held[-1]
    return f"{series.name}: from {number(start)} at {first:g} to {number(end)} at {last:g}, {between}."
