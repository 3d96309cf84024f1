"""The picture of a learning-rate range: real short runs with error bars, the plateau, and the ramp beside them."""

import numpy as np
from jaxtyping import Float

from fallline.drawing.axes import Axes
from fallline.drawing.legend import below, lines_above, room_below
from fallline.drawing.marks import Area, Dot, Mark, Stroke, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.plateau import RatePlateau
from fallline.lab.ramp import Ramp

WIDTH, BOTTOM = 500, 370


def range_figure(
    rates: Float[np.ndarray, " rates"],
    losses: Float[np.ndarray, "rates seeds"],
    untrained: float,
    plateau: RatePlateau,
    rate: float | None,
    ramp: Ramp | None,
    said: str,
) -> Picture:
    """Loss against learning rate; `said` is what the picture shows, in words."""
    held = np.isfinite(losses).all(axis=1)
    means, errors = losses[held].mean(axis=1), losses[held].std(axis=1, ddof=1) / np.sqrt(losses.shape[1])
    top = 1.6 * max(untrained, 1e-12)
    bottom = min(0.0, float(means.min(initial=0.0)))
    axes = Axes(66, 34, WIDTH - 22, BOTTOM, (float(rates[0]), float(rates[-1])), (bottom, top), True)
    marks: list[Mark] = []
    if not plateau.refusal:
        low, high = (float(axes.place(np.array(each), np.array(bottom))[0]) for each in (plateau.low, plateau.high))
        box = line((low, axes.top), (high, axes.top), (high, axes.bottom), (low, axes.bottom))
        marks.append(Area((box,), "level3"))
    marks += axes.marks("learning rate", "validation loss")
    level = float(axes.place(np.array(rates[0]), np.array(untrained))[1])
    marks.append(Stroke(line((axes.left, level), (axes.right, level)), "soft", 1.0, (2, 3)))
    marks.append(TextMark(axes.right - 6, level - 6, "untrained", "soft", "end", size=12, is_bold=True))
    shown = means <= top
    labels, ways = ["real short runs"], [axes.place(rates[held][shown], means[shown])]
    if ramp is not None:
        average = np.full(len(ramp.rates), np.nan)
        known = np.isfinite(ramp.losses).all(axis=0)
        average[known] = ramp.losses[:, known].mean(axis=0)
        inside = known & (average <= top)
        labels.append("ramp (training)")
        ways.append(axes.place(ramp.rates[inside], average[inside]))
    marks += lines_above(labels, ways, axes)
    for x, mean, error in zip(rates[held][shown], means[shown], errors[shown], strict=True):
        ends = axes.place(np.array([x, x]), np.clip([mean - error, mean + error], bottom, top))
        marks.append(Stroke(ends, "path0", 1.5))
        middle = axes.place(np.array(x), np.array(mean))
        marks.append(Dot(float(middle[0]), float(middle[1]), "path0", 3.5))
    for lost in rates[~held]:
        at_top = axes.place(np.array(lost), np.array(top))
        marks.append(Dot(float(at_top[0]), float(at_top[1]) + 9, "ink", 4, is_cross=True))
    if rate is not None:
        at = float(axes.place(np.array(rate), np.array(bottom))[0])
        marks.append(Stroke(line((at, axes.top), (at, axes.bottom)), "ink", 1.5))
    key = [("standard error", "bar")]
    key += [("good rates", "box")] if not plateau.refusal else []
    key += [(f"suggested {rate:g}", "line")] if rate is not None else []
    key += [("diverges", "cross")] if not held.all() else []
    for place, (text, kind) in enumerate(key, len(labels)):
        marks += _entry(*below(axes, place), text, kind)
    marks.append(TextMark(axes.left, 20, "Learning rates that train this recipe", "ink", size=15, is_bold=True))
    height = BOTTOM + room_below(len(labels) + len(key))
    return Picture(WIDTH, height, "Validation loss of short runs against their learning rate", said, tuple(marks))


def _entry(x: float, y: float, text: str, kind: str) -> list[Mark]:
    """An entry of the legend: a mark of a kind, and what it says."""
    middle = x + 16
    box = line((x + 4, y - 7), (x + 28, y - 7), (x + 28, y + 7), (x + 4, y + 7))
    samples: dict[str, Mark] = {
        "bar": Stroke(line((middle, y - 7), (middle, y + 7)), "path0", 1.5),
        "box": Area((box,), "level3", "line"),
        "line": Stroke(line((middle, y - 9), (middle, y + 9)), "ink", 1.5),
        "cross": Dot(middle, y, "ink", 4, is_cross=True),
    }
    return [samples[kind], TextMark(x + 38, y + 4.5, text, size=13)]
