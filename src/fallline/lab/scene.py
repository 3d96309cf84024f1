"""A landscape as data: tables, plain data and sentences."""

import dataclasses
import math
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fallline.lab.curvature import Sharpness
from fallline.lab.terrain import Terrain, scaled_terrain

NULL = (6 / math.pi**2, 6 / (4 * math.pi**2))  # shares of the variation of a random walk: 60.8 and 15.2 %


@dataclasses.dataclass(frozen=True)
class Trajectory:
    """The path of a training in a plane.

    Arguments:
        epochs: 0 for the initial weights.
        places: coordinates in the plane.
        loss, score: the network's own loss and metric at that epoch.
        loss_in_plane: the loss at the nearest point of the plane, which is not where the training was.
        distance: from the plane.
    """

    epochs: Int[np.ndarray, " count"]
    places: Float[np.ndarray, "count 2"]
    loss: Float[np.ndarray, " count"]
    score: Float[np.ndarray, " count"]
    loss_in_plane: Float[np.ndarray, " count"]
    distance: Float[np.ndarray, " count"]

    def frame(self, metric: str) -> pl.DataFrame:
        """A row per epoch."""
        return pl.DataFrame(
            {
                "epoch": self.epochs,
                "a": self.places[:, 0],
                "b": self.places[:, 1],
                "loss": self.loss,
                metric: self.score,
                "loss_in_plane": self.loss_in_plane,
                "distance": self.distance,
            }
        )


@dataclasses.dataclass(frozen=True)
class Scene:
    """The loss and the metric on a plane or a line through a network's weights.

    Arguments:
        plane: random, trajectory or line.
        name: widths of the network's layers.
        metric: name of the metric.
        split, rows: the rows that it was measured on.
        x, y: coordinates along the directions; a single 0 for y if there is one direction.
        loss, score: a row per place of y.
        here: loss and metric of the network itself, at (0, 0).
        trajectory: the path of the training, in its own plane.
        explained: share of the training's variation along each direction, in its own plane.
        sharpness: the curvature at the network, if asked for.
        notes: sentences that the user should read.
    """

    plane: str
    name: str
    metric: str
    split: str
    rows: int
    x: Float[np.ndarray, " columns"]
    y: Float[np.ndarray, " rows"]
    loss: Float[np.ndarray, "rows columns"]
    score: Float[np.ndarray, "rows columns"]
    here: tuple[float, float]
    trajectory: Trajectory | None
    explained: tuple[float, ...]
    sharpness: Sharpness | None
    notes: tuple[str, ...] = ()

    @property
    def dimensions(self) -> int:
        """Number of directions."""
        return 1 if len(self.y) == 1 else 2

    @property
    def frame(self) -> pl.DataFrame:
        """A row per point: its coordinates, the loss and the metric; a loss that is not finite is null."""
        a, b = np.meshgrid(self.x, self.y)
        columns = {"a": a.ravel()} | ({"b": b.ravel()} if self.dimensions == 2 else {})
        found = pl.DataFrame(columns | {"loss": self.loss.ravel(), self.metric: self.score.ravel()})
        bad = ~(pl.col("loss").is_finite())
        return found.with_columns(pl.when(bad).then(None).otherwise(pl.col("loss")).alias("loss"))

    @property
    def path(self) -> pl.DataFrame:
        """A row per epoch of the training; empty without a trajectory."""
        return pl.DataFrame() if self.trajectory is None else self.trajectory.frame(self.metric)

    @property
    def barrier(self) -> float | None:
        """On a line: how far the loss between the two networks rises above the straight line between their losses."""
        if self.plane != "line":
            return None
        between = (self.x >= 0) & (self.x <= 1)
        t, loss = self.x[between], self.loss[0, between]
        first, last = (float(np.interp(end, self.x, self.loss[0])) for end in (0.0, 1.0))
        return max(0.0, float(np.max(loss - ((1 - t) * first + t * last))))

    @cached_property
    def lowest(self) -> tuple[float, ...]:
        """The lowest finite loss and its coordinates."""
        held = np.where(np.isfinite(self.loss), self.loss, np.inf)
        i, j = np.unravel_index(int(np.argmin(held)), held.shape)
        place = (float(self.x[j]),) if self.dimensions == 1 else (float(self.x[j]), float(self.y[i]))
        return (float(held[i, j]), *place)

    def terrain(self) -> Terrain:
        """The loss as heights.

        Raises: FalllineError where no loss is finite.
        """
        return scaled_terrain(self.x, self.y, self.loss, [])

    def to_plain(self) -> dict[str, Any]:
        """Everything as plain data, with the grid as lists."""
        found: dict[str, Any] = {
            "plane": self.plane, "network": self.name, "split": self.split, "rows": self.rows, "metric": self.metric,
            "loss_here": self.here[0], f"{self.metric}_here": self.here[1], "lowest": self.lowest[0],
            "lowest_at": list(self.lowest[1:]), "barrier": self.barrier,
            "explained": list(self.explained), "explained_by_a_random_walk": list(NULL[: len(self.explained)]),
            "sharpness": None if self.sharpness is None else self.sharpness.to_plain(),
            "trajectory": self.path.to_dicts(), "a": self.x.tolist(),
            "b": self.y.tolist() if self.dimensions == 2 else None, "loss": self.loss.tolist(),
            self.metric: self.score.tolist(), "notes": list(self.notes),
        }  # fmt: skip
        return found

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the landscape shows, in words."""
        rows = f"{self.rows:,} {_SPLITS[self.split]} rows"
        finite = self.loss[np.isfinite(self.loss)]
        highest = f"{finite.max():.4g}" if len(finite) else "infinity"
        said = [
            f"On {rows}, the network {self.name} has the loss {self.here[0]:.4g} and the {self.metric} {self.here[1]:.4g}. "
            f"{_PLACES[self.plane, self.dimensions]}, the loss goes from {self.lowest[0]:.4g} to {highest}."
        ]
        if self.barrier is not None:
            said.append(
                f"Between the two networks the loss rises by {self.barrier:.4g} above the straight line between their losses."
            )
        if self.explained:
            shares = " and ".join(f"{100 * each:.1f}" for each in self.explained)
            null = " and ".join(f"{100 * each:.1f}" for each in NULL[: len(self.explained)])
            said.append(
                f"The directions hold {shares} % of the variation of the weights in training; those of a random walk would hold "
                f"{null} %."
            )
        if self.trajectory is not None:
            away = float(self.trajectory.distance.max())
            said.append(
                f"The training was up to {away:.3g} away from the plane, so its own losses differ from those in the plane."
            )
        if self.sharpness is not None:
            each = self.sharpness
            said.append(
                f"The largest eigenvalue of the Hessian is {each.largest:.4g}, the smallest {each.smallest:.4g}, and the trace "
                f"{each.trace:.4g} ± {each.trace_error:.2g} ({each.rows:,} rows, {each.parameters:,} parameters): plain gradient "
                f"descent at a rate above 2/{each.largest:.3g} = {2 / each.largest:.3g} leaves this place."
                if each.largest > 0
                else f"The largest eigenvalue of the Hessian is {each.largest:.4g}."
            )
        return tuple(said)


_SPLITS = {"train": "training", "valid": "validation", "test": "test"}
_PLACES = {
    ("random", 1): "Along a random direction whose filters have the network's sizes",
    ("random", 2): "In the plane of two random directions whose filters have the network's sizes",
    ("trajectory", 1): "Along the direction in which the weights varied most in training",
    ("trajectory", 2): "In the plane of the two directions in which the weights varied most in training",
    ("line", 1): "Along the line to the other network",
}
