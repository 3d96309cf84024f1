"""A study: the trials of a search, the best of them, and its model."""

import dataclasses
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.population.halving import SCORE_AFTER, Halving
from fallline.population.result import larger_is_better
from fallline.searching.kept import Kept
from fallline.searching.past import DIVERGED, FINISHED, PRUNED, Past
from fallline.searching.space import Space
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe
from fallline.training.train import Run, train

if TYPE_CHECKING:
    import polars as pl

_ENDED = {"pruned": PRUNED, "diverged": DIVERGED}


@dataclasses.dataclass(frozen=True)
class Trial:
    """A recipe and how it did.

    Arguments:
        number: its place in the study, from 0.
        point: where in the unit cube.
        values: the hyperparameters that matter, by name.
        outcome: finished, stopped_early, pruned or diverged.
        score: mean over folds and seeds of the monitored value at the epoch that is kept, the best or (`keep="last"`) the
            last; smaller is better; infinite: diverged.
        error: standard error of that mean; NaN for a single run.
        epochs: mean over folds and seeds.
        seconds: of its batch, divided by the batch's trials.
        columns: means of losses and metrics at the best epoch, and with halving the scores at its rungs.
    """

    number: int
    point: np.ndarray
    values: dict[str, Any]
    outcome: str
    score: float
    error: float
    epochs: float
    lane_epochs: int
    seconds: float
    columns: dict[str, float]

    @property
    def finished(self) -> bool:
        """Whether it came to its end, with a score."""
        return self.outcome not in _ENDED and bool(np.isfinite(self.score))

    @property
    def rungs(self) -> dict[int, float]:
        """Its score at each of halving's rungs that it came to, by epoch."""
        named = {name: value for name, value in self.columns.items() if name.startswith(SCORE_AFTER)}
        return {int(name.removeprefix(SCORE_AFTER)): value for name, value in named.items() if np.isfinite(value)}


@dataclasses.dataclass(frozen=True)
class Best:
    """The best trial of a study; `run` trains its recipe once more, on the table's own split."""

    trial: Trial
    recipe: Recipe
    data: Table
    seed: int

    @cached_property
    def run(self) -> Run:
        """The recipe, trained on the table's training rows and stopped by its validation rows."""
        return train(self.recipe, self.data, seed=self.seed)

    @property
    def model(self) -> Predictor:
        """The trained model."""
        return self.run.model


@dataclasses.dataclass(frozen=True)
class Study:
    """Judged trials.

    Arguments:
        space: what was searched.
        data: on what.
        trials: those that are judged, by number.
        seed: of the study.
        seconds: wall-clock of this call.
        interrupted: whether Ctrl-C ended it.
        kept: who keeps the trials; None for a study in memory.
    """

    space: Space
    data: Table
    trials: tuple[Trial, ...]
    seed: int
    seconds: float
    interrupted: bool
    kept: Kept | None = None

    @property
    def where(self) -> str | None:
        """The database that holds the trials, which is another one than was asked for where that one failed."""
        return None if self.kept is None else self.kept.where()

    @property
    def moved(self) -> str:
        """Why the trials are in another database than was asked for; empty where they are not."""
        return "" if self.kept is None else self.kept.note

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what a person should know: what was found damaged, and why the trials are in another place."""
        damage = () if self.kept is None else self.kept.damage
        return (*damage, *([self.moved] if self.moved else []))

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def order(self) -> list[Trial]:
        """The trials from the best to the worst."""
        return [self.trials[place] for place in past_of(self.space, self.trials).order()]

    @cached_property
    def best(self) -> Best:
        """The best trial.

        Raises: FalllineError where no trial finished.
        """
        if not self.trials or not np.isfinite(self.order[0].score):
            raise FalllineError(
                f"none of {len(self)} trials finished without diverging: search lower learning rates, or more trials"
            )
        first = self.order[0]
        return Best(first, self.space.fill(first.point), self.data, self.seed)

    @property
    def sign(self) -> float:
        """-1 where the monitored metric is larger for the better: a value is its score times the sign."""
        return -1.0 if larger_is_better(self.space.recipe.monitor) else 1.0

    def table(self) -> "pl.DataFrame":
        """One row per trial: number, outcome, score, standard error, epochs, seconds, metrics, hyperparameters."""
        import polars as pl

        rows = []
        for each in self.trials:
            row: dict[str, Any] = {
                "trial": each.number,
                "outcome": each.outcome,
                "score": each.score,
                "error": each.error,
            }
            row |= {"epochs": each.epochs, "seconds": each.seconds, **each.columns}
            row |= dict.fromkeys(self.space.names)
            rows.append(row | {name: _cell(value) for name, value in each.values.items()})
        names = dict.fromkeys(name for row in rows for name in row)  # not every trial has come to the same rungs
        columns = {name: [row.get(name) for row in rows] for name in names}
        for name, column in columns.items():
            kinds = {type(value) for value in column if value is not None}
            if len(kinds) > 1 and not kinds <= {int, float}:
                columns[name] = [None if value is None else str(value) for value in column]
        return pl.DataFrame(columns, strict=False)

    def to_optuna(self, storage: Any = None, name: str | None = None) -> Any:
        """The trials as an Optuna study, in memory or where `storage` says; see `optuna_export.to_optuna`."""
        from fallline.searching.optuna_export import to_optuna

        return to_optuna(self, storage, name)


def _cell(value: Any) -> Any:
    return str(value) if isinstance(value, tuple) else value


def trials_of(space: Space, rows: list[Any], known: dict[int, Trial] | None = None) -> tuple[Trial, ...]:
    """The judged trials among a store's rows; what is judged never changes, so those `known` are not read again."""
    found, known = [], {} if known is None else known
    for row in rows:
        if row.number in known:
            found.append(known[row.number])
        elif row.outcome is not None:
            point = np.array(json.loads(row.point))
            score, error = (np.inf if row.score is None else row.score), (np.nan if row.error is None else row.error)
            shown = {name: np.nan if value is None else value for name, value in json.loads(row.columns).items()}
            values = space.values(point)
            found.append(
                Trial(
                    row.number,
                    point,
                    values,
                    row.outcome,
                    score,
                    error,
                    row.epochs,
                    row.lane_epochs,
                    row.seconds,
                    shown,
                )
            )
            known[row.number] = found[-1]
    return tuple(found)


def past_of(space: Space, trials: tuple[Trial, ...], pending: list[np.ndarray] | None = None) -> Past:
    """Trials as a proposer sees them."""
    d = len(space)
    losses = None
    if not judges_another_loss(space):
        losses = np.array([each.columns.get("valid_loss", np.inf) for each in trials], np.float64)
    return Past(
        np.array([each.point for each in trials]).reshape(-1, d),
        np.array([each.score for each in trials], np.float64),
        np.array([each.number for each in trials], np.int64),
        np.array([_ENDED.get(each.outcome, FINISHED) for each in trials], np.int64),
        np.array([each.epochs for each in trials], np.float64),
        np.array(pending or []).reshape(-1, d),
        losses,
    )


def bars_of(halving: Halving, trials: tuple[Trial, ...]) -> dict[int, float] | None:
    """What a trial must reach at each rung to go on, of a study whose trials compete with those that finished."""
    if halving.among == "batch":
        return None
    finished = [each for each in trials if each.finished]
    rungs = sorted({rung for each in finished for rung in each.rungs})
    bars = {
        rung: halving.bar([(each.rungs[rung], each.score) for each in finished if rung in each.rungs]) for rung in rungs
    }
    return {rung: bar for rung, bar in bars.items() if bar is not None} or None


def judges_another_loss(space: Space) -> list[str]:
    """The dimensions that change what the loss measures: with any, losses of trials cannot be compared."""
    return [each.path for each in space.dimensions if each.path.split(".")[0] in ("loss", "target_scaler")]
