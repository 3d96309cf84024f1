"""Basins of attraction: which minimum a rule ends at, for every start of a grid."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int

from fallline.core.errors import FalllineError, nearest
from fallline.drawing.axes import Axes
from fallline.drawing.marks import Area, Dot, Mark, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.charts import HEIGHT, WIDTH, runs_of, title_of_surface
from fallline.lab.measures import NEAR, nearest_minimum
from fallline.lab.minima import minima_of
from fallline.lab.program import walk_all
from fallline.lab.subjects import Rules, SurfaceLike, rules_of, surface_of
from fallline.optimizers import Optimizer
from fallline.surfaces import Minimum, Surface

ELSEWHERE, DIVERGED = -1, -2
ROLES = {ELSEWHERE: "back", DIVERGED: "soft"}
COLOURS = 8


@dataclasses.dataclass(frozen=True)
class Basins:
    """Where walks end, by where they start.

    Arguments:
        surface: the surface, of two coordinates.
        rules: the rules by label.
        minima: the surface's minima.
        x, y: the starts' coordinates.
        ends: place of the minimum that the walk ends near; ELSEWHERE (-1), or DIVERGED (-2). Axes: rule, y, x.
        steps: number of steps of every walk.
    """

    surface: Surface
    rules: dict[str, Optimizer]
    minima: tuple[Minimum, ...]
    x: np.ndarray
    y: np.ndarray
    ends: Int[np.ndarray, "rules rows columns"]
    steps: int

    @property
    def frame(self) -> pl.DataFrame:
        """A row per rule: the share of starts that end at a global minimum, at another, elsewhere, or diverge."""
        is_global = np.array([each.is_global for each in self.minima])
        rows = []
        for label, ends in zip(self.rules, self.ends, strict=True):
            at = ends[ends >= 0]
            best = int(is_global[at].sum())
            counts = {"global": best, "local": len(at) - best}
            counts |= {"elsewhere": int((ends == ELSEWHERE).sum()), "diverged": int((ends == DIVERGED).sum())}
            rows.append({"rule": label, **{name: count / ends.size for name, count in counts.items()}})
        return pl.DataFrame(rows)

    def figure(self, rule: str | None = None) -> Picture:
        """The map of a rule, by default the first: a colour for every minimum, whose places are marked.

        Raises: FalllineError for a rule that is not among them.
        """
        label = next(iter(self.rules)) if rule is None else rule
        if label not in self.rules:
            raise FalllineError(f"rule {label!r} is not among them: {nearest(label, self.rules)}")
        ends = self.ends[list(self.rules).index(label)]
        axes = Axes(56, 34, WIDTH - 14, HEIGHT - 50, (self.x[0], self.x[-1]), (self.y[0], self.y[-1]))
        roles = {each: self._role(int(each)) for each in np.unique(ends)}
        marks: list[Mark] = []
        for role in dict.fromkeys(roles.values()):
            mine = np.isin(ends, [each for each, own in roles.items() if own == role])
            marks.append(Area(tuple(runs_of(mine.astype(int), self.x, self.y, axes)[1]), role))
        marks += axes.marks("x of the start", "y of the start", grid=False)
        for place, each in enumerate(self.minima[:60]):
            at = axes.place(*np.asarray(each.point))
            marks.append(Dot(float(at[0]), float(at[1]), "ink", 5 if each.is_global else 3, is_cross=True))
            if len(self.minima) <= COLOURS:
                marks.append(TextMark(float(at[0]) + 7, float(at[1]) - 5, str(place + 1), "ink", size=13, is_bold=True))
        marks.append(TextMark(axes.left, 20, f"Basins: {label}", "ink", size=15, is_bold=True))
        marks += _key([each for each in (ELSEWHERE, DIVERGED) if each in ends], axes)
        (row,) = self.frame.filter(pl.col("rule") == label).to_dicts()
        lost = 100 * (row["elsewhere"] + row["diverged"])
        text = (
            f"Of {ends.size:,} starts, {label} takes {100 * row['global']:.1f} % to a global minimum in {self.steps} steps and "
            f"{100 * row['local']:.1f} % to another. From {lost:.1f} % it ends at none."
        )
        return Picture(
            WIDTH, HEIGHT, f"Basins of attraction of {title_of_surface(self.surface)} for {label}", text, tuple(marks)
        )

    def _role(self, end: int) -> str:
        if end in ROLES:
            return ROLES[end]
        if len(self.minima) <= COLOURS:
            return f"basin{end}"
        # Of many minima, the global ones stand out, and neighbours differ.
        return "basin1" if self.minima[end].is_global else ("basin0", "basin2", "basin5")[end % 3]


def basins(
    rules: Rules,
    surface: SurfaceLike,
    steps: int = 200,
    *,
    size: int = 61,
    noise: float = 0.0,
    seed: int = 0,
    limits: Any = None,
) -> Basins:
    """Walk every rule from a grid of size x size starts over the domain, in one program; other arguments as for `walk`.

    Raises: FalllineError for a surface that has not two coordinates or no known minimum, and as `walk` does.

    >>> from fallline.optimizers import SGD
    >>> basins(SGD(0.01), "himmelblau", 100, size=11).frame.select("global", "elsewhere").row(0)
    (1.0, 0.0)
    """
    named, found = rules_of(rules), surface_of(surface, limits)
    minima = minima_of(found)
    if found.dimensions != 2 or not minima:
        what = "no known minimum" if found.dimensions == 2 else f"{found.dimensions} coordinates"
        raise FalllineError(
            f"{found.name or 'the function'} has {what}: a map of basins needs two coordinates and a minimum"
        )
    if isinstance(size, bool) or not isinstance(size, int) or not 2 <= size <= 1000:
        raise FalllineError(f"size = {size!r} is not a number of starts along a side: expected 2 to 1000")
    x, y = (np.linspace(low, high, size) for low, high in found.domain)
    starts = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    end = walk_all(list(named.values()), found, starts, steps, noise, seed, ends=True).points[:, :, 0]
    widths = np.array([high - low for low, high in found.domain])
    places = np.array([each.point for each in minima])
    with np.errstate(all="ignore"):
        which = nearest_minimum(end, places)
        is_near = (np.abs(end - places[which]) <= NEAR * widths).all(axis=-1)
    which = np.where(np.isfinite(end).all(axis=-1), np.where(is_near, which, ELSEWHERE), DIVERGED)
    return Basins(found, named, minima, x, y, which.reshape(len(named), size, size), steps)


def _key(lost: Sequence[int], axes: Axes) -> list[Mark]:
    """Beside the title: the colours of starts from which a rule reaches no minimum."""
    names = {ELSEWHERE: "at no minimum", DIVERGED: "diverges"}
    marks: list[Mark] = []
    right = axes.right
    for end in reversed(lost):
        text = names[end]
        marks.append(TextMark(right, 20, text, anchor="end", size=12))
        right -= 7.4 * len(text) + 18  # as wide as the widest of the page's fonts
        square = line((right, 10), (right + 11, 10), (right + 11, 21), (right, 21))
        marks.append(Area((square,), ROLES[end], "line"))
        right -= 12
    return marks
