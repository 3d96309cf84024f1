"""`compare(data, recipe, vary)`: update rules, or anything else, on the user's own data, each over its own learning rates."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.whole import is_whole
from fallline.data.table import Table
from fallline.drawing.picture import Picture
from fallline.lab.compare_figures import figure_of
from fallline.lab.compare_page import write_comparison
from fallline.lab.compared import Compared
from fallline.lab.contenders import BY_RULE, contenders_of
from fallline.lab.several import side_by_side
from fallline.metrics import metrics_of
from fallline.models import MLP
from fallline.population import Population, evaluate
from fallline.population.ledger import LanesProgress
from fallline.training.recipe import Recipe

SMALL = Recipe(model=MLP(hidden=(32,)))


class Comparison(Compared):
    """A comparison with its pictures and its page."""

    def figure(self, kind: str = "rates") -> Picture:
        """A picture, which a notebook shows and `save` writes.

        Arguments:
            kind: rates (loss against learning rate), epochs (loss against epoch at the tuned rates) or trials (expected best
                loss against the number of random rates tried).

        Raises: FalllineError for another kind.
        """
        return figure_of(self, kind)

    def save_page(self, path: Path | str) -> Path:
        """Write the answer, the table and the pictures as one HTML page, and return its path; it needs no network."""
        return write_comparison(self, Path(path))


def compare(
    data: Table,
    recipe: Recipe | None = None,
    vary: str = "optimizer",
    values: Sequence[Any] | None = None,
    *,
    rates: int = 9,
    decades: float = 4.0,
    seeds: int = 5,
    epochs: int = 20,
    within: float = 0.2,
    watch: Callable[[LanesProgress], Any] | None = None,
) -> Comparison:
    """Train a recipe with every value of one thing, each at several learning rates and with several seeds.

    The rates are a geometric grid around the contender's own rate. A seed's score is taken at the rate that is best with
    the other seeds, so no seed judges a rate that it has chosen. All contenders meet the same initial weights (where their
    shapes are the same) and the same minibatches under a seed, so differences are paired.

    Arguments:
        data: a table with validation rows.
        recipe: what everything else is taken from; default: the default recipe with one hidden layer of 32 units and no
            dropout, so that hundreds of trainings take a minute.
        vary: optimizer, activation, initializer, batch_size, schedule, or the path of a field.
        values: names, blocks or numbers; default: usual ones, for optimizer eleven rules.
        rates: learning rates for every contender, an odd number.
        decades: width of the range of rates, in powers of ten.
        seeds: number of seeds.
        epochs: length of every training.
        within: share of the best loss that a good rate may lose.
        watch: callback after every chunk of epochs.

    Raises: FalllineError for data without validation rows, what cannot be varied, and numbers out of range.

    >>> from fallline.data.table import load
    >>> found = compare(load("sklearn:iris"), values=["sgd", "adam"], rates=3, seeds=3, epochs=5)
    >>> found.frame["contender"].to_list(), found.trainings
    (['sgd', 'adam'], 18)
    """
    _check(data, rates, decades, seeds, epochs, within)
    base = replace(
        recipe or SMALL, {"epochs": epochs, "patience": None, "monitor": "loss", "keep": "best", "calibrate": "none"}
    )
    found = contenders_of(base, data, vary, values, rates, decades)
    rows = [contender.recipes() for contender in found]
    rows = side_by_side(rows) if vary in BY_RULE else rows
    recipes = [each for row in rows for each in row]
    population = evaluate(recipes, data, seeds=seeds, test=False, probes=(), watch=watch)
    if population.interrupted:
        raise KeyboardInterrupt
    shape = (len(found), rates, seeds)
    diverged = (population.outcome == Outcome.DIVERGED) | ~np.isfinite(population.score)
    metric = metrics_of(data.task)[0].name
    return Comparison(
        vary=vary,
        labels=tuple(each.label for each in found),
        rates=np.stack([each.rates for each in found]),
        scores=np.where(diverged, np.inf, population.score).reshape(shape),
        metric=metric,
        metrics=population.columns[f"valid_{metric}"].reshape(shape),
        curves=_curves(population, epochs).reshape(*shape, epochs),
        within=within,
        source=data.name,
        seconds=population.report.seconds,
        programs=population.report.programs,
    )


def _curves(population: Population, epochs: int) -> np.ndarray:
    """The validation loss of every lane after every epoch; NaN after the end of a lane that diverged."""
    found = np.full((len(population), epochs), np.nan)
    for lane, seen in enumerate(population.epochs_seen):
        if seen is not None:
            found[lane, : len(seen["valid_loss"])] = seen["valid_loss"]
    return found


def _check(data: object, rates: object, decades: object, seeds: object, epochs: object, within: object) -> None:
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fl.load makes"
        )
    if not len(data.dataset.valid):
        raise FalllineError("a comparison needs validation rows, and there are none: load the data with valid=0.1")
    if not is_whole(rates) or not 3 <= rates <= 99 or rates % 2 == 0:
        raise FalllineError(f"rates = {rates!r} is not a number of learning rates: expected an odd one from 3 to 99")
    if not is_whole(seeds) or not 3 <= seeds <= 1000:
        raise FalllineError(f"seeds = {seeds!r} is not a number of seeds: expected 3 to 1000, to know the noise")
    if not is_whole(epochs) or not 1 <= epochs <= 100_000:
        raise FalllineError(f"epochs = {epochs!r} is not a number of epochs: expected 1 to 100,000")
    if not isinstance(decades, int | float) or not 0 < decades <= 12:
        raise FalllineError(f"decades = {decades!r} is not a width of the range of rates: expected above 0, to 12")
    if not isinstance(within, int | float) or not 0 < within <= 10:
        raise FalllineError(f"within = {within!r} is not a share of the best loss: expected above 0, such as 0.2")
