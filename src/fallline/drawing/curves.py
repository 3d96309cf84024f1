"""Curves over one pair of axes, as data."""

import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import polars

Role = Literal["train", "valid", "layer", "path", "reference", "single"]


@dataclasses.dataclass(frozen=True)
class Series:
    """One curve; a `y` of None is a gap.

    Arguments:
        name: name in the legend.
        x: horizontal positions of the points.
        y: values of the points, as many as `x`.
        role: the role of the curve, which has the same colour in every figure.
        dashed: whether the line is dashed.
        points: whether the points are drawn without a line between them.
        text: hover text of each point, in addition to the name; the values if empty.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    role: Role = "single"
    dashed: bool = False
    points: bool = False
    text: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Curves:
    """Curves over one pair of axes.

    Arguments:
        title: title of the figure.
        caption: how to read the figure, in a sentence or two.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        series: the curves.
        log_y: whether the vertical axis is logarithmic.
        log_x: whether the horizontal axis is logarithmic.
        percent: whether the values are shares, shown in percent.
        mark: a place on the horizontal axis and its text.
        x_ticks: places on the horizontal axis and their names, of one or two lines, instead of numbers.
        wide: whether the figure needs the full width of the page.
    """

    title: str
    caption: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_y: bool = False
    percent: bool = False
    mark: tuple[float, str] | None = None
    log_x: bool = False
    x_ticks: tuple[tuple[float, str], ...] = ()
    wide: bool = False

    @property
    def all_zero(self) -> bool:
        """Whether every value is 0, in which case a sentence replaces the figure."""
        return all(value == 0 for each in self.series for value in each.y if value is not None)

    @property
    def frame(self) -> "polars.DataFrame":
        """The points as a frame with the columns `series`, `x` and `y`."""
        import polars

        rows = [(each.name, float(x), y) for each in self.series for x, y in zip(each.x, each.y, strict=True)]
        return polars.DataFrame(rows, {"series": polars.String, "x": polars.Float64, "y": polars.Float64}, orient="row")
