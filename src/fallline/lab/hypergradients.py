"""Hypergradients: the derivative of a validation loss through a short run by numbers of its recipe, and when to trust it."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float

from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.drawing.axes import Axes
from fallline.drawing.marks import Mark, TextMark
from fallline.drawing.picture import Picture
from fallline.lab.charts import HEIGHT, WIDTH, paths
from fallline.lab.short_run import INITIAL, ShortRun, short_run
from fallline.training.recipe import Recipe

USUAL = ("optimizer.learning_rate", "optimizer.beta1", "penalty.strength", INITIAL)
STEPS = (0.02, 0.005)  # of the differences, in the coordinates of the numbers
AGREE = 0.1  # relative difference up to which a derivative is trusted
SMALL = 1e-4  # a slope below this share of the loss is compared with that share


@dataclasses.dataclass(frozen=True)
class Hypergradients:
    """Derivatives of the validation loss at the end of a short run.

    Arguments:
        run: the short run.
        seeds: the seeds.
        loss: validation loss after every epoch.
        slope: its derivative by every coordinate: the number's logarithm, that of 1/(1 - value), or the number.
        size: size of the derivative of the parameters, estimated from random sums.
        differences: central differences of real runs at the end, with the steps 0.02 and 0.005.
    """

    run: ShortRun
    seeds: tuple[int, ...]
    loss: Float[np.ndarray, "seeds epochs"]
    slope: Float[np.ndarray, "seeds epochs paths"]
    size: Float[np.ndarray, "seeds epochs paths"]
    differences: Float[np.ndarray, "steps seeds paths"]

    @property
    def disagreement(self) -> Float[np.ndarray, " paths"]:
        """Relative difference between the derivative and the differences of real runs, the median over the seeds."""
        slope, (wide, narrow) = self.slope[:, -1], self.differences
        with np.errstate(all="ignore"):
            floor = SMALL * np.abs(self.loss[:, -1:])
            unit = np.maximum(np.maximum(np.abs(slope), np.abs(narrow)), floor)
            found = np.maximum(np.abs(slope - narrow), np.abs(wide - narrow) / 2) / unit
        return np.asarray(np.median(np.where(np.isfinite(found), found, np.inf), axis=0))

    @property
    def trusted(self) -> Bool[np.ndarray, " paths"]:
        """Whether the derivative says how real runs change; beyond the edge of stability it does not."""
        return np.asarray(self.disagreement <= AGREE)

    @property
    def frame(self) -> pl.DataFrame:
        """A row per number: its derivative, the standard error over the seeds, the differences, and whether to trust it."""
        slope, wide, narrow = self.slope[:, -1], *self.differences
        count = len(self.seeds)
        error = slope.std(axis=0, ddof=1) / np.sqrt(count) if count > 1 else np.full(len(self.run.paths), np.nan)
        with np.errstate(all="ignore"):
            growth = np.median(self.size[:, -1] / self.size[:, 0], axis=0)
        return pl.DataFrame(
            {
                "number": self.run.paths,
                "value": self.run.values,
                "by": self.run.scales,
                "slope": slope.mean(axis=0),
                "error": error,
                f"difference_{STEPS[0]}": wide.mean(axis=0),
                f"difference_{STEPS[1]}": narrow.mean(axis=0),
                "disagreement": self.disagreement,
                "growth": growth,
                "trusted": self.trusted,
            }
        ).with_columns(pl.col("error").fill_nan(None))

    @property
    def path(self) -> pl.DataFrame:
        """A row per epoch and number: the loss and its derivative, means over the seeds."""
        epochs, count = self.loss.shape[1], len(self.run.paths)
        return pl.DataFrame(
            {
                "epoch": np.repeat(np.arange(1, epochs + 1), count),
                "number": np.tile(self.run.paths, epochs),
                "loss": np.repeat(self.loss.mean(axis=0), count),
                "slope": self.slope.mean(axis=0).ravel(),
                "size": self.size.mean(axis=0).ravel(),
            }
        )

    def to_plain(self) -> dict[str, Any]:
        """Everything as plain data."""
        return {
            "epochs": self.run.epochs,
            "seeds": list(self.seeds),
            "loss": float(self.loss[:, -1].mean()),
            "numbers": self.frame.to_dicts(),
            "path": self.path.to_dicts(),
            "sentences": list(self.sentences),
        }

    @property
    def sentences(self) -> tuple[str, ...]:
        """What each derivative says, and whether real runs agree."""
        said = []
        for row in self.frame.to_dicts():
            name, slope = row["number"], row["slope"]
            tenth = 0.1 * abs(slope)
            if row["trusted"]:
                way = "raises" if slope > 0 else "lowers"
                unit = {"log": "10 % more", "linear": "0.1 more"}.get(
                    row["by"], "a horizon 1/(1 - value) that is 10 % longer"
                )
                said.append(
                    f"{name}: {unit} {way} the validation loss by about {tenth:.3g}; differences of real runs agree."
                )
            else:
                wide, narrow = (f"{row[f'difference_{step}']:.3g} for a step of {step}" for step in STEPS)
                said.append(
                    f"{name}: the derivative {slope:.3g} is not to be trusted. Differences of real runs are {wide} and {narrow}, "
                    f"and the derivative of the parameters has grown {row['growth']:.3g} times since the first epoch: the run is "
                    "chaotic, or its loss bends or jumps on this scale."
                )
        return tuple(said)

    def figure(self) -> Picture:
        """The derivatives after every epoch."""
        slopes = self.slope.mean(axis=0).T
        held = slopes[np.isfinite(slopes)]
        high = max(float(np.quantile(np.abs(held), 0.98)), 1e-12) if len(held) else 1.0
        axes = Axes(66, 34, WIDTH - 14, HEIGHT - 50, (0.0, float(self.run.epochs)), (-1.15 * high, 1.15 * high))
        marks: list[Mark] = [*axes.marks("epoch", "derivative of the validation loss")]
        epochs = np.arange(1, self.run.epochs + 1)
        ways = [axes.within(axes.place(epochs, each)) for each in slopes]
        marks += paths([path.removeprefix("optimizer.") for path in self.run.paths], ways, axes)
        marks.append(TextMark(axes.left, 20, "Hypergradients", "ink", size=15, is_bold=True))
        return Picture(WIDTH, HEIGHT, "Hypergradients by epoch", " ".join(self.sentences), tuple(marks))


def hypergradients(
    recipe: Recipe,
    data: Any,
    paths: Sequence[str] = USUAL,
    *,
    epochs: int = 5,
    seeds: int = 3,
) -> Hypergradients:
    """The derivative of the validation loss at the end of a short run, by forward mode, beside differences of real runs.

    The run is that of `fallline.train` in float64, without early stopping: it ends after its epochs, with its last
    parameters. Numbers whose search range is logarithmic are moved along their logarithm, shares such as momentum along the
    logarithm of 1/(1 - value), others along themselves.

    Arguments:
        recipe: the recipe; its own number of epochs is replaced.
        data: a table or a source, with validation rows.
        paths: dotted paths of numbers (a schedule stands for its size), or `initial scale`, a factor of all initial
            weights. Of the usual ones, those that the recipe does not have are left out.
        epochs: length of the run.
        seeds: number of seeds: initial weights and minibatch orders.

    Raises: FalllineError for a path without a number, a rule that searches along lines, and data without validation rows.

    Source: Maclaurin et al., "Gradient-based hyperparameter optimization through reversible learning", 2015; Franceschi et
    al., "Forward and reverse gradient-based hyperparameter optimization", 2017; Metz et al., "Gradients are not all you
    need", 2021, for chaos.

    >>> import fallline as fl
    >>> recipe = fl.Recipe(model=fl.MLP((4,)), encoding=None, optimizer=fl.SGD(0.05))
    >>> found = hypergradients(recipe, fl.load("sklearn:iris"), ["optimizer.learning_rate"], epochs=2, seeds=2)
    >>> bool(found.frame["slope"][0] < 0), found.trusted.tolist()
    (True, [True])
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or not 1 <= seeds <= 1000:
        raise FalllineError(f"seeds = {seeds!r} is not a number of seeds: expected 1 to 1000")
    table = data if isinstance(data, Table) else load(data)
    chosen = present(recipe, paths) if tuple(paths) == USUAL else tuple(paths)
    return hypergradients_of(short_run(recipe, table, chosen, epochs), tuple(range(seeds)))


def hypergradients_of(run: ShortRun, seeds: tuple[int, ...]) -> Hypergradients:
    """The derivatives of a short run and the differences of real runs."""
    loss, slope, size = run.tangents(seeds)
    count = len(run.paths)
    ways = np.concatenate([sign * step * np.eye(count) for step in STEPS for sign in (1, -1)])
    ends = run.losses(ways, seeds)[..., -1].reshape(len(STEPS), 2, count, len(seeds))
    with np.errstate(all="ignore"):
        differences = (ends[:, 0] - ends[:, 1]) / (2 * np.asarray(STEPS)[:, None, None])
    return Hypergradients(run, seeds, loss, slope, size, differences.swapaxes(1, 2))


def present(recipe: Recipe, paths: Sequence[str]) -> tuple[str, ...]:
    """The paths that a recipe has; `optimizer.momentum` stands in for `optimizer.beta1` where the rule has that."""
    from fallline.core.block import get

    found = []
    for path in paths:
        for each in (path, path.replace("beta1", "momentum")):
            try:
                is_there = each == INITIAL or get(recipe, each) is not None
            except FalllineError:
                continue
            if is_there:
                found.append(each)
                break
    return tuple(found)
