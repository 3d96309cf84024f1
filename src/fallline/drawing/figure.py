"""Curves over one pair of axes that a notebook shows, and several of them."""

from pathlib import Path
from typing import Any

from fallline.drawing.curves import Curves
from fallline.drawing.markup import Html, tag
from fallline.drawing.picture import Picture
from fallline.drawing.plot import plot


class Figure(Curves):
    """Curves over one pair of axes, with the means to show and to save them."""

    def picture(self) -> Picture:
        """The figure as a picture with a title and a legend; `.save` writes it as SVG or PNG."""
        return plot(self, alone=True)

    def svg(self, theme: str = "light") -> str:
        """The figure as SVG text, in the light or the dark theme."""
        return self.picture().svg(theme)

    def plotly(self, theme: str = "light") -> Any:
        """The figure as a `plotly.graph_objects.Figure`, in the light or the dark theme.

        Raises: FalllineError without Plotly, which `pip install "fallline[plotly]"` brings.
        """
        from fallline.drawing.plotly_figure import plotly_figure

        return plotly_figure(self, theme)

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg()


class Figures(tuple[Figure, ...]):
    """Several figures, which a notebook shows side by side.

    >>> from fallline.drawing.curves import Series
    >>> both = Figures([Figure("Loss", "", "epoch", "loss", (Series("a", (1, 2), (2.0, 1.0)),))])
    >>> both["Loss"].y_label, both
    ('loss', Figures('Loss'))
    """

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        """A figure by its place or by its title."""
        if not isinstance(key, str):
            return super().__getitem__(key)
        known = {each.title: each for each in self}
        if key not in known:
            raise KeyError(f"{key!r} is not one of the figures: {', '.join(known)}")
        return known[key]

    def __repr__(self) -> str:
        return f"Figures({', '.join(repr(each.title) for each in self)})"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        style = "display:inline-block;max-width:480px;margin:4px"
        return str(tag("div", *(tag("span", Html(each.svg()), style=style) for each in self)))

    def save(self, folder: Path | str, suffix: str = ".svg", theme: str = "light") -> list[Path]:
        """Write every figure into a folder, named by its title, and return the paths.

        Raises: FalllineError as `Picture.save` does.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        names = ("".join(letter if letter.isalnum() else "_" for letter in each.title.lower()) for each in self)
        return [each.picture().save(folder / f"{name}{suffix}", theme) for name, each in zip(names, self, strict=True)]
