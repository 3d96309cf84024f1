"""A picture: a drawing that a notebook shows and that is saved as SVG or PNG."""

from pathlib import Path

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.drawing.marks import Drawing
from fallline.drawing.raster import to_png
from fallline.drawing.svg import to_svg

SUFFIXES = (".svg", ".png")


class Picture(Drawing):
    """A drawing with the means to show and to save it."""

    def svg(self, theme: str = "light") -> str:
        """The picture as SVG text, in the light or the dark theme."""
        return to_svg(self, theme)

    def save(self, path: Path | str, theme: str = "light") -> Path:
        """Write the picture as SVG or PNG, by the ending of the path, and return the path.

        A PNG has two pixels for each of the picture's. It needs Pillow, which `pip install "fallline[rl]"` brings.

        Raises: FalllineError for another ending, without Pillow, and if the file cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise FalllineError(f"picture {str(path)!r} is no {' or '.join(SUFFIXES)}: choose one of these")
        content = self.svg(theme).encode() if path.suffix.lower() == ".svg" else to_png(self, theme)
        write_atomically(path, content)
        return path

    def _repr_svg_(self) -> str:
        """What a notebook shows."""
        return self.svg()
