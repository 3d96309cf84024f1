"""The models of a study's best trials as one: greedy selection on the validation rows."""

import dataclasses
import functools
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.core.scores import larger_is_better
from fallline.data.table import Table
from fallline.ensembles.run import EnsembleRun, mean_history, outcome_of_all
from fallline.ensembles.selection import greedy_weights
from fallline.metrics import METRICS, exactly
from fallline.searching.trial import Trial
from fallline.strategies.space import Space
from fallline.training.arrays import scored_rows
from fallline.training.ensemble import MOST, Ensemble
from fallline.training.evaluation import evaluate_splits
from fallline.training.predictor import Predictor
from fallline.training.run import Run
from fallline.training.train import train


class Searched(Protocol):
    """The part of a study that is read here."""

    @property
    def space(self) -> Space: ...
    @property
    def data(self) -> Table: ...
    @property
    def seed(self) -> int: ...
    @property
    def order(self) -> list[Trial]: ...
    @property
    def best(self) -> Any: ...


@dataclasses.dataclass(frozen=True)
class Combined:
    """The best trials of a study, combined.

    Arguments:
        trials: the trials whose models were candidates, from the best on.
        weights: the weight of each, often 0.
        run: the run of the ensemble, to save and to predict with.
        gain: how much lower the loss of the ensemble is than that of the best trial's model, on the rows of `judged_on`.
        error: standard error of the gain, from the rows' differences.
        judged_on: the rows: test, or valid where there are no test rows. The ensemble was selected on validation rows, so
            that a gain there is too high.
    """

    trials: tuple[Trial, ...]
    weights: tuple[float, ...]
    run: EnsembleRun
    gain: float
    error: float
    judged_on: str

    @property
    def model(self) -> Predictor:
        """The ensemble."""
        return self.run.model

    @property
    def sentence(self) -> str:
        """What the ensemble gains over the best trial."""
        used = [f"{each.number} ({w:.2f})" for each, w in zip(self.trials, self.weights, strict=True) if w > 0]
        named = f"the ensemble of {'trial' if len(used) == 1 else 'trials'} {', '.join(used)}"
        rows = "test rows" if self.judged_on == "test" else "the validation rows that selected it"
        how = "lower" if self.gain >= 0 else "higher"
        said = f"{named} has a loss {how} by {abs(self.gain):.2g} than the best trial's model alone, on {rows}"
        if not np.isfinite(self.error):
            return said
        chance = "; that may be chance" if abs(self.gain) <= self.error else ""
        return f"{said}, with a standard error of {self.error:.2g}{chance}"


def combine(study: Searched, members: int = 5) -> Combined:
    """Train the best trials' recipes once more, and combine their models by greedy selection on the validation rows.

    Arguments:
        study: the study.
        members: number of trials whose models are candidates.

    Raises: FalllineError for a number that is none, a study without a finished trial, and a table without validation rows.

    >>> from fallline.core.block import replace
    >>> from fallline.data.table import load
    >>> from fallline.distributions import LogUniform
    >>> from fallline.searching.search import search
    >>> from fallline.training.recipe import Recipe
    >>> space = replace(Recipe(epochs=3), {"optimizer.learning_rate.peak": LogUniform(1e-3, 1e-1)})
    >>> found = combine(search(space, load("sklearn:iris"), trials=4), members=2)
    >>> len(found.trials), round(sum(found.weights), 6)
    (2, 1.0)
    """
    check_members(members, study.data)
    data = study.data.dataset
    rows = scored_rows(data, data.valid)
    first = study.best.run
    finished = [each for each in study.order if each.finished][: int(members)]
    runs = [first]
    # One after another: the trials of a study mostly share a program, which the best trial's run has compiled already.
    for each in finished[1:]:
        if runs[-1].interrupted:
            break
        runs.append(train(study.space.fill(each.point), study.data, seed=study.seed))
    finished = finished[: len(runs)]
    learnt = np.array([run.learnt for run in runs])
    answers = [run.model.answer(data.x, chosen=rows)[0] for run in runs]
    answers = [each if ok else np.full_like(each, np.nan) for each, ok in zip(answers, learnt, strict=True)]
    weights = greedy_weights(answers, _scorer(study, rows), seed=study.seed)
    if not weights.any():  # no score is finite: the best trial's model alone
        weights = np.eye(len(runs))[0]
    return _combined(study, finished, weights, runs)


def check_members(members: object, data: Table) -> None:
    """Raises: FalllineError for a number of trials that is none, and for a table without validation rows."""
    if isinstance(members, bool) or not isinstance(members, int | np.integer) or not 1 <= members <= MOST:
        raise FalllineError(f"members = {members!r} is not a number of trials to combine: expected 1 to {MOST}")
    if not len(scored_rows(data.dataset, data.dataset.valid)):
        raise FalllineError("the table has no validation rows, by which trials are combined: load it with valid=0.1")


def _scorer(study: Searched, rows: np.ndarray) -> Any:
    """The score of averaged answers for the validation rows: the monitored metric, or the loss of the answers."""
    data, monitor = study.data.dataset, str(study.space.recipe.monitor)
    w = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    target = data.given[rows] if study.data.task == "classification" else data.given[rows].astype(np.float64)
    if monitor in METRICS:
        sign = -1.0 if larger_is_better(monitor) else 1.0
        return lambda answer: sign * exactly(METRICS[monitor], answer, target, w)
    return functools.partial(_cost, study.data.task, target, w)


def _cost(task: str, target: np.ndarray, w: np.ndarray, answer: Float[np.ndarray, "rows targets"]) -> float:
    """Log loss of probabilities, or mean squared error of targets relative to their variance."""
    if task == "regression":
        spread = np.maximum(target.var(axis=0), 1e-300)
        return float(((answer - target) ** 2 / spread).mean(axis=1) @ w / w.sum())
    p = np.clip(answer, 1e-15, 1.0)
    if task == "classification":
        return float(-np.log(p[np.arange(len(p)), target]) @ w / w.sum())
    both = target * np.log(p) + (1 - target) * np.log(np.clip(1.0 - answer, 1e-15, 1.0))
    return float(-both.sum(axis=1) @ w / w.sum())


def _combined(study: Searched, trials: list[Trial], weights: np.ndarray, runs: list[Run]) -> Combined:
    first, chosen = runs[0], np.flatnonzero(weights)
    model = Ensemble.of([run.model for run in runs], weights.tolist(), first.model.seen)
    used = [runs[index] for index in chosen]
    run = EnsembleRun(
        recipe=first.recipe,
        model=model,
        state=first.state,
        history=mean_history([each.history for each in used]),
        metrics=evaluate_splits(model, study.data),
        outcome=outcome_of_all([each.outcome for each in used]),
        interrupted=any(each.interrupted for each in runs),
        seconds=sum(each.seconds for each in runs),
        compile_seconds=sum(each.compile_seconds for each in runs),
        seed=first.seed,
        notes=first.notes,
        members=tuple(used),
        data=study.data,
        how="trials",
        trials=tuple(trials[index].number for index in chosen),
    )
    judged_on = "test" if len(scored_rows(study.data.dataset, study.data.dataset.test)) else "valid"
    gain, error = _gain(first.model, model, study, judged_on)
    return Combined(tuple(trials), tuple(weights.tolist()), run, gain, error, judged_on)


def _gain(best: Predictor, ensemble: Ensemble, study: Searched, split: str) -> tuple[float, float]:
    """Mean and standard error of the rows' differences in loss, weighted as the rows are."""
    data = study.data.dataset
    rows = scored_rows(data, getattr(data, split))
    y = study.data.schema.target.condition(data.given)
    before, after = (each.answer(data.x, y, rows)[1].astype(np.float64) for each in (best, ensemble))
    w = np.ones(len(rows)) if data.weight is None else data.weight[rows].astype(np.float64)
    w = w / w.sum()
    gain = float((before - after) @ w)
    if len(rows) < 2:
        return gain, float("nan")
    correction = len(rows) / (len(rows) - 1)
    return gain, float(np.sqrt(correction * (w**2 @ (before - after - gain) ** 2)))
