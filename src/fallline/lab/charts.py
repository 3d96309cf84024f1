"""Pictures of walks: from above, in three dimensions, and the loss against the step."""

import itertools

import numpy as np
from jaxtyping import Float, Int

from fallline.core.errors import FalllineError, nearest
from fallline.drawing.axes import Axes
from fallline.drawing.colours import LEVELS, dash_of, path_role
from fallline.drawing.contours import contour, levels_of
from fallline.drawing.legend import beside
from fallline.drawing.marks import Area, Dot, Mark, Stroke, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.terrain import Terrain, terrain_of
from fallline.lab.view import View, mesh
from fallline.lab.walked import Walked
from fallline.surfaces import Surface

WIDTH, HEIGHT = 480, 430
KINDS = ("contour", "surface", "loss")
FINE, COARSE = 89, 29  # places of the grid along each coordinate, from above and in three dimensions
FLOOR = 1e-14  # share of the first height above the lowest below which rounding rules


def picture_of(walks: Walked, kind: str, start: int = 0) -> Picture:
    """The walks from one start as a picture of a kind.

    Raises: FalllineError for an unknown kind, for a start that does not exist, and for too many coordinates.
    """
    if kind not in KINDS:
        raise FalllineError(f"figure kind {kind!r} is unknown: {nearest(kind, KINDS)}")
    if not 0 <= start < len(walks.starts):
        raise FalllineError(f"start = {start!r} does not exist: there are {len(walks.starts)}, counted from 0")
    if kind == "loss":
        return loss_chart(walks, start)
    terrain = terrain_of(walks.surface, walks.minima, FINE if kind == "contour" else COARSE)
    if kind == "surface":
        return surface_chart(walks, terrain, start)
    return (
        contour_chart(walks, terrain, start) if walks.surface.dimensions == 2 else profile_chart(walks, terrain, start)
    )


def axes_above(terrain: Terrain) -> Axes:
    """The axes of the picture from above."""
    ends = [(float(each[0]), float(each[-1])) for each in (terrain.x, terrain.y)]
    return Axes(56, 34, WIDTH - 14, HEIGHT - 50, ends[0], ends[1])


def contour_chart(walks: Walked, terrain: Terrain, start: int) -> Picture:
    """Lines of equal height with the paths of all rules."""
    axes = axes_above(terrain)
    marks: list[Mark] = [*shades(terrain, axes)]
    for level in levels_of(terrain.heights, terrain.lowest):
        for each in contour(terrain.x, terrain.y, terrain.heights, float(level)):
            marks.append(Stroke(axes.place(each[:, 0], each[:, 1]), "line", 0.7))
    marks += axes.marks("x", "y", grid=False)
    marks += _minima(walks, axes)
    points = walks.track.points[:, start]
    ways = [axes.within(axes.place(way[:, 0], way[:, 1])) for way in points]
    marks += paths(list(walks.rules), ways, axes, "contour")
    first = axes.place(*walks.starts[start])
    marks.append(Dot(float(first[0]), float(first[1]), "ink", 6, key="contour-start"))
    marks.append(TextMark(axes.left, 20, title_of_surface(walks.surface), "ink", size=15, is_bold=True))
    title = f"Contours of {name_of_surface(walks.surface)} with paths"
    return Picture(WIDTH, HEIGHT, title, described(walks, start), tuple(marks))


def profile_chart(walks: Walked, terrain: Terrain, start: int) -> Picture:
    """The height over a single coordinate, with the steps of all rules on it."""
    heights = terrain.heights[0]
    room = 0.06 * (terrain.highest - terrain.lowest)
    axes = Axes(
        62, 34, WIDTH - 14, HEIGHT - 50, (terrain.x[0], terrain.x[-1]), (terrain.lowest - room, terrain.highest)
    )
    marks: list[Mark] = [*axes.marks("x", "f(x)")]
    marks.append(Stroke(axes.within(axes.place(terrain.x, heights)), "soft", 1.5))
    ways = [
        axes.within(axes.place(way[:, 0], values))
        for way, values in zip(walks.track.points[:, start], walks.track.values[:, start], strict=True)
    ]
    marks += paths(list(walks.rules), ways, axes, "contour")
    marks.append(TextMark(axes.left, 20, title_of_surface(walks.surface), "ink", size=15, is_bold=True))
    return Picture(WIDTH, HEIGHT, f"{name_of_surface(walks.surface)} with paths", described(walks, start), tuple(marks))


def surface_chart(walks: Walked, terrain: Terrain, start: int) -> Picture:
    """The surface in three dimensions, with the paths of all rules on it."""
    if walks.surface.dimensions != 2:
        raise FalllineError("a picture in three dimensions needs two coordinates: choose figure('contour') or ('loss')")
    view = View.of(terrain, WIDTH, HEIGHT)
    marks: list[Mark] = [*mesh(view, terrain)]
    marks += sides(view, "x", "y")
    ways = [
        view.way(terrain, points, values)
        for points, values in zip(walks.track.points[:, start], walks.track.values[:, start], strict=True)
    ]
    frame = Axes(4, 34, WIDTH - 4, HEIGHT - 4, (0, 1), (0, 1))
    marks += paths(list(walks.rules), ways, frame, "surface")
    marks.append(
        TextMark(14, 20, f"{title_of_surface(walks.surface)}, seen from the side", "ink", size=15, is_bold=True)
    )
    scale = "; heights on a logarithmic scale" if terrain.is_compressed else ""
    marks.append(TextMark(14, HEIGHT - 8, f"height {terrain.lowest:.4g} to {terrain.highest:.4g}{scale}", size=12))
    title = f"{name_of_surface(walks.surface)} in three dimensions with paths"
    return Picture(WIDTH, HEIGHT, title, described(walks, start), tuple(marks))


def sides(view: View, x: str, y: str) -> list[Mark]:
    """The names of the two coordinates, at the lower edges of a surface seen from the side."""
    found: list[Mark] = []
    for u, v, name, away, anchor in ((0.5, 0.0, x, -14, "end"), (1.0, 0.5, y, 14, "start")):
        place = view.place(np.array(u), np.array(v), np.array(0.0))
        found.append(TextMark(float(place[0]) + away, float(place[1]) + 18, name, anchor=anchor))
    return found


def loss_axes(walks: Walked, start: int, highest: float | None = None) -> Axes:
    """The axes of the loss: the height above the lowest minimum on a logarithmic scale, or the height if there is none."""
    values = walks.track.values[:, start]
    first, steps = float(values[0, 0]), (0.0, float(walks.steps))
    if not walks.minima:
        reach = max(abs(first), 1.0 if highest is None else abs(highest), 1e-9)
        return Axes(66, 34, WIDTH - 14, HEIGHT - 50, steps, (first - 3 * reach, first + reach))
    lowest = min(each.value for each in walks.minima)
    above = max(first - lowest, 1e-12)
    top = max(above, 0.0 if highest is None else highest - lowest)
    low = float(np.min(values, initial=lowest + above, where=np.isfinite(values))) - lowest
    bottom = float(np.floor(np.log10(max(low, FLOOR * above))))
    return Axes(
        66, 34, WIDTH - 14, HEIGHT - 50, steps, (10.0**bottom, 10.0 ** float(np.ceil(np.log10(top)))), log_y=True
    )


def loss_chart(walks: Walked, start: int, highest: float | None = None) -> Picture:
    """The loss of all rules against the step."""
    axes = loss_axes(walks, start, highest)
    lowest = min((each.value for each in walks.minima), default=0.0)
    label = "loss above the minimum" if walks.minima else "loss"
    marks: list[Mark] = [*axes.marks("step", label)]
    steps = np.arange(walks.steps + 1)
    ways = []
    for values in walks.track.values[:, start]:
        y = np.maximum(values - lowest, axes.y[0]) if axes.log_y else values
        ways.append(axes.within(axes.place(steps, y)))
    marks += paths(list(walks.rules), ways, axes, "loss")
    marks.append(TextMark(axes.left, 20, "Loss against step", "ink", size=15, is_bold=True))
    return Picture(
        WIDTH, HEIGHT, f"Loss against step on {name_of_surface(walks.surface)}", described(walks, start), tuple(marks)
    )


def shades(terrain: Terrain, axes: Axes) -> list[Mark]:
    """The heights as shades."""
    shade = np.minimum((terrain.share(terrain.heights) * LEVELS).astype(int), LEVELS - 1)
    boxes = runs_of(shade, terrain.x, terrain.y, axes)
    return [Area(tuple(boxes[k]), f"level{k}") for k in sorted(boxes)]


def runs_of(
    kinds: Int[np.ndarray, "rows columns"], x: Float[np.ndarray, " columns"], y: Float[np.ndarray, " rows"], axes: Axes
) -> dict[int, list[Float[np.ndarray, "4 2"]]]:
    """The cells around the places of a grid, by their kind; neighbours of one kind in a row are one rectangle."""
    boxes: dict[int, list[Float[np.ndarray, "4 2"]]] = {}
    dx, dy = (np.diff(each).mean() / 2 for each in (x, y))
    low, high = axes.place(x - dx, np.zeros(len(x))), axes.place(x + dx, np.zeros(len(x)))
    left, right = np.maximum(low[:, 0], axes.left), np.minimum(high[:, 0], axes.right)
    low, high = axes.place(np.zeros(len(y)), y - dy), axes.place(np.zeros(len(y)), y + dy)
    bottom, top = np.minimum(low[:, 1], axes.bottom), np.maximum(high[:, 1], axes.top)
    for i, row in enumerate(kinds):
        ends = np.flatnonzero(np.diff(row, prepend=row[0] - 1, append=row[-1] - 1))
        for a, b in itertools.pairwise(ends.tolist()):
            box = line((left[a], bottom[i]), (right[b - 1], bottom[i]), (right[b - 1], top[i]), (left[a], top[i]))
            boxes.setdefault(int(row[a]), []).append(box)
    return boxes


def _minima(walks: Walked, axes: Axes) -> list[Mark]:
    found: list[Mark] = []
    for each in walks.minima[:60]:
        place = axes.place(*np.asarray(each.point))
        found.append(Dot(float(place[0]), float(place[1]), "ink", 5 if each.is_global else 3, is_cross=True))
    return found


def paths(labels: list[str], ways: list[Float[np.ndarray, "count 2"]], axes: Axes, kind: str = "") -> list[Mark]:
    """Every path with an edge, a dash of its own, a dot at its end and its name beside it; `kind` is for what moves."""
    marks: list[Mark] = []

    def key(part: str, place: int) -> str:
        return f"{kind}-{part}-{place}" if kind else ""

    # All edges come first, so that of two paths that coincide both can be seen: one in the gaps of the other's dashes.
    marks += [Stroke(way, "back", 4.5, key=key("edge", i)) for i, way in enumerate(ways)]
    marks += [Stroke(way, path_role(i), 2.2, dash_of(i), key=key("path", i)) for i, way in enumerate(ways)]
    taken: list[float] = []
    for i, (label, way) in enumerate(zip(labels, ways, strict=True)):
        end = way[-1] if len(way) else np.array([axes.left, axes.bottom])
        marks.append(Dot(float(end[0]), float(end[1]), path_role(i), 4.5, key=key("end", i)))
        y = beside(float(end[1]) - 6, taken, axes.top + 12, axes.bottom - 6)
        taken.append(y)
        is_right = end[0] > axes.right - 90
        at = float(end[0]) + (-9 if is_right else 9)
        anchor = "end" if is_right else "start"
        marks.append(
            TextMark(at, y, label, path_role(i).replace("path", "name"), anchor, 13, is_bold=True, key=key("name", i))
        )
    return marks


def name_of_surface(surface: Surface) -> str:
    """A surface in words; a formula is its own name."""
    text = getattr(surface, "text", None)
    return text if isinstance(text, str) else (surface.name or "a function").replace("_", " ")


def title_of_surface(surface: Surface) -> str:
    """A surface's name as a title."""
    name = name_of_surface(surface)
    shown = name if len(name) <= 40 else name[:39] + "…"
    return shown if getattr(surface, "text", None) else shown[:1].upper() + shown[1:]


def described(walks: Walked, start: int) -> str:
    """What the walks did, in words: for those who do not see the picture."""
    rows = walks.frame.filter(walks.frame["start"] == start).to_dicts()
    begins = ", ".join(f"{each:.3g}" for each in walks.starts[start])
    sentences = [f"From ({begins}), {walks.steps} steps."]
    for row in rows:
        if row["diverged"]:
            said = "diverges"
        elif row["steps"] is not None:
            said = f"reaches a minimum after {row['steps']} steps"
        elif row["distance"] is not None:
            said = f"ends at the height {row['final_value']:.4g}, {row['distance']:.3g} away from the nearest minimum"
        else:
            said = f"ends at the height {row['final_value']:.4g}"
        sentences.append(f"{row['rule']} {said}.")
    return " ".join(sentences)
