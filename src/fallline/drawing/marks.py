"""The marks of a picture as data: lines, areas, texts and dots in pixels, with roles for colours."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float


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
class TextMark:
    """A text at a place; `anchor` is start, middle or end; `upright` turns it by a quarter to the left.

    Bold texts, and those with `has_edge`, have an edge in the background's colour, so that lines may cross them.
    """

    x: float
    y: float
    text: str
    role: str = "soft"
    anchor: str = "start"
    size: float = 13.0
    upright: bool = False
    is_bold: bool = False
    key: str = ""
    has_edge: bool = False


@dataclasses.dataclass(frozen=True)
class Dot:
    """A filled circle with an edge in the background's colour; a cross if `is_cross`."""

    x: float
    y: float
    role: str
    radius: float = 4.0
    is_cross: bool = False
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Points:
    """Many small discs, or crosses if `is_cross`, as one mark."""

    places: Float[np.ndarray, "count 2"]
    role: str
    radius: float = 2.5
    is_cross: bool = False


Mark = Stroke | Area | TextMark | Dot | Points


@dataclasses.dataclass(frozen=True)
class Drawing:
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


def line(*ends: Any) -> Float[np.ndarray, "count 2"]:
    """Points as an array.

    >>> line((0, 1), (2, 3)).shape
    (2, 2)
    """
    return np.asarray(ends, np.float64)
