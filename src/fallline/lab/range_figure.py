"""The picture of a learning-rate range: real short runs with error bars, the plateau, and the ramp beside them."""

import numpy as np
from jaxtyping import Float

from fallline.drawing.axes import Axes
from fallline.drawing.legend import ROOM, lines
from fallline.drawing.marks import Area, Dot, Mark, Stroke, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.plateau import RatePlateau
from fallline.lab.ramp import Ramp

WIDTH, HEIGHT = 680, 430


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
    axes = Axes(66, 34, WIDTH - ROOM, HEIGHT - 50, (float(rates[0]), float(rates[-1])), (bottom, top), True)
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
    marks += lines(labels, ways, axes)
    for x, mean, error in zip(rates[held][shown], means[shown], errors[shown], strict=True):
        ends = axes.place(np.array([x, x]), np.clip([mean - error, mean + error], bottom, top))
        marks.append(Stroke(ends, "path0", 1.5))
        middle = axes.place(np.array(x), np.array(mean))
        marks.append(Dot(float(middle[0]), float(middle[1]), "path0", 3.5))
    for lost in rates[~held]:
        at_top = axes.place(np.array(lost), np.array(top))
        marks.append(Dot(float(at_top[0]), float(at_top[1]) + 9, "ink", 4, is_cross=True))
    marks += _key(axes, rate, bottom, any_diverges=bool((~held).any()))
    marks.append(TextMark(axes.left, 20, "Learning rates that train this recipe", "ink", size=15, is_bold=True))
    return Picture(WIDTH, HEIGHT, "Validation loss of short runs against their learning rate", said, tuple(marks))


def _key(axes: Axes, rate: float | None, bottom: float, any_diverges: bool) -> list[Mark]:
    """The line at the suggested rate, and the words beside the picture that say what its marks are."""
    marks: list[Mark] = []
    y = axes.top + 60.0
    if rate is not None:
        at = float(axes.place(np.array(rate), np.array(bottom))[0])
        marks.append(Stroke(line((at, axes.top), (at, axes.bottom)), "ink", 1.5))
        marks.append(TextMark(axes.right + 12, y, f"suggested {rate:g}", "ink", is_bold=True))
        marks.append(TextMark(axes.right + 12, y + 19, "shaded: plateau"))
    marks.append(TextMark(axes.right + 12, y + 38, "bars: std. error"))
    if any_diverges:
        marks.append(TextMark(axes.right + 12, y + 57, "cross: diverges"))
    return marks
