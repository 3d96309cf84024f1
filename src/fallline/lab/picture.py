"""A picture as data: lines, areas, texts and dots in pixels, with roles for colours; drawn by `svg` and `raster`."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError

SUFFIXES = (".svg", ".png")


@dataclasses.dataclass(frozen=True)
class Stroke:
    """A line through points; `key` names what the page may move."""

    points: Float[np.ndarray, "count 2"]
    role: str
    width: float = 1.0
    dash: tuple[int, ...] = ()
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Area:
    """Filled polygons of one colour, with an edge of another if `edge` is set."""

    polygons: tuple[Float[np.ndarray, "count 2"], ...]
    role: str
    edge: str = ""


@dataclasses.dataclass(frozen=True)
class Words:
    """A text at a place; `anchor` is start, middle or end; `upright` turns it by a quarter to the left."""

    x: float
    y: float
    text: str
    role: str = "soft"
    anchor: str = "start"
    size: float = 13.0
    upright: bool = False
    is_bold: bool = False
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Dot:
    """A filled circle with an edge in the background's colour; a cross if `is_cross`."""

    x: float
    y: float
    role: str
    radius: float = 4.0
    is_cross: bool = False
    key: str = ""


Mark = Stroke | Area | Words | Dot


@dataclasses.dataclass(frozen=True)
class Picture:
    """Marks in the order in which they are drawn.

    Arguments:
        width: in pixels.
        height: in pixels.
        title: what the picture is.
        description: what can be seen in it, in a sentence or two, for those who do not see it.
        marks: the marks.
    """

    width: int
    height: int
    title: str
    description: str
    marks: tuple[Mark, ...]

    def svg(self, theme: str = "light") -> str:
        """The picture as SVG text, in the light or the dark theme."""
        from fallline.lab.svg import to_svg

        return to_svg(self, theme)

    def save(self, path: Path | str, theme: str = "light") -> Path:
        """Write the picture as SVG or PNG, by the ending of the path, and return the path.

        A PNG has two pixels for each of the picture's. It needs Pillow, which `pip install "fallline[rl]"` brings.

        Raises: FalllineError for another ending, without Pillow, and if the file cannot be written.
        """
        from fallline.core.files import write_atomically

        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise FalllineError(f"picture {str(path)!r} is no {' or '.join(SUFFIXES)}: choose one of these")
        if path.suffix.lower() == ".svg":
            content = self.svg(theme).encode()
        else:
            from fallline.lab.raster import to_png

            content = to_png(self, theme)
        write_atomically(path, content)
        return path

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg()


def line(*ends: Any) -> Float[np.ndarray, "count 2"]:
    """Points as an array.

    >>> line((0, 1), (2, 3)).shape
    (2, 2)
    """
    return np.asarray(ends, np.float64)
