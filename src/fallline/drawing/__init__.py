"""Pictures as data: marks in pixels, axes and legends, drawn as SVG or PNG in a light and a dark theme."""

from fallline.drawing.axes import Axes
from fallline.drawing.marks import Area, Dot, Drawing, Mark, Points, Stroke, TextMark
from fallline.drawing.picture import Picture

__all__ = ["Area", "Axes", "Dot", "Drawing", "Mark", "Picture", "Points", "Stroke", "TextMark"]
