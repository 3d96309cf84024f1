"""A learning-rate range as one HTML page: the answer, the picture and a row per rate."""

from pathlib import Path

import polars as pl

from fallline.core.files import write_atomically
from fallline.drawing.picture import Picture
from fallline.lab.picture_page import picture_page

HEADINGS = ("learning rate", "validation loss", "standard error", "runs that diverged", "good")


def write_range(path: Path, answer: str, how: str, picture: Picture, frame: pl.DataFrame) -> Path:
    """Write the page, and return its path.

    Raises: FalllineError if the file cannot be written.
    """
    rows = [(*numbers, "yes" if is_good else "no") for *numbers, is_good in frame.rows()]
    text = picture_page("Which learning rate?", [answer, how], [picture], [("Numbers", HEADINGS, rows)])
    write_atomically(path, text.encode("utf-8", "replace"))
    return path
