"""An Optuna study that proposes points of a space and is told their scores; conversion of points between both sides."""

from types import ModuleType
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.extras import optional
from fallline.strategies.dimension import INACTIVE, Dimension
from fallline.strategies.history import DIVERGED, PRUNED, TrialHistory
from fallline.strategies.space import Space


def optuna() -> ModuleType:
    """Optuna, if it is installed.

    Raises: FalllineError naming the extra.
    """
    found: ModuleType = optional("optuna", "optuna", "An Optuna sampler")
    return found


class Conversation:
    """An Optuna study that is asked for points and told their scores.

    Arguments:
        space, seed: space and seed of the Fallline study.
        sampler: an Optuna sampler that is used nowhere else.
    """

    def __init__(self, space: Space, seed: int, sampler: object) -> None:
        self.space, self.seed, self.study = space, seed, _quiet_study(sampler)
        self.told: set[int] = set()
        self.asked: dict[int, tuple[Any, Float[np.ndarray, " d"]]] = {}

    def continues(self, space: Space, seed: int, trial_history: TrialHistory) -> bool:
        """Whether a history contains at least all trials told so far, in the same space and with the same seed."""
        return self.space is space and self.seed == seed and set(trial_history.number.tolist()) >= self.told

    def tell(self, trial_history: TrialHistory) -> None:
        """Tell the trials completed since the last batch; trials that were not asked for here are added to the study."""
        finite = trial_history.scores[np.isfinite(trial_history.scores)]
        worst = float(finite.max(initial=-np.inf))
        for i, number in enumerate(trial_history.number.tolist()):
            if number not in self.told:
                self.told.add(number)
                self._tell(number, trial_history.points[i], *_verdict(trial_history, i, worst))

    def _tell(self, number: int, point: np.ndarray, value: float | None, state: Any, seen: dict[int, float]) -> None:
        if number not in self.asked:
            self.study.add_trial(_frozen(self.space, point, value, state, seen))
            return
        trial = self.asked[number][0]
        for step, score in seen.items():
            trial.report(score, step)
        self.study.tell(trial, value, state=state)

    def ask(self, numbers: range) -> Float[np.ndarray, "n d"]:
        """Points for the trials with these numbers; a number that was asked for before gets the same point."""
        for number in numbers:
            if number not in self.asked:
                trial = self.study.ask()
                self.asked[number] = trial, _suggested(self.space, trial)
        return np.array([self.asked[number][1] for number in numbers]).reshape(-1, len(self.space))


def _verdict(trial_history: TrialHistory, i: int, worst: float) -> tuple[float | None, Any, dict[int, float]]:
    """A completed trial as Optuna stores it: its value, its state and its intermediate values."""
    states, score, ended = optuna().trial.TrialState, float(trial_history.scores[i]), trial_history.ended[i]
    if ended == DIVERGED or not np.isfinite(score):
        return (worst, states.COMPLETE, {}) if np.isfinite(worst) else (None, states.FAIL, {})
    if ended == PRUNED:
        return None, states.PRUNED, {max(1, int(trial_history.epochs[i])): score}
    return score, states.COMPLETE, {}


def _quiet_study(sampler: object) -> Any:
    """An Optuna study in memory, made without the line that Optuna logs."""
    logging = optuna().logging
    level = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    try:
        return optuna().create_study(sampler=sampler)
    finally:
        logging.set_verbosity(level)


def _kind(dimension: Dimension, count: int | None) -> Any:
    kinds = optuna().distributions
    if dimension.categorical:
        return kinds.CategoricalDistribution(list(range(count or 1)))
    if dimension.distribution.name == "integer":
        return kinds.IntDistribution(0, (count or 1) - 1)
    return kinds.FloatDistribution(0.0, 1.0)


def _suggested(space: Space, trial: Any) -> Float[np.ndarray, " d"]:
    point = np.full(len(space), INACTIVE)
    for i, (each, count) in enumerate(zip(space.dimensions, space.counts, strict=True)):
        if not space.active(point[None])[0, i]:  # known here, since parents come before their children
            continue
        kind = _kind(each, count)
        if each.categorical:
            point[i] = (trial.suggest_categorical(each.name, kind.choices) + 0.5) / len(kind.choices)
        elif hasattr(kind, "step") and kind.step == 1:
            point[i] = (trial.suggest_int(each.name, kind.low, kind.high) + 0.5) / (kind.high + 1)
        else:
            point[i] = trial.suggest_float(each.name, 0.0, 1.0)
    return point


def _frozen(space: Space, point: np.ndarray, value: float | None, state: Any, seen: dict[int, float]) -> Any:
    return optuna().trial.create_trial(
        params=_parameters(space, point),
        distributions=_kinds(space, point),
        value=value,
        state=state,
        intermediate_values=seen,
    )


def _kinds(space: Space, point: np.ndarray) -> dict[str, Any]:
    """Optuna's distributions of the dimensions that are active at a point."""
    active = space.active(point[None])[0]
    return {each.name: _kind(each, space.counts[i]) for i, each in enumerate(space.dimensions) if active[i]}


def _parameters(space: Space, point: np.ndarray) -> dict[str, Any]:
    """A point as the values of an Optuna trial."""
    kinds, active = _kinds(space, point), space.active(point[None])[0]
    positions = dict(zip(space.names, point.tolist(), strict=True))
    parameters = {}
    for (name, kind), i in zip(kinds.items(), np.flatnonzero(active), strict=True):
        count = space.counts[i] or 1
        continuous = isinstance(kind, optuna().distributions.FloatDistribution)
        parameters[name] = positions[name] if continuous else min(int(positions[name] * count), count - 1)
    return parameters
