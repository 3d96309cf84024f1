"""The size and the colours that all images of a data set are brought to."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fallline.core.errors import FalllineError

MOST = 4096  # pixels along a side


@dataclass(frozen=True)
class ImageForm:
    """The form of the images that a row of pixels stands for, line by line, with the channels of a pixel together.

    Attributes:
        height: pixels of a column.
        width: pixels of a line.
        channels: 1 for grey, 3 for red, green and blue.

    >>> ImageForm(28, 28, 1).pixels, str(ImageForm(20, 32, 3))
    (784, '32x20 pixels in colour')
    """

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Numbers in a row."""
        return self.height * self.width * self.channels

    def __str__(self) -> str:
        return f"{self.width}x{self.height} pixels in {'grey' if self.channels == 1 else 'colour'}"


def parse_size(said: object) -> tuple[int, int]:
    """(width, height) of `32`, "32" or "32x20".

    Raises:
        FalllineError: it is no such size, or a side is beyond 4096 pixels.

    >>> parse_size("32"), parse_size("32x20")
    ((32, 32), (32, 20))
    """
    found = re.fullmatch(r"\s*(\d{1,6})(?:\s*[xX×]\s*(\d{1,6}))?\s*", str(said))
    sides = (int(found[1]), int(found[2] or found[1])) if found and not isinstance(said, bool) else (0, 0)
    if not all(1 <= each <= MOST for each in sides):
        raise FalllineError(
            f"the image size {said!r} is not a number of pixels from 1 to {MOST}: expected such as 32, or 32x20 for "
            "width and height"
        )
    return sides
