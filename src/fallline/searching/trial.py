"""A trial: a recipe and its result; and the views of trials that stores, strategies and halving use."""

import dataclasses
import json
from typing import Any

import numpy as np

from fallline.core.scores import rungs_of
from fallline.strategies.halving import Halving
from fallline.strategies.history import DIVERGED, FINISHED, PRUNED, TrialHistory
from fallline.strategies.space import Space

_ENDED = {"pruned": PRUNED, "diverged": DIVERGED}


@dataclasses.dataclass(frozen=True)
class Trial:
    """A recipe and its result.

    Arguments:
        number: number of the trial in the study, from 0.
        point: its point in the unit cube.
        values: values of the active hyperparameters, by name.
        outcome: finished, stopped_early, pruned or diverged.
        score: mean over folds and seeds of the monitored value at the kept epoch, the best or (`keep="last"`) the last;
            smaller is better; infinite for a diverged trial.
        error: standard error of that mean; NaN for a single run.
        epochs: mean number of epochs over folds and seeds.
        seconds: duration of its batch, divided by the number of trials in it.
        columns: means of losses and metrics at the best epoch; with halving, also the scores at its rungs.
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
        """Whether the trial came to its end with a score."""
        return self.outcome not in _ENDED and bool(np.isfinite(self.score))

    @property
    def rungs(self) -> dict[int, float]:
        """Score at each of halving's rungs that the trial reached, by epoch."""
        return rungs_of(self.columns)


def trials_of(space: Space, rows: list[Any], known: dict[int, Trial] | None = None) -> tuple[Trial, ...]:
    """The completed trials among a store's rows; completed trials never change, so those already `known` are reused."""
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


def history_of(space: Space, trials: tuple[Trial, ...], pending: list[np.ndarray] | None = None) -> TrialHistory:
    """The trials in the form that strategies receive."""
    d = len(space)
    losses = None
    if not judges_another_loss(space):
        losses = np.array([each.columns.get("valid_loss", np.inf) for each in trials], np.float64)
    return TrialHistory(
        np.array([each.point for each in trials]).reshape(-1, d),
        np.array([each.score for each in trials], np.float64),
        np.array([each.number for each in trials], np.int64),
        np.array([_ENDED.get(each.outcome, FINISHED) for each in trials], np.int64),
        np.array([each.epochs for each in trials], np.float64),
        np.array(pending or []).reshape(-1, d),
        losses,
    )


def bars_of(halving: Halving, trials: tuple[Trial, ...]) -> dict[int, float] | None:
    """The score that a trial needs at each rung to go on; None unless trials compete with the study's finished ones."""
    if halving.among == "batch":
        return None
    finished = [each for each in trials if each.finished]
    rungs = sorted({rung for each in finished for rung in each.rungs})
    bars = {
        rung: halving.bar([(each.rungs[rung], each.score) for each in finished if rung in each.rungs]) for rung in rungs
    }
    return {rung: bar for rung, bar in bars.items() if bar is not None} or None


def judges_another_loss(space: Space) -> list[str]:
    """The dimensions that change what the loss measures; if there are any, losses of trials cannot be compared."""
    return [each.path for each in space.dimensions if each.path.split(".")[0] in ("loss", "target_scaler")]
