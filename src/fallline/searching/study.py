"""A study: the trials of a search, the best of them and its model."""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.scores import larger_is_better
from fallline.data.table import Table
from fallline.drawing.figure import Figures
from fallline.drawing.notebook import shown
from fallline.searching.diagnosed import StudyDiagnosis
from fallline.searching.kept import LastingStore
from fallline.searching.optuna_export import to_optuna
from fallline.searching.trial import Trial, history_of
from fallline.strategies.space import Space
from fallline.streams.stream import Stream
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe
from fallline.training.run import Run
from fallline.training.streamed import train_stream
from fallline.training.train import train

if TYPE_CHECKING:
    import polars as pl

    from fallline.searching.combining import Combined


SHOWN = 10  # most trials that a notebook shows


@dataclasses.dataclass(frozen=True, repr=False)
class Best:
    """The best trial of a study; `run` trains its recipe again on the table's own split, or on all rows of its stream."""

    trial: Trial
    recipe: Recipe
    data: Table
    seed: int
    stream: Stream | None = None

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self.trial.values.items())
        return f"Best(trial {self.trial.number}, score {self.trial.score:.6g}: {values})"

    @cached_property
    def run(self) -> Run:
        """The run of the recipe on all training rows, with early stopping on the validation rows."""
        if self.stream is not None:
            return train_stream(self.recipe, self.stream, seed=self.seed)
        return train(self.recipe, self.data, seed=self.seed)

    def train_in(self, folder: Path) -> Run:
        """The same run; on a stream, with checkpoints in a folder, from which the training of an earlier call goes on."""
        if self.stream is not None and "run" not in self.__dict__:
            found = train_stream(self.recipe, self.stream, seed=self.seed, folder=folder, resume=True, replaces=True)
            self.__dict__["run"] = found
        return self.run

    @property
    def model(self) -> Predictor:
        """The trained model."""
        return self.run.model


@dataclasses.dataclass(frozen=True, repr=False)
class Study:
    """The result of a search: its completed trials.

    Arguments:
        space: the space that was searched.
        data: the table on which the trials were trained.
        trials: the completed trials, in the order of their numbers.
        seed: seed of the study.
        seconds: wall-clock time of this call.
        interrupted: whether Ctrl-C ended the search.
        kept: the store of the trials; None for a study in memory.
        doctor: the function behind `diagnosis`.
        drawer: the function behind `plot`.
        stream: the stream of which `data` is the sample; None if the trials were trained on all rows.
    """

    space: Space
    data: Table
    trials: tuple[Trial, ...]
    seed: int
    seconds: float
    interrupted: bool
    kept: LastingStore | None = None
    doctor: Callable[["Study"], StudyDiagnosis] | None = None
    drawer: Callable[["Study"], Figures] | None = None
    stream: Stream | None = None

    @property
    def where(self) -> str | None:
        """The database that holds the trials; it differs from the requested one if that one failed."""
        return None if self.kept is None else self.kept.where()

    @property
    def moved(self) -> str:
        """The reason why the trials are not in the requested database; empty if they are."""
        return "" if self.kept is None else self.kept.note

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that the user should read: damage that was found, and why the trials are in another database."""
        damage = () if self.kept is None else self.kept.damage
        return (*damage, *([self.moved] if self.moved else []))

    def __len__(self) -> int:
        return len(self.trials)

    def __repr__(self) -> str:
        """The number of trials by outcome, and the best one."""
        outcomes = [each.outcome for each in self.trials]
        counted = ", ".join(f"{outcomes.count(each)} {each}" for each in dict.fromkeys(outcomes))
        return f"Study({self.data.name!r}: {len(self)} trials ({counted or 'none'}); {self._best_in_words()})"

    def _best_in_words(self) -> str:
        if not self.trials or not np.isfinite(self.order[0].score):
            return "no model"
        first = self.order[0]
        return f"best {self.space.recipe.monitor} {first.score * self.sign:.6g}, trial {first.number}"

    def _repr_html_(self) -> str:
        """What a notebook shows: the best trials and their values."""
        names = self.space.names
        rows = [
            (
                each.number,
                f"{each.score * self.sign:.5g}",
                each.outcome,
                *(_shown_cell(each.values.get(name)) for name in names),
            )
            for each in self.order[:SHOWN]
        ]
        facts = {"best": self._best_in_words(), "seconds": f"{self.seconds:.1f}"}
        return shown(f"Study of {len(self)} trials", facts, ("trial", "score", "outcome", *names), rows)

    def plot(self) -> Figures:
        """Its figures: trials, prospects of more trials, hyperparameters together and one by one.

        `study.plot()["Trials"]` is one of them; each has `frame`, `svg()`, `picture().save(path)` and `plotly()`.
        """
        assert self.drawer is not None
        return self.drawer(self)

    @property
    def order(self) -> list[Trial]:
        """The trials from the best to the worst."""
        return [self.trials[index] for index in history_of(self.space, self.trials).order()]

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
        return Best(first, self.space.fill(first.point), self.data, self.seed, self.stream)

    def ensemble(self, members: int = 5) -> "Combined":
        """The models of the best trials combined by greedy selection on the validation rows; see `combining.combine`.

        Arguments:
            members: number of trials whose models are candidates.
        """
        from fallline.searching.combining import combine

        return combine(self, members)

    @property
    def diagnosis(self) -> StudyDiagnosis:
        """Where trials fail, what the best have in common, which bounds to move, and whether more trials would help."""
        assert self.doctor is not None
        return self.doctor(self)

    @property
    def sign(self) -> float:
        """-1 if larger is better for the monitored metric: a monitored value is its score times the sign."""
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
        names = dict.fromkeys(name for row in rows for name in row)  # trials may have reached different rungs
        columns = {name: [row.get(name) for row in rows] for name in names}
        for name, column in columns.items():
            kinds = {type(value) for value in column if value is not None}
            if len(kinds) > 1 and not kinds <= {int, float}:
                columns[name] = [None if value is None else str(value) for value in column]
        return pl.DataFrame(columns, strict=False)

    def to_optuna(self, storage: object = None, name: str | None = None) -> Any:
        """The trials as an Optuna study, in memory or where `storage` says; see `optuna_export.to_optuna`."""
        return to_optuna(self.space, self.trials, self.sign, storage, name)


def _cell(value: object) -> Any:
    return str(value) if isinstance(value, tuple) else value


def _shown_cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
