"""Walks as data: positions, values, measures."""

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.lab.measures import frame_of, measured, summary_of
from fallline.lab.program import Track
from fallline.optimizers import Optimizer
from fallline.surfaces import Minimum, Surface


@dataclasses.dataclass(frozen=True)
class Walked:
    """The walks of some rules on a surface.

    Arguments:
        surface: the surface.
        rules: the rules by label.
        starts: the starts, a row each.
        track: positions, values, slopes and gradients, with the axes rule, start, step.
        minima: the surface's minima, declared or found.
        noise: standard deviation of the noise on every coordinate of the gradient.
        tolerance: share of the first distance at which a walk has arrived.
        seed: of the noise and of random starts.
    """

    surface: Surface
    rules: dict[str, Optimizer]
    starts: Float[np.ndarray, "starts n"]
    track: Track
    minima: tuple[Minimum, ...]
    noise: float
    tolerance: float
    seed: int

    @property
    def steps(self) -> int:
        """Number of steps of every walk."""
        found: int = self.track.values.shape[-1] - 1
        return found

    @cached_property
    def frame(self) -> pl.DataFrame:
        """A row per rule and start: what `fallline.lab.measures` says of the walk; null where there is no number."""
        low, high = np.asarray(self.surface.domain).T
        return frame_of(measured(self.track, self.minima, high - low, self.tolerance), list(self.rules), self.starts)

    @property
    def summary(self) -> pl.DataFrame:
        """A row per rule: shares and medians over the starts, among them the share that ends at a global minimum."""
        return summary_of(self.frame)

    @property
    def path(self) -> pl.DataFrame:
        """A row per rule, start and step: the position, the value and the slope."""
        rules, starts, entries = self.track.values.shape
        columns: dict[str, Any] = {
            "rule": np.repeat(list(self.rules), starts * entries),
            "start": np.tile(np.repeat(np.arange(starts), entries), rules),
            "step": np.tile(np.arange(entries), rules * starts),
        }
        for i in range(self.starts.shape[1]):
            columns[f"x{i + 1}"] = self.track.points[..., i].reshape(-1)
        return pl.DataFrame(columns | {"value": self.track.values.reshape(-1), "slope": self.track.slopes.reshape(-1)})
