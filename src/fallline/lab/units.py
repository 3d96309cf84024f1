"""The units of a network over its training: incoming weights, biases and activations, epoch by epoch."""

import dataclasses
from typing import Any

import jax.numpy as jnp
import numpy as np
import polars as pl

from fallline.activations import Activation
from fallline.core.errors import FalllineError, nearest
from fallline.drawing.axes import Axes
from fallline.drawing.colours import dash_of, path_role
from fallline.drawing.legend import ROOM, lines
from fallline.drawing.marks import Mark, Stroke, TextMark
from fallline.drawing.picture import Picture
from fallline.lab.charts import HEIGHT, WIDTH
from fallline.lab.landscape import case_from
from fallline.lab.network import network_on
from fallline.lab.snapshots import snapshots_of
from fallline.layers import LayerCall

NAMED = 16  # most units that a legend names
ROWS = 256  # rows whose activations are averaged
MEASURES = {
    "weight": "length of the incoming weights", "bias": "bias", "activation": "mean activation",
    "spread": "deviation of the activation over rows", "active": "share of rows with an activation above 0",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Units:
    """The units of the hidden layers over the epochs.

    Arguments:
        frame: a row per epoch, layer and unit: length of the incoming weights, bias, and over the rows the mean and
            deviation of the activation and the share of rows at which it is above 0.
        rows: number of rows.
    """

    frame: pl.DataFrame
    rows: int

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return self.frame["layer"].unique(maintain_order=True).to_list()

    def to_plain(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"rows": self.rows, "units": self.frame.to_dicts()}

    def figure(self, measure: str = "activation", layer: str | None = None) -> Picture:
        """A measure of every unit of a layer, by default the first, against the epoch.

        Raises: FalllineError for an unknown measure or layer.
        """
        if measure not in MEASURES:
            raise FalllineError(f"measure {measure!r} is unknown: {nearest(measure, MEASURES)}")
        name = self.layers[0] if layer is None else layer
        if name not in self.layers:
            raise FalllineError(f"layer {layer!r} is not among them: {nearest(str(layer), self.layers)}")
        mine = self.frame.filter(pl.col("layer") == name)
        values = mine[measure].drop_nulls().to_numpy()
        low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
        room = 0.06 * (high - low) or 0.5
        epochs = mine["epoch"].unique().sort().to_numpy()
        count = mine["unit"].n_unique()
        named = count <= NAMED
        right = WIDTH - (ROOM - 60 if named else 14)
        axes = Axes(66, 34, right, HEIGHT - 50, (0.0, float(max(epochs[-1], 1))), (low - room, high + room))
        marks: list[Mark] = [*axes.marks("epoch", MEASURES[measure])]
        by_unit = [own for _, own in mine.group_by("unit", maintain_order=True)]
        ways = [axes.place(own["epoch"].to_numpy(), own[measure].to_numpy()) for own in by_unit]
        if named:
            marks += lines([f"unit {own['unit'][0]}" for own in by_unit], ways, axes)
        else:
            marks += [Stroke(way, path_role(i), 1.6, dash_of(i)) for i, way in enumerate(ways)]
        title = f"{name}: {count} units"
        marks.append(TextMark(axes.left, 20, title, "ink", size=15, is_bold=True))
        first, last = (mine.filter(pl.col("epoch") == each)[measure] for each in (epochs[0], epochs[-1]))
        text = (
            f"The {MEASURES[measure]} of the {count} units of {name}, a line each, on {self.rows:,} training rows: from "
            f"{_range(first)} at epoch {epochs[0]} to {_range(last)} at epoch {epochs[-1]}."
        )
        return Picture(WIDTH, HEIGHT, title, text, tuple(marks))


def _range(values: pl.Series) -> str:
    held = values.drop_nulls().to_numpy()
    return f"{held.min():.3g} to {held.max():.3g}" if len(held) else "none"


def units(run: Any, data: Any = None, *, epochs: int = 50, rows: int = ROWS) -> Units:
    """How the units of a network's hidden layers develop over its training, which is done again for it.

    Arguments:
        run: a run, or the folder of one.
        data: its table or source, where the run does not know it.
        epochs: most epochs, evenly spaced, with the initial weights as epoch 0.
        rows: most training rows over which activations are averaged.

    Raises: FalllineError for a network without activations, and an ensemble.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(model=fl.MLP((4,)), epochs=3), fl.load("sklearn:iris"))
    >>> found = units(run)
    >>> found.layers, len(found.frame)  # four epochs and four units
    (['dense_1'], 16)
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= 1000:
        raise FalllineError(f"epochs = {epochs!r} is not a number of epochs: expected 1 to 1000")
    case = case_from(run, data)
    network = network_on(case, "train", rows)
    if not network.layers.activations:
        raise FalllineError("the network has no activations, so it has no units to look at")
    taken = snapshots_of(case, epochs)
    found = []
    for epoch, weights in zip(taken.epochs, taken.weights, strict=True):
        taps: list[tuple[str, Activation, Any, Any]] = []
        network.layers.apply(weights["params"], weights["stats"], jnp.asarray(network.x), LayerCall(False), taps=taps)
        for layer, _, _, after in taps:
            found.append(_of_layer(epoch, layer, weights["params"].get(layer, {}), np.asarray(after, np.float64)))
    return Units(pl.concat(found), len(network.x))


def _of_layer(epoch: int, layer: str, own: dict[str, Any], after: np.ndarray) -> pl.DataFrame:
    count = after.shape[1]
    weight, bias = own.get("weight"), own.get("bias")
    flat = weight is not None and weight.ndim == 2 and weight.shape[1] == count
    nothing = [None] * count
    return pl.DataFrame(
        {
            "epoch": [epoch] * count,
            "layer": [layer] * count,
            "unit": list(range(count)),
            "weight": np.linalg.norm(np.asarray(weight, np.float64), axis=0) if flat else nothing,
            "bias": np.asarray(bias, np.float64) if bias is not None and bias.shape == (count,) else nothing,
            "activation": after.mean(axis=0),
            "spread": after.std(axis=0),
            "active": (after > 0).mean(axis=0),
        },
        schema_overrides={"weight": pl.Float64, "bias": pl.Float64},
    )
