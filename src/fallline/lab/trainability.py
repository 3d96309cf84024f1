"""`trainability(recipe, data, x, y)`: which values of two numbers train, as a map of real trainings."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from fallline.core.block import get, replace
from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.core.whole import check_seed, is_whole
from fallline.data.table import Table
from fallline.drawing.markup import tag
from fallline.drawing.picture import Picture
from fallline.initializers import Orthogonal
from fallline.lab.leaves import number_at
from fallline.lab.map_picture import map_picture
from fallline.lab.still_page import pictures, still_page
from fallline.lab.swarm import Ends, train_swarm
from fallline.models import MLP
from fallline.optimizers import SGD
from fallline.training.recipe import Recipe

Range = tuple[str, float, float]
RATE: Range = ("optimizer.learning_rate", 1e-3, 1e3)
GAIN: Range = ("model.initializer.gain", 1e-2, 1e2)
LOGARITHMIC = 20.0  # ratio of the ends from which an axis of positive numbers is logarithmic
MOST = 4096


def plain_recipe(epochs: int = 100) -> Recipe:
    """A network of one layer of 16 units, trained by gradient descent on all rows."""
    from fallline.activations import Tanh

    model = MLP(hidden=(16,), activation=Tanh(), initializer=Orthogonal())
    return Recipe(model=model, optimizer=SGD(0.1), penalty=None, encoding=None, batch_size="all", epochs=epochs)


@dataclasses.dataclass(frozen=True)
class Trainability:
    """Real trainings over two numbers of a recipe.

    Arguments:
        recipe: the recipe.
        data: the table.
        x, y: the path and the ends of each number.
        size: trainings along a side.
        seed: of all trainings.
        ends: what became of each training, row by row of y.
        seconds: wall-clock time.
    """

    recipe: Recipe
    data: Table = dataclasses.field(repr=False)
    x: Range
    y: Range
    size: int
    seed: int
    ends: Ends = dataclasses.field(repr=False)
    seconds: float

    @property
    def converged(self) -> Bool[np.ndarray, "rows columns"]:
        """Whether each training ends, over the last fifth of its epochs, below the loss of its first epoch."""
        return (self.ends.last < self.ends.first).reshape(self.size, self.size)

    @property
    def diverged(self) -> Bool[np.ndarray, "rows columns"]:
        """Whether each training ended with numbers that are not finite or beyond all bounds."""
        found: Bool[np.ndarray, "size size"] = ~np.isfinite(self.ends.last).reshape(self.size, self.size)
        return found

    @property
    def losses(self) -> Float[np.ndarray, "rows columns"]:
        """Mean training loss over the last fifth of the epochs; infinite where a training diverged."""
        return self.ends.last.reshape(self.size, self.size)

    @property
    def frame(self) -> pl.DataFrame:
        """A row per training: the two numbers, the first loss, the last one (null if it diverged), and the outcome."""
        x, y = np.meshgrid(places(self.x, self.size), places(self.y, self.size))
        outcome = np.where(self.diverged, "diverged", np.where(self.converged, "converged", "not lower"))
        return pl.DataFrame(
            {
                self.x[0]: x.reshape(-1),
                self.y[0]: y.reshape(-1),
                "first_loss": self.ends.first,
                "last_loss": np.where(np.isfinite(self.ends.last), self.ends.last, np.nan),
                "outcome": outcome.reshape(-1),
            }
        ).with_columns(pl.col("last_loss").fill_nan(None))

    @property
    def sentence(self) -> str:
        """The shares of trainings, and the best."""
        converged, diverged = 100 * self.converged.mean(), 100 * self.diverged.mean()
        said = (
            f"Of {self.size**2:,} trainings of {int(self.recipe.epochs)} epochs, {converged:.1f} % converge, "
            f"{diverged:.1f} % diverge, and {100 - converged - diverged:.1f} % end no lower than they begin."
        )
        if not self.converged.any():
            return said
        at = np.unravel_index(np.argmin(self.losses), self.losses.shape)
        x, y = places(self.x, self.size)[at[1]], places(self.y, self.size)[at[0]]
        return f"{said} The lowest loss, {self.losses.min():.3g}, is at {_name(self.x)} {x:.3g} and {_name(self.y)} {y:.3g}."

    def figure(self) -> Picture:
        """The map: shades for the loss of what converges, colours for what does not, a line at the boundary."""
        return map_picture(
            self.converged, self.diverged, self.losses, extent(self.x, self.size), extent(self.y, self.size),
            (_name(self.x), _name(self.y)), (is_log(self.x), is_log(self.y)), self.sentence,
        )  # fmt: skip

    def zoom(
        self, x: tuple[float, float], y: tuple[float, float], size: int | None = None, watch: Any = None
    ) -> "Trainability":
        """The rectangle between these numbers, trained anew.

        Raises: FalllineError as `trainability` does.
        """
        along, up = (self.x[0], float(x[0]), float(x[1])), (self.y[0], float(y[0]), float(y[1]))
        return trainability(
            self.recipe, self.data, along, up, self.size if size is None else size, seed=self.seed, watch=watch
        )

    def save_page(self, path: Path | str) -> Path:
        """Write the map as one HTML page, and return its path; it needs no network."""
        ranges = " ".join(
            f"--{axis} {each[0]}={each[1]:g},{each[2]:g}" for axis, each in (("x", self.x), ("y", self.y))
        )
        title = f"What trains on {self.data.name}?"
        page = still_page(
            title,
            tag("header", tag("p", "Fallline lab", class_="over"), tag("h1", title), tag("p", self.sentence)),
            pictures({"map": self.figure()}),
            tag("p", f"The map shows {ranges}. Narrower ends zoom in: the rectangle is trained anew.", class_="over"),
        )
        write_atomically(Path(path), page.encode("utf-8", "replace"))
        return Path(path)

    def to_plain(self) -> dict[str, Any]:
        """As plain data; the losses are rows of y, null where a training diverged."""
        return {
            "x": {"path": self.x[0], "values": places(self.x, self.size).tolist()},
            "y": {"path": self.y[0], "values": places(self.y, self.size).tolist()},
            "sentence": self.sentence,
            "converged": float(self.converged.mean()),
            "diverged": float(self.diverged.mean()),
            "epochs": int(self.recipe.epochs),
            "seconds": self.seconds,
            "losses": [[float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in self.losses],
        }


def trainability(
    recipe: Recipe | None,
    data: Table,
    x: Range = RATE,
    y: Range = GAIN,
    size: int = 256,
    *,
    seed: int = 0,
    watch: Callable[[int, int], Any] | None = None,
) -> Trainability:
    """Train a recipe at every point of a grid over two of its numbers, all from one seed.

    A training converges if its mean training loss over the last fifth of the epochs is below that of the first epoch. Rates
    and scales are spaced evenly on the logarithm, other numbers evenly.

    Arguments:
        recipe: what is trained; default: `plain_recipe()`, a layer of 16 units trained by gradient descent on all rows.
        data: a table; the training rows are used.
        x, y: the path of a number, its lowest and its highest value. A schedule at the path becomes a constant; a model
            without an initializer gets the orthogonal one for its gain.
        size: trainings along a side.
        seed: of initial weights and minibatches.
        watch: callback after every chunk, with the numbers of trainings done and in all.

    Raises: FalllineError for a path that holds no number, and for numbers out of range.

    >>> from fallline.data.table import load
    >>> found = trainability(plain_recipe(epochs=10), load("sklearn:iris"), size=8)
    >>> found.losses.shape, bool(found.converged[4, 2]), bool(found.converged[4, 7])
    ((8, 8), True, False)
    """
    began = time.perf_counter()
    chosen = plain_recipe() if recipe is None else recipe
    _check(data, chosen, x, y, size, seed)
    if "model.initializer.gain" in (x[0], y[0]) and get(chosen, "model.initializer") is None:
        chosen = replace(chosen, {"model.initializer": Orthogonal()})
    for path, low, high in (x, y):
        for end in (high, low):
            chosen = number_at(chosen, path, float(end))
    chosen = dataclasses.replace(chosen, epochs=100 if chosen.epochs == "auto" else chosen.epochs)
    grid = np.stack(np.meshgrid(places(x, size), places(y, size)), axis=-1).reshape(-1, 2)
    ends = train_swarm(chosen, data, [x[0], y[0]], grid, seed, watch)
    return Trainability(chosen, data, x, y, size, seed, ends, time.perf_counter() - began)


def is_log(ends: Range) -> bool:
    """Whether an axis is logarithmic."""
    name = ends[0].rpartition(".")[2]
    return ends[1] > 0 and (ends[2] / ends[1] >= LOGARITHMIC or name in ("learning_rate", "gain", "peak"))


def places(ends: Range, size: int) -> Float[np.ndarray, " size"]:
    """The numbers along an axis."""
    return np.geomspace(ends[1], ends[2], size) if is_log(ends) else np.linspace(ends[1], ends[2], size)


def extent(ends: Range, size: int) -> tuple[float, float]:
    """The ends of an axis whose cells have the numbers in their middle."""
    low, high = (np.log(each) if is_log(ends) else each for each in ends[1:])
    half = (high - low) / (size - 1) / 2
    found = (low - half, high + half)
    return tuple(float(np.exp(each)) if is_log(ends) else float(each) for each in found)  # type: ignore[return-value]


def _name(ends: Range) -> str:
    return {RATE[0]: "learning rate", GAIN[0]: "initial gain"}.get(ends[0], ends[0])


def _check(data: object, recipe: object, x: Any, y: Any, size: object, seed: object) -> None:
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fl.load makes"
        )
    if not isinstance(recipe, Recipe):
        raise FalllineError(f"recipe of type {type(recipe).__name__} is no Recipe: expected fl.Recipe(...), or None")
    for axis, given in (("x", x), ("y", y)):
        if not isinstance(given, tuple | list) or len(given) != 3 or not isinstance(given[0], str):
            raise FalllineError(
                f"{axis} = {given!r} is no range: expected such as ('optimizer.learning_rate', 0.001, 1000)"
            )
        ends = given[1:]
        if not all(isinstance(each, int | float) and np.isfinite(each) for each in ends) or not ends[0] < ends[1]:
            raise FalllineError(f"{axis} from {ends[0]!r} to {ends[1]!r} is no range: expected two numbers, ascending")
    if x[0] == y[0]:
        raise FalllineError(f"x and y are both {x[0]}: choose two numbers of the recipe")
    if not is_whole(size) or not 2 <= size <= MOST:
        raise FalllineError(f"size = {size!r} is not a number of trainings along a side: expected 2 to {MOST}")
    check_seed(seed)
