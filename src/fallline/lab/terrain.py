"""A surface as heights on a grid, and the scale on which its heights are drawn."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.surfaces import Minimum, Surface


@dataclasses.dataclass(frozen=True)
class Terrain:
    """Heights of a surface of one or two coordinates over its domain.

    Arguments:
        x: places along the first coordinate.
        y: places along the second; a single 0 if there is none.
        heights: a row per place of y.
        lowest: the lowest known height: that of the global minimum if it is known.
        scale: heights are drawn as log(1 + (height - lowest) / scale).
    """

    x: Float[np.ndarray, " columns"]
    y: Float[np.ndarray, " rows"]
    heights: Float[np.ndarray, "rows columns"]
    lowest: float
    scale: float

    @property
    def highest(self) -> float:
        """The largest finite height."""
        return float(self.heights[np.isfinite(self.heights)].max())

    def share(self, values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Heights as shares of the drawn height, from 0 to 1."""
        with np.errstate(invalid="ignore", over="ignore"):
            top = np.log1p(max(self.highest - self.lowest, 1e-300) / self.scale)
            found = np.log1p(np.maximum(np.asarray(values) - self.lowest, 0.0) / self.scale) / top
        result: Float[np.ndarray, "..."] = np.clip(np.nan_to_num(found, nan=1.0, posinf=1.0), 0.0, 1.0)
        return result

    @property
    def is_compressed(self) -> bool:
        """Whether the heights are drawn on a scale that is far from even."""
        return self.highest - self.lowest > 4 * self.scale


def terrain_of(surface: Surface, minima: tuple[Minimum, ...], size: int) -> Terrain:
    """The heights of a surface at `size` places along each coordinate.

    Raises: FalllineError for a surface of more than two coordinates.
    """
    domain = surface.domain
    if len(domain) > 2:
        raise FalllineError(
            f"{type(surface).__name__} has {len(domain)} coordinates: a picture shows one or two; the table and "
            "figure('loss') show any number"
        )
    axes = [np.linspace(low, high, size) for low, high in domain]
    if len(axes) == 1:
        axes.append(np.zeros(1))
    points = np.stack(np.meshgrid(*axes), axis=-1)[..., : len(domain)]
    with jax.enable_x64(True):
        heights = np.asarray(_heights(surface, jnp.asarray(points.reshape(-1, len(domain)))))
    heights = heights.reshape(points.shape[:-1]).astype(np.float64)
    return scaled_terrain(axes[0], axes[1], heights, [each.value for each in minima])


def scaled_terrain(
    x: Float[np.ndarray, " columns"],
    y: Float[np.ndarray, " rows"],
    heights: Float[np.ndarray, "rows columns"],
    known: list[float],
) -> Terrain:
    """Heights on a grid with the scale that shows the floor as well as the walls; `known` holds heights of minima.

    Raises: FalllineError where no height is finite.
    """
    finite = heights[np.isfinite(heights)]
    if not len(finite):
        raise FalllineError("the surface has no finite height anywhere in its domain: give other limits")
    lowest = min([float(finite.min()), *known])
    above = finite - lowest
    middle, top = float(np.median(above)), max(float(above.max()), 1e-300)
    # Where a few walls dwarf all else, an even scale would show a flat floor.
    scale = 2 * top if top < 8 * middle else max(middle / 4, 1e-9 * top)
    return Terrain(x, y, heights, lowest, scale)


@jax.jit
def _heights(surface: Surface, points: jax.Array) -> jax.Array:
    return jax.vmap(surface)(points)
