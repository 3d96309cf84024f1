"""`learning_rate_range(recipe, data)`: which learning rates train this recipe, by many short real runs at constant rates."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.whole import is_whole
from fallline.data.table import Table
from fallline.drawing.picture import Picture
from fallline.drawing.words import rounded
from fallline.lab.contenders import rate_of, rated
from fallline.lab.plateau import RatePlateau, plateau_of
from fallline.lab.ramp import Ramp, ramp_of
from fallline.lab.range_figure import range_figure
from fallline.lab.range_page import write_range
from fallline.lab.rates import rate_place
from fallline.population import evaluate
from fallline.training.recipe import Recipe, complete_for

BELOW, ABOVE = 3.0, 3.0  # decades around the rule's own rate
STEPS = 200  # of a short run, in whole epochs


@dataclasses.dataclass(frozen=True)
class RateRange:
    """Short runs at constant learning rates, the plateau of good ones, and the ramp beside them.

    Arguments:
        recipe: the recipe whose rate is sought.
        rates: the rates, in ascending order.
        losses: validation loss at the end of every run; infinite if it diverged.
        untrained: mean validation loss before the first step.
        epochs: length of a run.
        ramp: the exponential ramp; None if it was not asked for.
    """

    recipe: Recipe
    rates: Float[np.ndarray, " rates"]
    losses: Float[np.ndarray, "rates seeds"]
    untrained: float
    epochs: int
    ramp: Ramp | None

    @property
    def plateau(self) -> RatePlateau:
        """The range of good rates, or why there is none to suggest."""
        return plateau_of(self.rates, self.losses, self.untrained)

    @property
    def rate(self) -> float | None:
        """The middle of the plateau, to two digits; None if none can be suggested."""
        plateau = self.plateau
        return None if plateau.refusal else float(f"{plateau.centre:.2g}")

    @property
    def sentence(self) -> str:
        """The suggestion with its evidence, or why there is none."""
        plateau, seeds = self.plateau, self.losses.shape[1]
        if plateau.refusal:
            return f"No learning rate can be suggested: {plateau.refusal}"
        return (
            f"Learning rate {self.rate:g}: the middle of the plateau from {rounded(plateau.low)} to {rounded(plateau.high)} "
            f"({plateau.decades:.1f} decades), where runs of {self.epochs} epochs end near the lowest validation loss, "
            f"{plateau.best:.4g} ± {plateau.error:.2g} with {seeds} seeds (untrained {self.untrained:.4g})."
        )

    @property
    def ramp_sentence(self) -> str:
        """What the exponential ramp suggests, and what real runs at that rate do."""
        if self.ramp is None:
            return ""
        low, high = np.nanmin(self.ramp.steepest), np.nanmax(self.ramp.steepest)
        if not np.isfinite(low):
            return "The exponential ramp suggests nothing: it ends after its first steps."
        said = f"The steepest point of an exponential ramp is {rounded(low)} to {rounded(high)}, by seed"
        plateau = self.plateau
        if plateau.refusal:
            return f"{said}: it suggests a rate here too."
        known = [each for each in self.ramp.steepest.tolist() if np.isfinite(each)]
        within = sum(plateau.low <= each <= plateau.high for each in known)
        ends = sorted(self._loss_at(each) for each in known)
        return (
            f"{said}; {within} of {len(known)} seeds are within the plateau. Real runs at these rates end at "
            f"{ends[0]:.4g} to {ends[-1]:.4g}, and at best at {plateau.best:.4g}."
        )

    def _loss_at(self, rate: float) -> float:
        """The mean loss at the rate of the grid that is nearest."""
        return float(self.losses.mean(axis=1)[np.argmin(np.abs(np.log(self.rates / rate)))])

    @property
    def frame(self) -> pl.DataFrame:
        """A row per rate: mean loss, standard error, runs that diverged, and whether the rate is in the plateau."""
        plateau, count = self.plateau, self.losses.shape[1]
        with np.errstate(invalid="ignore"):
            means, errors = self.losses.mean(axis=1), self.losses.std(axis=1, ddof=1) / np.sqrt(count)
        return pl.DataFrame(
            {
                "learning_rate": self.rates,
                "loss": [float(each) if np.isfinite(each) else None for each in means],
                "error": [float(each) if np.isfinite(each) else None for each in errors],
                "diverged": (~np.isfinite(self.losses)).sum(axis=1),
                "good": [not plateau.refusal and plateau.low <= each <= plateau.high for each in self.rates.tolist()],
            },
            schema_overrides={"loss": pl.Float64, "error": pl.Float64},
        )

    def figure(self) -> Picture:
        """Loss against rate with error bars, the plateau, the suggestion, and the ramp beside it."""
        said = " ".join(each for each in (self.sentence, self.ramp_sentence) if each)
        return range_figure(self.rates, self.losses, self.untrained, self.plateau, self.rate, self.ramp, said)

    def save_page(self, path: Path | str) -> Path:
        """Write the answer, the picture and the numbers as one HTML page, and return its path; it needs no network."""
        how = f"{self.losses.shape[1]} runs of {self.epochs} epochs at each of {len(self.rates)} constant rates."
        return write_range(Path(path), self.sentence, f"{how} {self.ramp_sentence}".strip(), self.figure(), self.frame)

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        plateau = self.plateau
        return {
            "rate": self.rate,
            "sentence": self.sentence,
            "plateau": None if plateau.refusal else [plateau.low, plateau.high],
            "untrained_loss": self.untrained,
            "epochs": self.epochs,
            "rates": self.frame.to_dicts(),
            "ramp": None if self.ramp is None else {
                "steepest": self.ramp.steepest.tolist(), "tenth": self.ramp.tenth.tolist(), "sentence": self.ramp_sentence,
            },
        }  # fmt: skip


def learning_rate_range(
    recipe: Recipe,
    data: Table,
    *,
    lowest: float | None = None,
    highest: float | None = None,
    rates: int = 25,
    seeds: int = 3,
    epochs: int | None = None,
    ramp: bool = True,
) -> RateRange:
    """Train a recipe for a few epochs at many constant learning rates, and find the range of rates that are good.

    Every rate is a run of its own from the same initial weights, so a rate is judged by what it does, and not by what other
    rates did before it, as in a ramp. A rate is good if the mean loss is at least 90 % of the way from the untrained loss to
    the lowest. The suggestion is the middle of the good range around the best rate, on the logarithm.

    Arguments:
        recipe: a recipe; the rate and the schedule that it has now are replaced by constants.
        data: a table with validation rows.
        lowest, highest: the ends of the range; default: three decades below and above the recipe's own rate.
        rates: number of rates.
        seeds: number of seeds.
        epochs: length of a run; default: as many as make 200 steps.
        ramp: also run the exponential ramp that others use, to compare.

    Raises: FalllineError for a rule without a learning rate, data without validation rows, and numbers out of range.

    >>> from fallline.data.table import load
    >>> found = learning_rate_range(Recipe(), load("sklearn:iris"), rates=9, seeds=2, epochs=20, ramp=False)
    >>> 1e-3 < found.rate < 0.1
    True
    """
    own = rate_of(recipe)
    lowest = own * 10**-BELOW if lowest is None else lowest
    highest = own * 10**ABOVE if highest is None else highest
    _check(data, recipe, lowest, highest, rates, seeds, epochs)
    path = f"optimizer.{rate_place(recipe.optimizer)}"
    if epochs is None:
        size = complete_for(recipe, data.dataset).batch_size
        assert isinstance(size, int)
        epochs = max(1, round(STEPS / -(-len(data.dataset.train) // size)))
    short = {"epochs": epochs, "patience": None, "monitor": "loss", "keep": "last", "calibrate": "none"}
    base = replace(recipe, short)
    places = np.geomspace(lowest, highest, rates)
    constant = [replace(base, {path: float(each)}) for each in (0.0, *places)]
    population = evaluate(constant, data, seeds=seeds, test=False, probes=())
    if population.interrupted:
        raise KeyboardInterrupt
    scores = np.where(population.outcome == Outcome.DIVERGED, np.inf, population.score).reshape(rates + 1, seeds)
    beside = ramp_of(constant[-1], path, data, lowest, highest, seeds) if ramp else None
    return RateRange(recipe, places, scores[1:], float(scores[0].mean()), epochs, beside)


def with_found(recipe: Recipe, found: RateRange) -> Recipe:
    """The recipe at the rate that was found; the shape of its schedule stays the same.

    Raises: FalllineError if none can be suggested.
    """
    if found.rate is None:
        raise FalllineError(f"{found.sentence} Give --learning-rate as a number")
    return rated(recipe, found.rate)


def _check(
    data: object, recipe: Recipe, lowest: object, highest: object, rates: object, seeds: object, epochs: object
) -> None:
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fl.load makes"
        )
    if not len(data.dataset.valid):
        raise FalllineError(
            "a learning rate is judged by validation rows, and there are none: load the data with valid=0.1"
        )
    if recipe.optimizer.own_rate and recipe.optimizer.full_batch:
        raise FalllineError(
            f"optimizer {recipe.optimizer.name!r} chooses its own steps: there is no learning rate to find"
        )
    if not isinstance(lowest, int | float) or not isinstance(highest, int | float) or not 0 < lowest < highest < np.inf:
        raise FalllineError(
            f"rates from {lowest!r} to {highest!r} are no range: expected two numbers above 0, ascending"
        )
    if not is_whole(rates) or not 5 <= rates <= 1000:
        raise FalllineError(f"rates = {rates!r} is not a number of learning rates: expected 5 to 1000")
    if not is_whole(seeds) or not 2 <= seeds <= 1000:
        raise FalllineError(f"seeds = {seeds!r} is not a number of seeds: expected 2 to 1000, to know the noise")
    if epochs is not None and (not is_whole(epochs) or not 1 <= epochs <= 100_000):
        raise FalllineError(f"epochs = {epochs!r} is not a number of epochs: expected 1 to 100,000")
