"""Several lines in one picture with a legend beside it: a sample of each line, with its dash, and its name."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from fallline.drawing.axes import Axes, drawable
from fallline.drawing.colours import dash_of, path_role
from fallline.drawing.marks import Dot, Mark, Stroke, TextMark, line
from fallline.drawing.words import shortened

ROOM = 196  # pixels for a legend at the right
MOST = 18  # most letters of a name


def lines(labels: Sequence[str], ways: Sequence[Float[np.ndarray, "count 2"]], axes: Axes) -> list[Mark]:
    """Every line with an edge and a dash of its own, and the legend to the right of the axes."""
    marks: list[Mark] = [Stroke(way, "back", 4.0) for way in ways]
    for i, way in enumerate(ways):
        marks.append(Stroke(way, path_role(i), 2.0, dash_of(i)))
        marks += [Dot(float(way[0, 0]), float(way[0, 1]), path_role(i), 4)] if len(way) == 1 else []
    step = min(20.0, (axes.bottom - axes.top) / max(len(labels), 1))
    for i, label in enumerate(labels):
        y = axes.top + 8 + i * step
        marks.append(Stroke(line((axes.right + 12, y), (axes.right + 44, y)), path_role(i), 2.4, dash_of(i)))
        marks.append(
            TextMark(axes.right + 50, y + 4.5, shortened(label, MOST), path_role(i).replace("path", "name"), size=13)
        )
    return marks


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
