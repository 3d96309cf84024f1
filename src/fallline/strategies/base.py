"""What a search strategy is."""

from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block, Placeholder, declared_fields
from fallline.core.errors import FalllineError
from fallline.strategies.history import TrialHistory
from fallline.strategies.space import Space
from fallline.strategies.streams import draws


class Strategy(Block):
    """Says which points of a space to try next: its settings are its fields, and it keeps nothing else.

    A strategy of your own takes one method. With a `name` it is listed by `fallline explain`, can be chosen with
    `fallline tune --strategy NAME` and is named by the studies that it began; `fallline.testing.check` says what it lacks.

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
    traceable: ClassVar[bool] = False
    compiled: ClassVar[bool] = False  # whether another value of a static field is another program
    learns: ClassVar[bool] = True  # whether its points depend on the trials so far
    random: ClassVar[bool] = True  # whether its points depend on the seed
    batch_invariant: ClassVar[bool] = False  # whether a batch cut anywhere gives the same points from the same trials
    begins_with_default: ClassVar[bool] = False  # whether the first trial of a study is the space's default
    ends: ClassVar[bool] = False  # whether it proposes fewer points than asked for when there are no more to try

    @property
    def repeatable(self) -> bool:
        """Whether a study that is resumed, by any process, gets the points that it would have got anyway."""
        return True

    def __check_init__(self) -> None:
        refuse_schedules(self)

    @abstractmethod
    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        """The points of the trials with these numbers, snapped; fewer, where there are no more to try.

        Arguments:
            space: what is searched.
            trial_history: the trials judged so far, and the points of those under way.
            numbers: of the new trials in their study.
            seed: of the study, from 0 to 2^63 - 1.
        """

    def draws(self, seed: int, number: int, use: str = "") -> np.random.Generator:
        """The random numbers of one trial, from a stream of this strategy's own; `use` names one of several."""
        name = self.name or type(self).__name__
        return draws(seed, number, f"{name}.{use}" if use else name)


def refuse_schedules(block: Block) -> None:
    """Raises: FalllineError for a schedule in a field of a strategy or a pruner, whose settings do not change in a search."""
    for name in declared_fields(type(block)):
        if isinstance(value := getattr(block, name), Placeholder):
            raise FalllineError(
                f"{type(block).__name__}.{name} = {value!r} would change during the search, which it cannot: give a number"
            )


def begin_with_default(points: Any, space: Space, numbers: range) -> Float[np.ndarray, "n d"]:
    """The same points, but the first trial of a study is the space's default."""
    if len(numbers) and numbers[0] == 0:
        points[0] = space.default
    return points
