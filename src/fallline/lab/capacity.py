"""What a size of network can do: the approximation of a function by width and depth, and overfitting by the units."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.activations import Tanh
from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.drawing.axes import Axes
from fallline.drawing.marks import Mark, Stroke, TextMark
from fallline.drawing.picture import Picture
from fallline.initializers import LeCunNormal, SmallNormal
from fallline.lab.boundaries import Boundaries, boundaries
from fallline.lab.charts import HEIGHT, WIDTH, paths
from fallline.lab.subjects import surface_of
from fallline.layers import Dense
from fallline.models import MLP, Network
from fallline.optimizers import Adam
from fallline.penalties import L2
from fallline.population import evaluate
from fallline.schedules import Cosine
from fallline.surfaces import Surface
from fallline.training.recipe import Recipe
from fallline.training.train import train

POINTS = 256  # points of the target function, of which every fourth validates


@dataclasses.dataclass(frozen=True)
class Approximation:
    """The error of networks of several widths and depths on a function of one number.

    Arguments:
        target: the function as text, or its name.
        frame: a row per depth and width: number of parameters, error (root mean square between the training points, median
            over the seeds), lowest and highest error over the seeds, and the share of the target's own deviation.
        deviation: standard deviation of the target, which a constant has as its error.
    """

    target: str
    frame: pl.DataFrame
    deviation: float

    def to_plain(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {"target": self.target, "deviation": self.deviation, "networks": self.frame.to_dicts()}

    def figure(self, by: str = "parameters") -> Picture:
        """The error against the number of parameters or the width, with a line for each depth.

        Raises: FalllineError for another axis.
        """
        if by not in ("parameters", "width"):
            raise FalllineError(f"figure by {by!r}: expected 'parameters' or 'width'")
        along, errors = (self.frame[name].to_numpy().astype(float) for name in (by, "error"))
        low, high = max(float(errors.min()), 1e-9), max(float(errors.max()), self.deviation)
        ends = 10.0 ** np.floor(np.log10(low)), 10.0 ** np.ceil(np.log10(high))
        axes = Axes(
            66, 34, WIDTH - 14, HEIGHT - 50, (float(along.min()) / 1.2, float(along.max()) * 1.2),
            (float(ends[0]), float(ends[1])), True, True,
        )  # fmt: skip
        marks: list[Mark] = [*axes.marks(by if by == "width" else "number of parameters", "error between the points")]
        constant = axes.place(np.array(axes.x), np.full(2, self.deviation))
        level = float(constant[0, 1])
        marks += [
            Stroke(constant, "soft", 1.2, (2, 4)),
            TextMark(axes.left + 6, level + (14 if level < axes.top + 18 else -5), "a constant"),
        ]
        ways, labels = [], []
        for depth in self.frame["depth"].unique().sort():
            mine = self.frame.filter(pl.col("depth") == depth).sort(by)
            ways.append(axes.place(mine[by].to_numpy().astype(float), np.maximum(mine["error"].to_numpy(), axes.y[0])))
            labels.append(f"{depth} hidden layer{'s' if depth > 1 else ''}")
        marks += paths(labels, ways, axes)
        marks.append(TextMark(axes.left, 20, f"Approximation of {self.target}", "ink", size=15, is_bold=True))
        return Picture(WIDTH, HEIGHT, f"Approximation of {self.target} by width and depth", self.sentence, tuple(marks))

    @property
    def sentence(self) -> str:
        """The best network of every depth, in words."""
        said = []
        for depth in self.frame["depth"].unique().sort():
            best = self.frame.filter(pl.col("depth") == depth).sort("error").row(0, named=True)
            said.append(
                f"with {depth} hidden layer{'s' if depth > 1 else ''} the lowest error is {best['error']:.3g}, at width "
                f"{best['width']} ({best['parameters']:,} parameters)"
            )
        return f"A constant has the error {self.deviation:.3g}; {'; '.join(said)}."


def approximation(
    target: Any = "sin(2*x) + x/2",
    limits: tuple[float, float] = (-3.0, 3.0),
    *,
    widths: Sequence[int] = (2, 8, 32),
    depths: Sequence[int] = (1, 2, 3),
    seeds: int = 3,
    recipe: Recipe | None = None,
) -> Approximation:
    """How well networks of several widths and depths learn a function of one number, as one population.

    256 evenly spaced points are learnt, of which every fourth is left out; the error is that of those left out.

    Arguments:
        target: a formula of x as text, or a function of an array of one number.
        limits: the ends of the interval.
        widths: units of every hidden layer.
        depths: numbers of hidden layers.
        seeds: number of seeds.
        recipe: how to train; its model's hidden layers are replaced. By default
            Tanh units spread over the interval, Adam at 0.02 with a cosine, 400 epochs.

    Raises: FalllineError for a target of more than one number, and widths or depths that are not whole numbers.
    """
    surface = _of_one(target, limits)
    for name, values in (("widths", widths), ("depths", depths)):
        if not len(values) or not all(
            isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in values
        ):
            raise FalllineError(f"{name} = {tuple(values)!r}: expected whole numbers above 0, such as (2, 8, 32)")
    x = np.linspace(*limits, POINTS)
    with jax.enable_x64(True):
        y = np.asarray(jax.vmap(surface)(jnp.asarray(x[:, None], jnp.float64)))
    if not np.isfinite(y).all():
        raise FalllineError("the target is not finite everywhere between the limits: choose others")
    data = _split(x[:, None], y, np.arange(POINTS) % 4 == 2)
    shapes = [(depth, width) for depth in depths for width in widths]
    recipes = [
        _usual(depth, width) if recipe is None else replace(recipe, {"model.hidden": (width,) * depth})
        for depth, width in shapes
    ]
    found = evaluate(recipes, data, seeds=seeds, probes=())
    errors = found.columns["valid_rmse"].astype(np.float64)
    rows = []
    for i, (depth, width) in enumerate(shapes):
        own = errors[found.recipe == i]
        rows.append(
            {
                "depth": depth,
                "width": width,
                "parameters": _parameters(depth, width),
                "error": float(np.median(own)),
                "lowest": float(own.min()),
                "highest": float(own.max()),
                "share": float(np.median(own) / y.std()),
            }
        )
    return Approximation(getattr(surface, "text", "a function"), pl.DataFrame(rows), float(y.std()))


def _usual(depth: int, width: int) -> Recipe:
    """Tanh units whose bends are spread over the interval from the start; with biases of 0, they would all lie at its middle."""
    spread = SmallNormal(2.0)
    layers: list[Any] = [Dense(width, spread, spread), Tanh()]
    for _ in range(depth - 1):
        layers += [Dense(width, LeCunNormal()), Tanh()]
    return Recipe(
        model=Network(tuple(layers)), encoding=None, optimizer=Adam(Cosine(0.02)), penalty=None, batch_size=48, epochs=400,
        patience=None,
    )  # fmt: skip


def _parameters(depth: int, width: int) -> int:
    return 2 * width + (depth - 1) * width * (width + 1) + width + 1


def _of_one(target: Any, limits: tuple[float, float]) -> Surface:
    if len(limits) != 2 or not limits[0] < limits[1]:
        raise FalllineError(f"limits = {limits!r}: expected the two ends of an interval, such as (-3, 3)")
    surface = surface_of(target, (tuple(limits),))
    if surface.dimensions != 1:
        raise FalllineError(f"the target has {surface.dimensions} numbers: expected a function of x alone")
    return surface


def _split(x: Float[np.ndarray, "rows inputs"], y: np.ndarray, valid: np.ndarray) -> Table:
    """A table with given validation rows."""
    table = Table.from_arrays(x, y, test=0.0, valid=0.2)
    rows = np.arange(len(y))
    dataset = dataclasses.replace(table.dataset, train=rows[~valid], valid=rows[valid], test=rows[:0])
    return dataclasses.replace(table, dataset=dataset)


@dataclasses.dataclass(frozen=True)
class Overfitting:
    """Networks of one hidden layer with several numbers of units on noisy points of two classes.

    Arguments:
        frame: a row per network: units, strength of the penalty, accuracy and loss on training and on other rows.
        maps: the boundaries of each at its end.
    """

    frame: pl.DataFrame
    maps: tuple[Boundaries, ...]

    def to_plain(self) -> dict[str, Any]:
        """The numbers as plain data."""
        return {"networks": self.frame.to_dicts()}

    def figure(self, place: int = 0) -> Picture:
        """The boundary of one of the networks, by its place.

        Raises: FalllineError for a place that does not exist.
        """
        if not 0 <= place < len(self.maps):
            raise FalllineError(f"network {place!r} does not exist: there are {len(self.maps)}, counted from 0")
        row = self.frame.row(place, named=True)
        title = f"{row['units']} units" + (f", L2 {row['penalty']:g}" if row["penalty"] else "")
        right = f": {100 * row['train_accuracy']:.0f} % right, others {100 * row['test_accuracy']:.0f} %"
        return self.maps[place].figure(title=title + right)


def overfitting(
    units: Sequence[int] = (3, 6, 20),
    *,
    penalty: float = 0.03,
    rows: int = 120,
    noise: float = 0.1,
    epochs: int = 600,
    seed: int = 0,
) -> Overfitting:
    """Small, middling and large networks on noisy points of two classes, and the largest again with a penalty.

    The classes are a disc and the ring around it; a share of the labels is wrong. Without a penalty, more units follow more
    of the wrong labels; with one, the large network has a smooth boundary again.

    Arguments:
        units: of the single hidden layer.
        penalty: strength of the L2 penalty of the last network.
        rows: points of the training; 2,000 others judge it.
        noise: share of wrong labels in both.
        epochs: length of the training, to the end.
        seed: of points, weights and minibatches.

    Raises: FalllineError for numbers out of range.
    """
    if not units or not all(isinstance(each, int) and not isinstance(each, bool) and each > 0 for each in units):
        raise FalllineError(f"units = {tuple(units)!r}: expected whole numbers above 0, such as (3, 6, 20)")
    if not 0 <= noise < 0.5:
        raise FalllineError(f"noise = {noise!r} is not a share of wrong labels: expected 0 or more and less than 0.5")
    if not 10 <= rows <= 100_000 or epochs < 1:
        raise FalllineError(f"rows = {rows!r}, epochs = {epochs!r}: expected 10 to 100000 rows, and 1 epoch or more")
    data = two_classes(rows, noise, seed)
    given: list[tuple[int, float]] = [*((each, 0.0) for each in units), (max(units), penalty)]
    found, maps = [], []
    for count, strength in given:
        recipe = Recipe(
            model=MLP((count,), activation=Tanh()), encoding=None, optimizer=Adam(0.02), batch_size=32, epochs=epochs,
            penalty=L2(strength) if strength else None, patience=None, keep="last",
        )  # fmt: skip
        run = train(recipe, data, seed=seed)
        row: dict[str, Any] = {"units": count, "penalty": strength}
        row |= {
            f"{split}_{name}": run.metrics[split][name] for split in ("train", "test") for name in ("accuracy", "loss")
        }
        found.append(row)
        maps.append(boundaries(run, inputs=tuple(map(str, data.schema.feature_names)), epochs=0))
    return Overfitting(pl.DataFrame(found), tuple(maps))


def two_classes(rows: int, noise: float, seed: int) -> Table:
    """Points of a disc and of the ring around it, with a share of wrong labels; 2,000 more are its test rows."""
    draw = np.random.default_rng(seed)
    count = rows + 2000
    inner = draw.random(count) < 0.5
    radius = np.where(inner, draw.uniform(0, 1.1, count), draw.uniform(0.9, 2.0, count))
    angle = draw.uniform(0, 2 * np.pi, count)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    wrong = draw.random(count) < noise
    y = np.where(inner != wrong, "disc", "ring")
    table = Table.from_arrays(x, y, test=0.2, valid=0.0)
    each = np.arange(count)
    dataset = dataclasses.replace(table.dataset, train=each[:rows], valid=each[:0], test=each[rows:])
    return dataclasses.replace(table, dataset=dataset)
