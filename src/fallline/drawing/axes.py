"""A pair of axes: places in pixels, ticks and their labels."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from fallline.drawing.marks import Mark, Stroke, TextMark, line
from fallline.drawing.words import shortened

FONT = 13.0
LETTER = 8.5  # pixels of a letter, as a phone shows it
_TINY, _LARGE, _HUGE = 1e-280, 1e280, 8e307
SIDE = 10  # pixels that a name may reach beyond the axes


@dataclasses.dataclass(frozen=True)
class Axes:
    """A rectangle of a picture and the numbers at its ends.

    Arguments:
        left, top, right, bottom: the rectangle in pixels.
        x, y: the numbers at the ends.
        log_x, log_y: whether an axis is logarithmic.
        percent: whether `y` is a share, labelled in percent.
        whole: whether `x` counts, so that its ticks are whole numbers.
        names: places on the horizontal axis and their names, of one or two lines, instead of numbers.
    """

    left: float
    top: float
    right: float
    bottom: float
    x: tuple[float, float]
    y: tuple[float, float]
    log_x: bool = False
    log_y: bool = False
    percent: bool = False
    whole: bool = False
    names: tuple[tuple[float, str], ...] = ()

    def place(self, x: Float[np.ndarray, "..."], y: Float[np.ndarray, "..."]) -> Float[np.ndarray, "... 2"]:
        """Numbers as places in pixels; what lies far outside is moved to a rectangle's size beside it."""
        across = self.left + (self.right - self.left) * _share(x, self.x, self.log_x)
        up = self.bottom - (self.bottom - self.top) * _share(y, self.y, self.log_y)
        return np.stack([across, up], axis=-1)

    def within(self, points: Float[np.ndarray, "count 2"]) -> Float[np.ndarray, "count 2"]:
        """A line cut at the rectangle: up to the first point outside, moved to the edge."""
        outside = ~(
            (points[:, 0] >= self.left - 1) & (points[:, 0] <= self.right + 1)
            & (points[:, 1] >= self.top - 1) & (points[:, 1] <= self.bottom + 1)
        )  # fmt: skip
        last = int(np.argmax(outside)) + 1 if outside.any() else len(points)
        kept = points[:last][np.isfinite(points[:last]).all(axis=1)]
        return np.stack(
            [np.clip(kept[:, 0], self.left, self.right), np.clip(kept[:, 1], self.top, self.bottom)], axis=-1
        )

    def marks(self, x_label: str, y_label: str, grid: bool = True) -> list[Mark]:
        """Frame, ticks, grid and labels."""
        found: list[Mark] = []
        for value, name in self.names or tuple((value, label_of(value, self.log_x)) for value in self._x_ticks()):
            at = float(self.place(np.array(value), np.array(self.y[0]))[0])
            found += [Stroke(line((at, self.bottom), (at, self.bottom + 4)), "line")]
            found += self._named(at, name) if self.names else [TextMark(at, self.bottom + 18, name, anchor="middle")]
        for value in ticks(self.y, self.log_y):
            at = float(self.place(np.array(self.x[0]), np.array(value))[1])
            if grid:
                found += [Stroke(line((self.left, at), (self.right, at)), "grid")]
            name = percent_of(value, self.y) if self.percent else label_of(value, self.log_y)
            found += [TextMark(self.left - 7, at + 4.5, name, anchor="end")]
        corners = ((self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom))
        found.append(Stroke(line(*corners, corners[0]), "line"))
        lines = max((name.count("\n") for _, name in self.names), default=0)
        below = self.bottom + (58 + 21 * lines if self.names else 38)
        found.append(TextMark((self.left + self.right) / 2, below, x_label, anchor="middle"))
        found.append(TextMark(16, (self.top + self.bottom) / 2, y_label, anchor="middle", upright=True))
        return found

    def _named(self, at: float, name: str) -> list[Mark]:
        """The lines of a name under its place: as long as its neighbours allow, and moved inwards at the ends."""
        room = (self.right - self.left) / max(len(self.names) - 1, 1)
        found: list[Mark] = []
        for i, text in enumerate(name.split("\n")):
            most = max(6, int(room / LETTER) - 1)
            short = shortened(text, most)
            half = LETTER * len(short) / 2
            anchor = "end" if at + half > self.right + SIDE else "start" if at - half < self.left - SIDE else "middle"
            x = {"end": self.right + SIDE, "start": self.left - SIDE, "middle": at}[anchor]
            found.append(TextMark(x, self.bottom + 28 + 21 * i, short, anchor=anchor))
        return found

    def _x_ticks(self) -> list[float]:
        found = ticks(self.x, self.log_x)
        return [value for value in found if value == int(value)] if self.whole and not self.log_x else found


def _share(values: Float[np.ndarray, "..."], ends: tuple[float, float], log: bool) -> Float[np.ndarray, "..."]:
    with np.errstate(all="ignore"):
        if log:
            values, ends = np.log10(np.maximum(values, 1e-320)), (math.log10(ends[0]), math.log10(ends[1]))
        return np.clip((np.asarray(values) - ends[0]) / (ends[1] - ends[0]), -1.0, 2.0)


def drawable(values: Float[np.ndarray, "..."], log: bool = False) -> Float[np.ndarray, " n"]:
    """The numbers that have a place on an axis, limited so that float64 holds their differences and ratios.

    >>> drawable(np.array([np.nan, 1e-320, -2.0, 1e308])).tolist(), drawable(np.array([-1.0, 0.0, 5.0]), log=True).tolist()
    ([0.0, -2.0, 8e+307], [5.0])
    """
    values = np.asarray(values, np.float64).ravel()
    values = values[np.isfinite(values)]
    if log:
        return np.clip(values[values > 0], _TINY, _LARGE)
    return np.clip(np.where(np.abs(values) < _TINY, 0.0, values), -_HUGE, _HUGE)


def ticks(ends: tuple[float, float], log: bool, most: int = 6) -> list[float]:
    """Round numbers between the ends.

    >>> ticks((-2.0, 2.0), log=False), ticks((1e-4, 1.0), log=True)
    ([-2.0, -1.0, 0.0, 1.0, 2.0], [0.0001, 0.001, 0.01, 0.1, 1.0])
    >>> ticks((0.3, 9.0), log=True)  # of few decades, also between the powers of ten
    [0.5, 1.0, 2.0, 5.0]
    """
    if log and ends[1] < 99 * ends[0]:
        powers = range(math.floor(math.log10(ends[0])), math.ceil(math.log10(ends[1])) + 1)
        found = [float(f"{step}e{power}") for power in powers for step in (1, 2, 5)]
        inner = [value for value in found if ends[0] * (1 - 1e-9) <= value <= ends[1] * (1 + 1e-9)]
        return inner if len(inner) > 1 else ticks(ends, False, most)
    if log:
        first, last = math.ceil(math.log10(ends[0]) - 1e-9), math.floor(math.log10(ends[1]) + 1e-9)
        return [10.0**k for k in range(first, last + 1, max(1, -(-(last - first) // most)))]
    rough = (ends[1] - ends[0]) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in (1, 2, 5, 10) if each * power >= rough * (1 - 1e-9))
    first = math.ceil(ends[0] / step - 1e-9)
    return [float(f"{step * k:.12g}") + 0.0 for k in range(first, math.floor(ends[1] / step + 1e-9) + 1)]


def label_of(value: float, log: bool) -> str:
    """A tick's label.

    >>> label_of(0.001, True), label_of(1e-8, True), label_of(-0.5, False)
    ('0.001', '1e-8', '−0.5')
    """
    power = math.floor(math.log10(value) + 1e-9) if log else 0
    text = f"{value / 10.0**power:.3g}e{power}" if log and not -4 < power < 4 else f"{value:g}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def percent_of(value: float, ends: tuple[float, float]) -> str:
    """A share as a tick's label in percent, with a decimal place on a short axis.

    >>> percent_of(0.25, (0.0, 1.0)), percent_of(0.005, (0.0, 0.02))
    ('25 %', '0.5 %')
    """
    return f"{100 * value:.{0 if ends[1] - ends[0] >= 0.05 else 1}f} %"
