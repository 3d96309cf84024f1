"""The picture of a trainability map: cells by outcome and loss, the boundary, axes and a legend."""

import math

import numpy as np
from jaxtyping import Bool, Float, Int

from fallline.drawing.axes import Axes, label_of, ticks
from fallline.drawing.contours import contour
from fallline.drawing.marks import Area, Mark, Stroke, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.charts import runs_of

WIDTH, HEIGHT = 500, 560
BELOW = 116  # pixels for the labels and the legend
SHADES = (8, 5, 3)  # numbers of shades to try, so that the picture stays small
MOST_CELLS = 14_000  # rectangles in one picture
NOT_LOWER, DIVERGED = "basin4", "soft"


def map_picture(
    converged: Bool[np.ndarray, "rows columns"],
    diverged: Bool[np.ndarray, "rows columns"],
    losses: Float[np.ndarray, "rows columns"],
    x: tuple[float, float],
    y: tuple[float, float],
    names: tuple[str, str],
    logs: tuple[bool, bool],
    said: str,
) -> Picture:
    """The map; `said` is what it shows, in words."""
    rows, columns = converged.shape
    cells = Axes(74, 34, WIDTH - 18, HEIGHT - BELOW, (-0.5, columns - 0.5), (-0.5, rows - 0.5))
    kinds, count, ends = _kinds(converged, diverged, losses)
    across, up = np.arange(columns, dtype=float), np.arange(rows, dtype=float)
    boxes = runs_of(kinds, across, up, cells)
    marks: list[Mark] = [Area(tuple(boxes[kind]), _role(kind, count)) for kind in sorted(boxes)]
    if converged.any() and not converged.all():
        for each in contour(across, up, converged.astype(float), 0.5):
            marks.append(Stroke(cells.place(each[:, 0], each[:, 1]), "ink", 0.8))
    marks += _frame(cells, x, y, names, logs)
    marks += _legend(cells, count, ends)
    marks.append(TextMark(cells.left, 20, "What trains", "ink", size=15, is_bold=True))
    return Picture(WIDTH, HEIGHT, f"Trainings over {names[0]} and {names[1]}", said, tuple(marks))


def _kinds(
    converged: Bool[np.ndarray, "rows columns"],
    diverged: Bool[np.ndarray, "rows columns"],
    losses: Float[np.ndarray, "rows columns"],
) -> tuple[Int[np.ndarray, "rows columns"], int, tuple[float, float]]:
    """A whole number for every cell: its shade, or -1 (ends no lower) or -2 (diverged); how many shades; their ends."""
    held = losses[converged]
    low, high = (float(held.min()), float(held.max())) if len(held) else (0.0, 1.0)
    with np.errstate(all="ignore"):
        if low > 0 and high / low > 4:
            share = np.log(losses / low) / math.log(high / low)
        else:
            share = (losses - low) / max(high - low, 1e-30)
    for count in SHADES:
        shade = np.clip(np.nan_to_num(share, nan=0.0, posinf=1.0) * count, 0, count - 1).astype(int)
        kinds = np.where(diverged, -2, np.where(converged, shade, -1))
        if (np.diff(kinds, axis=1) != 0).sum() <= MOST_CELLS:
            break
    return kinds, count, (low, high)


def _role(kind: int, count: int) -> str:
    """The colour of a kind; a low loss is dark."""
    if kind < 0:
        return NOT_LOWER if kind == -1 else DIVERGED
    return f"level{9 - round(kind * 9 / (count - 1))}"


def _frame(
    cells: Axes, x: tuple[float, float], y: tuple[float, float], names: tuple[str, str], logs: tuple[bool, bool]
) -> list[Mark]:
    """Frame, ticks and labels in the numbers' own units."""
    own = Axes(cells.left, cells.top, cells.right, cells.bottom, x, y, *logs)
    found: list[Mark] = []
    for value, text in fine_ticks(x, logs[0]):
        at = float(own.place(np.array(value), np.array(y[0]))[0])
        found += [Stroke(line((at, own.bottom), (at, own.bottom + 4)), "line")]
        found += [TextMark(at, own.bottom + 18, text, anchor="middle")]
    for value, text in fine_ticks(y, logs[1]):
        at = float(own.place(np.array(x[0]), np.array(value))[1])
        found += [Stroke(line((own.left - 4, at), (own.left, at)), "line")]
        found += [TextMark(own.left - 7, at + 4.5, text, anchor="end", size=12)]
    corners = ((own.left, own.top), (own.right, own.top), (own.right, own.bottom), (own.left, own.bottom))
    found.append(Stroke(line(*corners, corners[0]), "line"))
    found.append(TextMark((own.left + own.right) / 2, own.bottom + 38, names[0], anchor="middle"))
    found.append(TextMark(16, (own.top + own.bottom) / 2, names[1], anchor="middle", upright=True))
    return found


def fine_ticks(ends: tuple[float, float], log: bool) -> list[tuple[float, str]]:
    """Ticks and their labels, also for a range of less than a decade on a logarithmic axis.

    >>> [text for _, text in fine_ticks((0.5, 2.5), log=True)]
    ['0.5', '1', '2']
    """
    found = ticks(ends, log)
    if not log or len(found) >= 3:
        return [(each, label_of(each, log)) for each in found]
    return [(each, f"{each:.6g}") for each in ticks(ends, False)]


def _legend(cells: Axes, count: int, ends: tuple[float, float]) -> list[Mark]:
    """Below: the shades from the highest to the lowest loss, then what the other marks are."""
    y = cells.bottom + 56.0
    x = cells.left + 132.0
    found: list[Mark] = [TextMark(x - 10, y + 13, f"converges, loss {ends[1]:.3g}", "ink", "end")]
    for kind in reversed(range(count)):
        found.append(_box(x, y, _role(kind, count)))
        x += 22
    found.append(TextMark(x + 10, y + 13, f"{ends[0]:.3g}", "ink"))
    x, y = cells.left - 40.0, y + 26
    for role, text in ((NOT_LOWER, "ends no lower"), (DIVERGED, "diverges")):
        found += [_box(x, y, role), TextMark(x + 28, y + 13, text)]
        x += 42 + 8 * len(text)
    return [*found, Stroke(line((x, y + 9), (x + 22, y + 9)), "ink", 1.2), TextMark(x + 28, y + 13, "boundary")]


def _box(left: float, top: float, role: str) -> Mark:
    corners = ((left, top), (left + 22, top), (left + 22, top + 17), (left, top + 17))
    return Area((line(*corners),), role, "line")
