"""Any Optuna sampler as a proposer."""

import copy
import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError, nearest
from fallline.searching.optuna_words import optuna
from fallline.searching.past import DIVERGED, PRUNED, Past
from fallline.searching.proposers import Proposer, draws
from fallline.searching.space import INACTIVE, Dimension, Space


@dataclasses.dataclass(frozen=True)
class OptunaSampler(Proposer):
    """One of Optuna's samplers, asked for a batch and told its scores.

    It draws in the unit cube: a number's place on its own scale, an integer's rank, a choice's option; a dimension of an
    option that is not chosen is not asked for. A diverged trial is told as the worst score so far, one that halving stopped
    as pruned.

    A class, such as `TPESampler`, is made anew for every batch, with a seed from the study's own and the batch's first trial,
    and told all trials: so a study that is resumed, or worked on by several processes, repeats the proposals of one that was
    not. A sampler itself remembers instead, as CMA-ES must, whose state is more than trials: the study that it is asked in
    lives as long as this object, and a study that is resumed goes on with other proposals, though it learns from every trial.

    Arguments:
        sampler: of `optuna.samplers`: a class or another function of `seed`, or one made already, of which every search
            uses a copy.

    Raises: FalllineError where Optuna is not installed, or for what is no sampler.
    """

    sampler: Any
    _live: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if isinstance(self.sampler, optuna().samplers.BaseSampler):
            return
        if not callable(self.sampler):
            raise FalllineError(
                f"OptunaSampler({self.sampler!r}): expected one of optuna.samplers, such as TPESampler or CmaEsSampler(seed=0)"
            )
        self._made(0)

    def __repr__(self) -> str:
        return f"OptunaSampler({getattr(self.sampler, '__name__', type(self.sampler).__name__)})"

    def propose(self, space: Space, past: Past, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        live, remembers = self._live, not callable(self.sampler)
        known = live.get("space") is space and live.get("seed") == seed and set(past.number) >= live["told"]
        if not (known and remembers):
            made = copy.deepcopy(self.sampler) if remembers else self._made(_drawn(seed, numbers.start))
            study = _quiet_study(made)
            live.clear()
            live.update(space=space, seed=seed, study=study, told=set(), asked={})
        self._tell(past, space)
        points = []
        for number in numbers:
            if number not in live["asked"]:
                trial = live["study"].ask()
                live["asked"][number] = trial, _suggested(space, trial)
            points.append(live["asked"][number][1])
        return space.snap(np.array(points).reshape(-1, len(space)))

    def _made(self, seed: int) -> Any:
        """A new sampler; raises FalllineError for what makes none from a seed alone."""
        try:
            made = self.sampler(seed=seed)
        except TypeError as error:
            raise FalllineError(
                f"{self!r} cannot be made from a seed alone ({error}): give it a function of `seed`, or a sampler"
            ) from None
        if not isinstance(made, optuna().samplers.BaseSampler):
            raise FalllineError(f"{self!r} makes a {type(made).__name__}: expected one of optuna.samplers")
        return made

    def _tell(self, past: Past, space: Space) -> None:
        """Tell what is judged since the last batch: our own trials, and those of others as if they had been ours."""
        states, live = optuna().trial.TrialState, self._live
        finite = past.scores[np.isfinite(past.scores)]
        for i, number in enumerate(past.number.tolist()):
            if number in live["told"]:
                continue
            live["told"].add(number)
            score, ended = float(past.scores[i]), past.ended[i]
            if ended == DIVERGED or not np.isfinite(score):
                score, state = float(finite.max(initial=-np.inf)), states.COMPLETE
                state = state if np.isfinite(score) else states.FAIL
            else:
                state = states.PRUNED if ended == PRUNED else states.COMPLETE
            value = score if state == states.COMPLETE else None
            seen = {max(1, int(past.epochs[i])): score} if state == states.PRUNED else {}
            if number in live["asked"]:
                trial = live["asked"][number][0]
                for step, score in seen.items():
                    trial.report(score, step)
                live["study"].tell(trial, value, state=state)
            else:
                live["study"].add_trial(_frozen(space, past.points[i], value, state, seen))


def sampler_named(name: str) -> OptunaSampler:
    """One of Optuna's classes by its name.

    Raises: FalllineError for a name that is none of them.
    """
    base = optuna().samplers.BaseSampler
    kinds = {
        each: kind
        for each, kind in vars(optuna().samplers).items()
        if isinstance(kind, type) and issubclass(kind, base) and kind is not base
    }
    if name not in kinds:
        raise FalllineError(f"Optuna has no sampler {name!r}: {nearest(name, tuple(kinds))}")
    return OptunaSampler(kinds[name])


def _drawn(seed: int, number: int) -> int:
    return int(draws(seed, number, 4).integers(2**31))


def _quiet_study(sampler: Any) -> Any:
    """A study in memory, made without the line that Optuna prints of it."""
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
        if not space.active(point[None])[0, i]:  # parents stand before their children
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
    """Optuna's distributions of the dimensions that matter at a point."""
    active = space.active(point[None])[0]
    return {each.name: _kind(each, space.counts[i]) for i, each in enumerate(space.dimensions) if active[i]}


def _parameters(space: Space, point: np.ndarray) -> dict[str, Any]:
    """A point as Optuna's values."""
    kinds, active = _kinds(space, point), space.active(point[None])[0]
    places = dict(zip(space.names, point.tolist(), strict=True))
    parameters = {}
    for (name, kind), i in zip(kinds.items(), np.flatnonzero(active), strict=True):
        count = space.counts[i] or 1
        continuous = isinstance(kind, optuna().distributions.FloatDistribution)
        parameters[name] = places[name] if continuous else min(int(places[name] * count), count - 1)
    return parameters
