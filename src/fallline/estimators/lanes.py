"""Lanes of a search: fits trained in advance by a population, and handed to the estimators one by one.

scikit-learn's search clones, fits and scores every candidate on every fold in turn. Within `ready`, such a `fit` takes
over its lane of the population instead of training.
"""

import dataclasses
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

from fallline.core.outcome import Outcome
from fallline.core.tensors import flatten
from fallline.estimators.fitting import FitResult, print_epochs
from fallline.estimators.members import LEARNT
from fallline.population.table import Population


@dataclasses.dataclass(frozen=True)
class SearchLane:
    """A network of a population that stands for one candidate's fit on one fold.

    Arguments:
        model: an estimator that knows the fold's classes, columns and types.
        population: the population in which it was trained, with its arrays kept.
        number: index of the lane.
        rows: number of rows on which it was trained.
        x: the array that holds these rows.
    """

    model: Any
    population: Population
    number: int
    rows: int
    x: np.ndarray

    def become(self, estimator: Any) -> None:
        """Gives an estimator the attributes that its own fit would have given it.

        Raises: FalllineError for a lane that has diverged.
        """
        population, number = self.population, self.number
        kept: Any = population.arrays[number]  # type: ignore[index]
        recipe = population.recipes[population.recipe[number]]
        said = {name: np.asarray(getattr(population, name)[number]) for name in ("step", "best_epoch")}
        trained = FitResult(recipe, kept["params"], flatten(kept) | said)
        seen: Any = population.epochs_seen[number]
        outcome = Outcome(int(population.outcome[number]))
        for name in LEARNT:
            if hasattr(self.model, name):
                setattr(estimator, name, getattr(self.model, name))
        estimator._count()
        estimator._warn_of_batch(self.rows)
        if estimator.verbose:
            print_epochs(seen["train_objective"], seen["monitor"] if estimator.early_stopping else None)
        if outcome is Outcome.DIVERGED:
            estimator._say_divergence(trained, self.x, len(seen["train_objective"]))
        estimator._adopt(trained)
        estimator._take(seen, outcome, False, (), self.rows, False)


@dataclasses.dataclass(frozen=True)
class Expected:
    """A fit that scikit-learn is expected to request.

    Arguments:
        arguments: arguments of its estimator, in the form of `recognised`.
        count: number of its rows.
        lane: the lane trained for it; None if it trains on its own.
    """

    arguments: str
    count: int
    lane: SearchLane | None


_READY: ContextVar["deque[Expected] | None"] = ContextVar("ready", default=None)


@contextmanager
def ready(expected: Sequence[Expected]) -> Iterator[None]:
    """Hands lanes to fits in this order, in this thread."""
    token = _READY.set(deque(expected))
    try:
        yield
    finally:
        _READY.reset(token)


def lane_for(estimator: Any, X: Any) -> SearchLane | None:
    """The lane trained for this fit; None if there is none, or if the fit is not the expected one."""
    queue = _READY.get()
    if not queue or queue[0].count != np.shape(X)[0] or queue[0].arguments != recognised(estimator):
        return None
    return queue.popleft().lane


def recognised(estimator: Any) -> str:
    """An estimator's class and arguments, to recognise the expected fit; arguments that are not plain count by type."""
    values = {name: _plain(value) for name, value in estimator.get_params(deep=False).items() if name != "random_state"}
    return repr((type(estimator), values))


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if isinstance(value, str | bool | int | float | np.generic | None) else type(value)
