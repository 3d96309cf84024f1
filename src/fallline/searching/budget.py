"""How long a search goes on, and how it scores a recipe."""

import dataclasses
from typing import Any, TypedDict

from fallline.core.errors import FalllineError


@dataclasses.dataclass(frozen=True)
class Budget:
    """How much a search may try; it ends with the first of these that is used up.

    Arguments:
        trials: number of recipes to try, over all processes of the study.
        epochs: number of epochs, summed over trials, folds and seeds; the last batch may exceed it.
        seconds: wall-clock time in seconds; the last batch may end later.

    Raises: FalllineError for fewer than one trial.

    >>> Budget(seconds=600)
    Budget(trials=64, epochs=None, seconds=600)
    """

    trials: int = 64
    epochs: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        _at_least_one(trials=self.trials)


@dataclasses.dataclass(frozen=True)
class Validation:
    """How a search scores a recipe: the mean over the runs on all folds and seeds.

    Arguments:
        folds: number of cross-validation folds; None: the table's own validation rows.
        seeds: runs per recipe and fold.

    Raises: FalllineError for fewer than one seed.

    >>> Validation(folds=5, seeds=2).runs
    10
    """

    folds: int | None = None
    seeds: int = 1

    def __post_init__(self) -> None:
        _at_least_one(seeds=self.seeds)

    @property
    def runs(self) -> int:
        """Number of runs per recipe."""
        return (self.folds or 1) * self.seeds


class Shorthand(TypedDict, total=False):
    """Fields of a budget and a validation that may be given to `search` by themselves."""

    trials: int
    epochs: int | None
    seconds: float | None
    folds: int | None
    seeds: int


def expand(budget: Budget, validation: Validation, shorthand: dict[str, Any]) -> tuple[Budget, Validation]:
    """The budget and the validation with the fields that were given by themselves.

    Raises: TypeError for a name that neither has, as for any unknown argument; FalllineError for another kind of object.

    >>> expand(Budget(), Validation(), {"trials": 8, "folds": 5})
    (Budget(trials=8, epochs=None, seconds=None), Validation(folds=5, seeds=1))
    """
    for argument, value, kind in (("budget", budget, Budget), ("validation", validation, Validation)):
        if not isinstance(value, kind):
            raise FalllineError(f"{argument} = {value!r} is not known: expected fallline.{kind.__name__}(...)")
    unknown = [name for name in shorthand if name not in Shorthand.__annotations__]
    if unknown:
        raise TypeError(f"search() got an unexpected keyword argument {unknown[0]!r}")
    of_budget = {name: value for name, value in shorthand.items() if hasattr(budget, name)}
    of_validation = {name: value for name, value in shorthand.items() if name not in of_budget}
    return dataclasses.replace(budget, **of_budget), dataclasses.replace(validation, **of_validation)


def _at_least_one(**numbers: int) -> None:
    for name, value in numbers.items():
        if value < 1:
            raise FalllineError(f"{name} = {value}: expected 1 or more")
