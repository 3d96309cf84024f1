"""Several lines in one picture with a legend: a sample of each line, with its dash, and its name."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fallline.drawing.axes import Axes, drawable
from fallline.drawing.colours import DASHES, dash_of, path_role
from fallline.drawing.marks import Dot, Mark, Stroke, TextMark, line
from fallline.drawing.words import shortened

ROOM = 196  # pixels for a legend at the right
MOST = 18  # most letters of a name
ROW = 20  # pixels of a row of a legend
COLUMNS = 2  # of a legend below
BELOW = 58  # pixels from the axes to the middle of its first row
FEW = len(DASHES) // 2  # most lines that their dashes tell apart at a glance


def lines(labels: Sequence[str], ways: Sequence[Float[np.ndarray, "count 2"]], axes: Axes) -> list[Mark]:
    """Every line with an edge and a dash of its own, and the legend to the right of the axes."""
    step = min(float(ROW), (axes.bottom - axes.top) / max(len(labels), 1))
    places = [(axes.right + 12, axes.top + 8 + i * step) for i in range(len(labels))]
    return [*_drawn(ways), *_legend(labels, places)]


def lines_above(labels: Sequence[str], ways: Sequence[Float[np.ndarray, "count 2"]], axes: Axes) -> list[Mark]:
    """The same with the legend below the axes, in two columns; of many lines each has its number at its end, too."""
    places = [below(axes, i) for i in range(len(labels))]
    if len(labels) <= FEW:
        return [*_drawn(ways), *_legend(labels, places)]
    return [*_drawn(ways), *_numbers(ways, axes), *_legend([f"{i} {each}" for i, each in enumerate(labels, 1)], places)]


def below(axes: Axes, place: int) -> tuple[float, float]:
    """Where an entry of the legend below the axes begins."""
    row, column = divmod(place, COLUMNS)
    return axes.left - 20 + column * (axes.right - axes.left + 20) / COLUMNS, axes.bottom + BELOW + row * ROW


def room_below(count: int) -> int:
    """Pixels from the axes to the lower end of a picture with so many entries in the legend below.

    >>> room_below(0), room_below(11)
    (48, 168)
    """
    return BELOW - 10 + ROW * -(-count // COLUMNS)


def _drawn(ways: Sequence[Float[np.ndarray, "count 2"]]) -> list[Mark]:
    marks: list[Mark] = [Stroke(way, "back", 4.0) for way in ways]
    for i, way in enumerate(ways):
        marks.append(Stroke(way, path_role(i), 2.0, dash_of(i)))
        marks += [Dot(float(way[0, 0]), float(way[0, 1]), path_role(i), 4)] if len(way) == 1 else []
    return marks


def _legend(labels: Sequence[str], places: Sequence[tuple[float, float]]) -> list[Mark]:
    marks: list[Mark] = []
    for i, (label, (x, y)) in enumerate(zip(labels, places, strict=True)):
        name = path_role(i).replace("path", "name")
        marks.append(Stroke(line((x, y), (x + 32, y)), path_role(i), 2.4, dash_of(i)))
        marks.append(TextMark(x + 38, y + 4.5, shortened(label, MOST + 3), name, size=13))
    return marks


def _numbers(ways: Sequence[Float[np.ndarray, "count 2"]], axes: Axes) -> list[Mark]:
    """The number of every line, to the right of where it ends; where many end, in the order of their ends."""
    marks: list[Mark] = []
    taken: list[tuple[float, float]] = []
    ends = [(float(way[-1, 1]), float(way[-1, 0]) + 9, i) for i, way in enumerate(ways) if len(way)]
    for end, x, i in sorted(ends, reverse=True):  # from the lowest up
        y = min([end + 4, axes.bottom - 2, *(other - 13 for at, other in taken if abs(at - x) < 18)])
        taken.append((x, y))
        marks.append(TextMark(x, y, str(i + 1), path_role(i).replace("path", "name"), size=11.5, is_bold=True))
    return marks


def beside(y: float, taken: list[float], low: float, high: float) -> float:
    """The place nearest to y, between the ends, that is a line of text away from all taken places, if there is one.

    >>> beside(100.0, [98.0], 0.0, 100.0), beside(10.0, [], 20.0, 100.0)
    (82.0, 20.0)
    """
    y = min(max(y, low), high)
    for k in range(0, 200, 3):
        for place in (y + k, y - k):
            if low <= place <= high and all(abs(place - other) >= 14 for other in taken):
                return place
    return y


def spans(values: Float[np.ndarray, "..."], highest: float) -> tuple[tuple[float, float], bool]:
    """The ends of an axis for losses up to a highest one, and whether it is logarithmic.

    >>> spans(np.array([0.02, 1.0, 90.0]), 2.3)
    ((0.01, 10.0), True)
    """
    held = drawable(values[values <= highest])
    low, high = (float(held.min()), float(max(held.max(), highest))) if len(held) else (0.0, 1.0)
    if low > 0 and high / low > 12:
        return (10.0 ** float(np.floor(np.log10(low))), 10.0 ** float(np.ceil(np.log10(high)))), True
    room = 0.05 * max(high - low, 1e-9)
    return (low - room, high + room), False
