"""Walks as a film, GIF or MP4, from above."""

import dataclasses
from pathlib import Path

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.core.extras import optional
from fallline.drawing.raster import to_pixels
from fallline.lab.charts import FINE, contour_chart
from fallline.lab.program import Track
from fallline.lab.terrain import terrain_of
from fallline.lab.walked import Walked

KINDS = ("gif", "mp4")
FRAMES, RATE = 60, 12  # most frames, and frames per second


def check_film(kind: str, folder: Path | None) -> None:
    """Raise a FalllineError for another kind of film, without a folder to write it to, and without its writer."""
    if kind not in KINDS:
        raise FalllineError(f"film {kind!r} is unknown: {nearest(kind, KINDS)}")
    if folder is None:
        raise FalllineError("a film needs a folder to be written to: give --out FOLDER")
    optional("imageio.v2", "rl", "a film")


def write_film(walks: Walked, path: Path, start: int = 0) -> Path:
    """Write the walks from one start as a film of the contour picture, and return its path.

    Raises: FalllineError for a path that is neither .gif nor .mp4, for a surface that has not two coordinates, without
        imageio, and if the file cannot be written.
    """
    check_film(path.suffix.lower().lstrip("."), path.parent)
    if walks.surface.dimensions != 2:
        raise FalllineError(
            f"a film shows two coordinates, and the surface has {walks.surface.dimensions}: leave it out"
        )
    imageio = optional("imageio.v2", "rl", "a film")
    terrain = terrain_of(walks.surface, walks.minima, FINE)
    frames = []
    for at in np.unique(np.linspace(0, walks.steps, min(FRAMES, walks.steps + 1)).astype(int)):
        track = Track(*(np.asarray(each)[:, :, : at + 1] for each in walks.track))
        frames.append(to_pixels(contour_chart(dataclasses.replace(walks, track=track), terrain, start)))
    frames += [frames[-1]] * RATE
    try:
        if path.suffix.lower() == ".gif":
            imageio.mimwrite(path, frames, duration=1000 / RATE, loop=0)
        else:
            imageio.mimwrite(path, frames, fps=RATE, macro_block_size=2)
    except (OSError, ValueError, ImportError) as error:
        raise FalllineError(f"cannot write film {str(path)!r}: {' '.join(str(error).split())}") from None
    return path
