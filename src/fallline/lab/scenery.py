"""Pictures of a landscape of a network: from above, from the side, along a line, and the training's own losses."""

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError, nearest
from fallline.drawing.axes import Axes
from fallline.drawing.colours import LEVELS
from fallline.drawing.contours import contour, levels_of
from fallline.drawing.marks import Area, Dot, Mark, Stroke, TextMark, line
from fallline.drawing.picture import Picture
from fallline.lab.charts import HEIGHT, WIDTH, paths, shades, sides
from fallline.lab.picture_page import Rows, picture_page
from fallline.lab.scene import Scene
from fallline.lab.terrain import Terrain
from fallline.lab.view import View, mesh

BAR = 78  # pixels of the scale beside a map
SIDE = 41  # most places along an axis of a picture from the side
HEADINGS = {"a": "first direction", "b": "second direction", "loss_in_plane": "loss in the plane"}


def picture_of(scene: Scene, kind: str) -> Picture:
    """A picture of a kind: `loss`, the metric's name, `surface` or `training`.

    Raises: FalllineError for a kind that is unknown, or that this landscape has no data for.
    """
    kinds = kinds_of(scene)
    if kind not in kinds:
        raise FalllineError(f"figure {kind!r} is not of this landscape: {nearest(kind, kinds)}")
    if kind == "surface":
        return side_chart(scene)
    if kind == "training":
        return training_chart(scene)
    is_loss = kind == "loss"
    values = scene.loss if is_loss else scene.score
    if scene.dimensions == 1:
        return line_chart(scene, values[0], kind)
    terrain = scene.terrain() if is_loss else _even(scene)
    return map_chart(scene, terrain, kind)


def kinds_of(scene: Scene) -> tuple[str, ...]:
    """The pictures that a landscape has."""
    more = ("surface",) if scene.dimensions == 2 else ()
    return ("loss", *more, scene.metric, *(("training",) if scene.trajectory is not None else ()))


def _even(scene: Scene) -> Terrain:
    held = scene.score[np.isfinite(scene.score)]
    if not len(held):
        raise FalllineError(f"the {scene.metric} is finite nowhere: choose a smaller span")
    low, high = float(held.min()), float(held.max())
    return Terrain(scene.x, scene.y, scene.score, low, 1e3 * max(high - low, 1e-12))


def labels_of(scene: Scene) -> tuple[str, str]:
    """What stands at the axes."""
    if scene.plane == "line":
        return "share of the way to the other network", ""
    if scene.plane == "trajectory":
        shares = [f"{100 * each:.1f} %" for each in scene.explained]
        first, second = (*shares, "")[:2]
        return f"first principal direction ({first} of the variation)", f"second principal direction ({second})"
    return "first random direction (1: the size of the filters)", "second random direction"


def title_of(scene: Scene, kind: str) -> str:
    """A picture's title."""
    what = {"training": "Training", "surface": "Loss from the side"}.get(kind, kind[:1].upper() + kind[1:])
    return f"{what}: {scene.name}, {scene.rows:,} rows"


def map_chart(scene: Scene, terrain: Terrain, kind: str) -> Picture:
    """Shades and lines of equal height, with the network as a cross and the training's path."""
    axes = Axes(74, 34, WIDTH - BAR, HEIGHT - 50, _ends(terrain.x), _ends(terrain.y))
    marks: list[Mark] = [*shades(terrain, axes)]
    for level in levels_of(terrain.heights, terrain.lowest):
        for each in contour(terrain.x, terrain.y, terrain.heights, float(level)):
            marks.append(Stroke(axes.place(each[:, 0], each[:, 1]), "line", 0.7))
    marks += axes.marks(*labels_of(scene), grid=False)
    marks += _scale(terrain, axes)
    marks += _path(scene, axes)
    marks.append(TextMark(axes.left, 20, title_of(scene, kind), "ink", size=15, is_bold=True))
    return Picture(WIDTH, HEIGHT, title_of(scene, kind), " ".join(scene.sentences), tuple(marks))


def _ends(values: Float[np.ndarray, " count"]) -> tuple[float, float]:
    return float(values[0]), float(values[-1])


def _scale(terrain: Terrain, axes: Axes) -> list[Mark]:
    """The shades with the numbers that they stand for."""
    left, right, step = axes.right + 8, axes.right + 20, (axes.bottom - axes.top) / LEVELS
    marks: list[Mark] = []
    for k in range(LEVELS):
        low, high = axes.bottom - k * step, axes.bottom - (k + 1) * step
        marks.append(Area((line((left, low), (right, low), (right, high), (left, high)),), f"level{k}", "line"))
    whole = math.log1p(max(terrain.highest - terrain.lowest, 1e-300) / terrain.scale)
    for k in range(0, LEVELS + 1, 2):
        value = terrain.lowest + terrain.scale * math.expm1(k / LEVELS * whole)
        at = axes.bottom - k * step
        marks.append(TextMark(right + 4, min(at + 4.5, axes.bottom), _beside(value), size=12))
    return marks


def _path(scene: Scene, axes: Axes) -> list[Mark]:
    """The training's path with its epochs, and a cross at the network."""
    marks: list[Mark] = []
    x, y = axes.place(np.zeros(1), np.zeros(1))[0]
    if scene.trajectory is not None:
        places = scene.trajectory.places
        way = axes.place(places[:, 0], places[:, 1])
        marks += [Stroke(way, "back", 4.5), Stroke(way, "path1", 2.2)]
        for i in range(0, len(way), max(1, len(way) // 12)):
            marks.append(Dot(float(way[i, 0]), float(way[i, 1]), "path1", 3.5))
        epochs = scene.trajectory.epochs
        for i, text in ((0, "start"), (len(way) - 1, f"epoch {epochs[-1]}")):
            is_right = way[i, 0] > axes.right - 90
            is_above = way[max(i - 1, 0), 1] >= way[i, 1] if i else way[1, 1] >= way[0, 1]  # away from the path
            at = float(way[i, 0]) + (-9 if is_right else 9), float(way[i, 1]) + (-9 if is_above else 20)
            marks.append(TextMark(*at, text, "name1", "end" if is_right else "start", 13, is_bold=True))
    marks.append(Dot(float(x), float(y), "ink", 6, is_cross=True))
    return marks


def side_chart(scene: Scene) -> Picture:
    """The loss in three dimensions."""
    whole = scene.terrain()
    rows, columns = (
        np.unique(np.linspace(0, len(each) - 1, min(SIDE, len(each))).astype(int)) for each in (whole.y, whole.x)
    )
    terrain = Terrain(
        whole.x[columns], whole.y[rows], whole.heights[np.ix_(rows, columns)], whole.lowest, whole.scale
    )  # the same scale as from above
    view = View.of(terrain, WIDTH, HEIGHT)
    marks: list[Mark] = [*mesh(view, terrain)]
    marks += sides(view, "first direction", "second direction")
    if scene.trajectory is not None:
        way = view.way(terrain, scene.trajectory.places, scene.trajectory.loss_in_plane)
        marks += [Stroke(way, "back", 4.5), Stroke(way, "path1", 2.2)]
        marks += [Dot(float(x), float(y), "path1", 3) for x, y in way[:: max(1, len(way) // 12)]]
    at = view.way(terrain, np.zeros((1, 2)), np.array([scene.here[0]]))
    marks += [Dot(float(x), float(y), "ink", 6, is_cross=True) for x, y in at]
    marks.append(TextMark(14, 20, title_of(scene, "surface"), "ink", size=15, is_bold=True))
    scale = ", on a logarithmic scale" if terrain.is_compressed else ""
    marks.append(TextMark(14, HEIGHT - 8, f"loss {terrain.lowest:.4g} to {terrain.highest:.4g}{scale}", size=12))
    return Picture(WIDTH, HEIGHT, title_of(scene, "surface"), " ".join(scene.sentences), tuple(marks))


def line_chart(scene: Scene, values: Float[np.ndarray, " count"], kind: str) -> Picture:
    """The loss or the metric along one direction; the network is a cross, and on a line both networks are."""
    held = values[np.isfinite(values)]
    if not len(held):
        raise FalllineError(f"the {kind} is finite nowhere on the line: choose a smaller span")
    low, high = float(held.min()), float(held.max())
    is_log = kind == "loss" and low > 0 and high > 50 * low
    axes = Axes(66, 34, WIDTH - 14, HEIGHT - 50, _ends(scene.x), _room(low, high, is_log), log_y=is_log)
    marks: list[Mark] = [*axes.marks(labels_of(scene)[0], kind)]
    finite = np.isfinite(values)
    for piece in np.split(np.arange(len(values)), np.flatnonzero(np.diff(finite)) + 1):
        if finite[piece[0]]:
            marks.append(Stroke(axes.place(scene.x[piece], values[piece]), "path0", 2.2))
    ends = (0.0, 1.0) if scene.plane == "line" else (0.0,)
    for at, text in zip(ends, ("this network", "the other"), strict=False):
        place = axes.place(np.array(at), np.interp(at, scene.x[finite], held))
        marks.append(Dot(float(place[0]), float(place[1]), "ink", 6, is_cross=True))
        marks.append(TextMark(float(place[0]), float(place[1]) - 12, text, "ink", "middle", 13, is_bold=True))
    marks.append(TextMark(axes.left, 20, title_of(scene, kind), "ink", size=15, is_bold=True))
    return Picture(WIDTH, HEIGHT, title_of(scene, kind), " ".join(scene.sentences), tuple(marks))


def _room(low: float, high: float, is_log: bool) -> tuple[float, float]:
    if is_log:
        return 10.0 ** math.floor(math.log10(low)), 10.0 ** math.ceil(math.log10(high) + 1e-9)
    room = 0.08 * (high - low) or max(abs(high), 1.0) * 0.05
    return low - room, high + 2 * room


def training_chart(scene: Scene) -> Picture:
    """The training's own loss by epoch, beside that of the nearest points of the plane."""
    path = scene.trajectory
    assert path is not None
    both = [path.loss, path.loss_in_plane]
    held = np.concatenate(both)
    held = held[np.isfinite(held) & (held > 0)]
    low, high = (float(held.min()), float(held.max())) if len(held) else (0.1, 1.0)
    is_log = high > 5 * low
    ends = (float(path.epochs[0]), float(path.epochs[-1]))
    axes = Axes(66, 34, WIDTH - 14, HEIGHT - 50, ends, _room(low, high, is_log), log_y=is_log)
    marks: list[Mark] = [*axes.marks("epoch", "loss")]
    ways = [axes.within(axes.place(path.epochs, each)) for each in both]
    marks += paths(["of the training", "in the plane"], ways, axes)
    marks.append(TextMark(axes.left, 20, title_of(scene, "training"), "ink", size=15, is_bold=True))
    text = (
        f"The training's own loss falls from {path.loss[0]:.4g} to {path.loss[-1]:.4g}; at the nearest points of the plane it "
        f"goes from {path.loss_in_plane[0]:.4g} to {path.loss_in_plane[-1]:.4g}."
    )
    return Picture(WIDTH, HEIGHT, title_of(scene, "training"), text, tuple(marks))


def page_of(scene: Scene) -> str:
    """The page with all pictures and the numbers."""
    rows: list[tuple[str, Any]] = [("loss of the network", scene.here[0]), (scene.metric, scene.here[1])]
    rows += [("lowest loss of the picture", scene.lowest[0])]
    if scene.barrier is not None:
        rows.append(("barrier on the line", scene.barrier))
    for i, (share, null) in enumerate(zip(scene.explained, (60.8, 15.2), strict=False)):
        rows.append((f"variation along direction {i + 1} (random walk: {null} %)", f"{100 * share:.1f} %"))
    if scene.sharpness is not None:
        each = scene.sharpness
        rows += [
            ("largest eigenvalue of the Hessian", f"{each.largest:.4g} ± {each.largest_error:.1g}"),
            ("smallest eigenvalue", f"{each.smallest:.4g} ± {each.smallest_error:.1g}"),
            ("trace", f"{each.trace:.4g} ± {each.trace_error:.2g} ({each.draws} draws)"),
            ("parameters", f"{each.parameters:,}"),
        ]
    figures = [picture_of(scene, kind) for kind in kinds_of(scene)]
    tables: list[Rows] = [("Numbers", ("quantity", "value"), rows)]
    if scene.trajectory is not None:
        frame = scene.path
        tables.append(("Training", tuple(HEADINGS.get(each, each) for each in frame.columns), frame.rows()))
    about = [*scene.sentences, *scene.notes, _CAUTION]
    return picture_page(f"Landscape of {scene.name}", about, figures, tables)


_CAUTION = (
    "Crosses mark networks. A plane or a line is a thin slice of a space with as many dimensions as there are parameters: what "
    "looks flat here may be steep in other directions, which is what the largest eigenvalue measures."
)


def _beside(value: float) -> str:
    """A number beside the scale, which has room for seven letters.

    >>> _beside(7.326), _beside(0.0005858), _beside(7.63e-05), _beside(-1.25e-12)
    ('7.33', '6e−4', '8e−5', '−1e−12')
    """
    text = f"{value:.3g}"
    if "e" in text or len(text.lstrip("-")) > 7:
        head, tail = f"{value:.0e}".split("e")
        text = f"{head}e{int(tail)}"
    return text.replace("-", "−")
