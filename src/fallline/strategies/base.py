"""The base of all search strategies."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, Placeholder, declared_fields
from fallline.core.errors import FalllineError
from fallline.strategies.history import TrialHistory
from fallline.strategies.space import Space
from fallline.strategies.streams import draws


class Strategy(Block):
    """Decides which points of a space to try next. Its fields hold its settings; it keeps no other state.

    Your own strategy needs a single method. With a `name`, it is listed by `fallline explain`, can be chosen with
    `fallline tune --strategy NAME`, and is recorded in the studies that it began. `fallline.testing.check` reports what is
    missing.

    >>> import fallline as fl
    >>> class Middle(Strategy):
    ...     '''Every trial at the middle of every range.'''
    ...     batch_invariant = True
    ...     learns = False
    ...     random = False
    ...     def propose(self, space, trial_history, numbers, seed):
    ...         return space.snap(np.full((len(numbers), len(space)), 0.5))
    >>> fl.testing.check(Middle())
    """

    family: ClassVar[str] = "strategy"
    facts: ClassVar[tuple[str, ...]] = ("learns", "begins_with_default", "ends")
    traceable: ClassVar[bool] = False
    compiled: ClassVar[bool] = False  # whether another value of a static field needs another compiled program
    learns: ClassVar[bool] = True  # whether its points depend on the trials so far
    random: ClassVar[bool] = True  # whether its points depend on the seed
    batch_invariant: ClassVar[bool] = False  # whether a batch can be split without changing its points
    begins_with_default: ClassVar[bool] = False  # whether the first trial of a study is the space's default
    ends: ClassVar[bool] = False  # whether it proposes fewer points than requested when there are no more to try

    @property
    def repeatable(self) -> bool:
        """Whether a study that is resumed, by any process, gets the same points as an undisturbed one."""
        return True

    def __check_init__(self) -> None:
        refuse_schedules(self)

    @abstractmethod
    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        """The points of the trials with these numbers, snapped; fewer if there are no more to try.

        Arguments:
            space: the space to search.
            trial_history: the trials completed so far, and the points of those in training.
            numbers: numbers of the new trials in their study.
            seed: seed of the study, from 0 to 2^63 - 1.
        """

    def draws(self, seed: int, number: int, use: str = "") -> np.random.Generator:
        """The random numbers for one trial, from a stream of this strategy; `use` distinguishes several streams."""
        name = self.name or type(self).__name__
        return draws(seed, number, f"{name}.{use}" if use else name)


def refuse_schedules(block: Block) -> None:
    """Raises: FalllineError for a schedule in a field of a strategy or pruner; settings cannot change during a search."""
    for name in declared_fields(type(block)):
        if isinstance(value := getattr(block, name), Placeholder):
            raise FalllineError(
                f"{type(block).__name__}.{name} = {value!r} would change during the search, which it cannot: give a number"
            )


def begin_with_default(points: Float[np.ndarray, "n d"], space: Space, numbers: range) -> Float[np.ndarray, "n d"]:
    """The points, with the first trial of a study replaced by the space's default."""
    if len(numbers) and numbers[0] == 0:
        points[0] = space.default
    return points
