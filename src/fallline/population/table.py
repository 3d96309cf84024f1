"""The table: one row per lane, histories on demand, and a report on how the population was run."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from fallline.core.block import walk
from fallline.core.errors import FalllineError
from fallline.core.field import Field
from fallline.core.outcome import Outcome
from fallline.metrics import metrics_of
from fallline.population.job import Job
from fallline.population.ledger import Ledger
from fallline.population.padding import unpadded
from fallline.probes import Probe
from fallline.training.history import History, in_own_unit, join, name_columns
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs
from fallline.training.validation import layer_names

if TYPE_CHECKING:
    import polars as pl

    from fallline.training.run import Run


@dataclasses.dataclass(frozen=True)
class Report:
    """How a population was run.

    Arguments:
        groups: number of different structures among the recipes.
        programs: number of lane programs used, one per structure and number of lanes.
        compilations: number of programs compiled by this call, including those that start and test lanes.
        filled: share of lane-epochs that only filled up programs and were discarded.
        padded: share of the arithmetic spent on padding lanes to a common width.
        seconds: wall-clock time of the call.
        lane_epochs: epochs trained, summed over lanes.
    """

    groups: int
    programs: int
    compilations: int
    filled: float
    padded: float
    seconds: float
    lane_epochs: int


@dataclasses.dataclass(frozen=True)
class Population:
    """Runs of recipes x seeds x folds.

    Arguments:
        recipes: the completed recipes.
        recipe, seed, fold: index of the recipe, seed and fold of each lane; fold is -1 without folds.
        outcome, epochs, best_epoch, step: how each lane ended; the outcome is RUNNING if Ctrl-C came first.
        score: the monitored value at the epoch whose parameters are kept, the best or (`keep="last"`) the last; smaller is
            better; infinite for a lane without a score, such as one that kept its last epoch and diverged.
        columns: losses and metrics at the best epoch: `valid_loss`, `test_accuracy`, ...
        report: how the population was run.
        arrays: on request, each lane's params, stats and scaling, as a predictor holds them; None for a lane that was
            stopped by Ctrl-C or halving.
        scale: factor that turns a run's errors into the target's own unit.
        probes: the values in the histories besides losses and metrics.
    """

    recipes: tuple[Recipe, ...]
    task: str
    layers: tuple[tuple[list[str], list[str]], ...]
    recipe: np.ndarray
    seed: np.ndarray
    fold: np.ndarray
    outcome: np.ndarray
    epochs: np.ndarray
    best_epoch: np.ndarray
    step: np.ndarray
    score: np.ndarray
    columns: dict[str, np.ndarray]
    report: Report
    interrupted: bool
    epochs_seen: tuple[Epochs | None, ...] = dataclasses.field(repr=False)
    again: Callable[[int], "Run"] = dataclasses.field(repr=False)
    arrays: tuple[dict[str, Any] | None, ...] | None = dataclasses.field(default=None, repr=False)
    first_epoch: int = 0
    scale: float = 1.0
    probes: tuple[Probe, ...] = ()

    def __len__(self) -> int:
        return len(self.recipe)

    def history(self, lane: int) -> History:
        """The whole history of one lane; raises FalllineError for a population that recorded no probes."""
        seen = self.epochs_seen[lane]
        assert seen is not None
        if not self.probes:
            raise FalllineError("this population recorded no probes: replay(lane) shows a lane's history")
        index = int(self.recipe[lane])
        monitor, metric = self.recipes[index].monitor, metrics_of(self.task)[0].name
        return name_columns(seen, self.probes, metric, monitor, *self.layers[index], self.first_epoch, self.scale)

    def replay(self, lane: int) -> "Run":
        """Train one lane again as a single run, from its recipe, key and fold; equal to the lane up to float32 rounding."""
        return self.again(lane)

    def mean_score(self) -> np.ndarray:
        """Mean score of every recipe over its seeds and folds; infinite if one of its lanes has no score."""
        return np.array([self.score[self.recipe == index].mean() for index in range(len(self.recipes))])

    @property
    def best(self) -> int:
        """Index of the recipe with the best mean score."""
        return int(np.argmin(self.mean_score()))

    def table(self) -> "pl.DataFrame":
        """One row per lane: the fields in which recipes differ, seed, fold, outcome, epochs, losses and metrics."""
        import polars as pl

        columns: dict[str, Any] = {"recipe": self.recipe}
        for path, values in differing_fields(self.recipes).items():
            columns[path] = [values[index] for index in self.recipe]
        columns |= {"seed": self.seed, "fold": self.fold}
        columns["outcome"] = [Outcome(int(each)).label for each in self.outcome]
        columns |= {"epochs": self.epochs, "best_epoch": self.best_epoch, "score": self.score, **self.columns}
        return pl.DataFrame(columns, strict=False)


def differing_fields(recipes: Sequence[Recipe]) -> dict[str, list[Any]]:
    """The fields in which recipes differ, by dotted path, with each recipe's value (None if it has no such field).

    >>> from fallline.core.block import replace
    >>> differing_fields([replace(Recipe(), {"optimizer.beta1": beta}) for beta in (0.8, 0.9)])
    {'optimizer.beta1': [0.8, 0.9]}
    """
    values: list[dict[str, Any]] = [{path: _shown(value, field) for path, field, value in walk(r)} for r in recipes]
    paths = list(dict.fromkeys(path for each in values for path in each))
    found = {path: [each.get(path) for each in values] for path in paths}
    return {path: column for path, column in found.items() if any(value != column[0] for value in column)}


def _shown(value: Any, field: Field) -> Any:
    if field.role == "block" or hasattr(value, "family"):
        return None if value is None else value.name or type(value).__name__
    return str(value) if isinstance(value, tuple) else value


def population_of(job: Job, ledger: Ledger, report: Report, interrupted: bool) -> Population:
    """The table of a job, from what its ledger holds."""
    recipe, context = np.divmod(np.arange(len(job)), len(job.contexts))
    seen = tuple(unpadded(job, lane, join(chunks)) if chunks else None for lane, chunks in enumerate(ledger.chunks))
    return Population(
        recipes=job.recipes,
        task=job.data.task,
        layers=_layers(job),
        recipe=recipe,
        seed=np.array([job.contexts[c].seed for c in context]),
        fold=np.array([job.contexts[c].fold for c in context]),
        outcome=ledger.outcome,
        epochs=ledger.epochs,
        best_epoch=ledger.best_epoch,
        step=ledger.step,
        score=ledger.score,
        columns=_columns(job, ledger, seen),
        report=report,
        interrupted=interrupted,
        epochs_seen=seen,
        again=job.replay,
        arrays=tuple(ledger.arrays) if job.keep else None,
        first_epoch=job.first_epoch,
        scale=job.scale,
        probes=job.recorded,
    )


def _layers(job: Job) -> tuple[tuple[list[str], list[str]], ...]:
    """The names of every recipe's layers, as its history shows them; found once per group."""
    if not job.recorded:
        return (([], []),) * len(job.recipes)
    shown: dict[Any, tuple[list[str], list[str]]] = {}
    structures = [jax.tree.structure(each) for each in job.recipes]
    for structure, recipe in zip(structures, job.recipes, strict=True):
        if structure not in shown:
            shown[structure] = layer_names(recipe, job.one_row)
    return tuple(shown[each] for each in structures)


def _columns(job: Job, ledger: Ledger, seen: Sequence[Epochs | None]) -> dict[str, np.ndarray]:
    """Losses and metrics at every lane's best epoch, in the target's own unit; then the scores at rungs."""
    # A fork whose best epoch was before it began has no row for it.
    best = ledger.best_epoch - 1 - job.first_epoch
    names = {"train_loss": "train_loss", "valid_loss": "valid_loss", f"valid_{job.metric}": "valid_metric"}
    columns = {
        name: np.array(
            [np.nan if each is None or b < 0 else each[field][b] for each, b in zip(seen, best, strict=True)]
        )
        for name, field in names.items()
    }
    columns |= ledger.tests
    columns = {name: in_own_unit(name.partition("_")[2], values, job.scale) for name, values in columns.items()}
    return columns | ledger.rungs
