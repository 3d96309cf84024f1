"""A surface seen from the side: a parallel projection, and its mesh from the back to the front."""

import dataclasses
import math

import numpy as np
from jaxtyping import Float

from fallline.drawing.colours import LEVELS
from fallline.drawing.marks import Area, Mark
from fallline.lab.terrain import Terrain

TURN, TILT = -35.0, 32.0  # degrees


@dataclasses.dataclass(frozen=True)
class View:
    """A linear map from shares of the domain and of the height to pixels.

    place(u, v, h) = origin + u * along_x + v * along_y + h * up
    """

    origin: tuple[float, float]
    along_x: tuple[float, float]
    along_y: tuple[float, float]
    up: tuple[float, float]

    @classmethod
    def of(cls, terrain: Terrain, width: int, height: int) -> "View":
        """A view that fills a picture of this size."""
        turn, tilt = math.radians(TURN), math.radians(TILT)
        c, s, flat = math.cos(turn), math.sin(turn), math.sin(tilt)
        along_x, along_y, up = (c, -s * flat), (-s, -c * flat), (0.0, -0.62 * math.cos(tilt))
        corners = np.asarray(
            [
                [u * along_x[i] + v * along_y[i] + h * up[i] for i in (0, 1)]
                for u in (0, 1)
                for v in (0, 1)
                for h in (0, 1)
            ]
        )
        low, high = corners.min(axis=0), corners.max(axis=0)
        scale = float(min((width - 40) / (high[0] - low[0]), (height - 90) / (high[1] - low[1])))
        middle = (low + high) / 2
        origin = (width / 2 - scale * float(middle[0]), height / 2 + 8 - scale * float(middle[1]))
        return cls(origin, *((scale * each[0], scale * each[1]) for each in (along_x, along_y, up)))

    def place(
        self, u: Float[np.ndarray, "..."], v: Float[np.ndarray, "..."], h: Float[np.ndarray, "..."]
    ) -> Float[np.ndarray, "... 2"]:
        """Shares as places in pixels."""
        parts = [self.origin[i] + u * self.along_x[i] + v * self.along_y[i] + h * self.up[i] for i in (0, 1)]
        return np.stack(np.broadcast_arrays(*parts), axis=-1)

    def way(
        self, terrain: Terrain, points: Float[np.ndarray, "count 2"], values: Float[np.ndarray, " count"]
    ) -> Float[np.ndarray, "count 2"]:
        """A path on the surface, up to where it leaves the domain."""
        with np.errstate(all="ignore"):
            u = (points[:, 0] - terrain.x[0]) / (terrain.x[-1] - terrain.x[0])
            v = (points[:, 1] - terrain.y[0]) / (terrain.y[-1] - terrain.y[0])
        outside = ~((u >= 0) & (u <= 1) & (v >= 0) & (v <= 1))
        last = int(np.argmax(outside)) if outside.any() else len(points)
        return self.place(u[:last], v[:last], terrain.share(values[:last]))


def mesh(view: View, terrain: Terrain) -> list[Mark]:
    """The surface's cells, the farthest first, shaded by their height."""
    share = terrain.share(terrain.heights)
    u, v = (np.linspace(0, 1, len(each)) for each in (terrain.x, terrain.y))
    places = view.place(u[None, :], v[:, None], share)
    # What is higher in the picture, before heights are added, is farther away.
    depth = view.place(u[None, :], v[:, None], np.zeros(1))[..., 1]
    cells = sorted((float(depth[i, j]), i, j) for i in range(len(v) - 1) for j in range(len(u) - 1))
    found: list[Mark] = []
    for _, i, j in cells:
        corners = np.stack([places[i, j], places[i, j + 1], places[i + 1, j + 1], places[i + 1, j]])
        level = share[i : i + 2, j : j + 2].mean()
        found.append(Area((corners,), f"level{min(int(level * LEVELS), LEVELS - 1)}", "line"))
    return found
