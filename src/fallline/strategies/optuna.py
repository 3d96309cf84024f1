"""Optuna's samplers as strategies."""

import copy
import dataclasses
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError, nearest
from fallline.core.field import required, structure
from fallline.strategies.base import Strategy
from fallline.strategies.history import TrialHistory
from fallline.strategies.optuna_study import Conversation, optuna
from fallline.strategies.space import Space


@dataclasses.dataclass(eq=False)
class Made:
    """A sampler that was passed as an object, and the conversation with a copy of it."""

    sampler: Any
    conversation: Conversation | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Made) and self.sampler is other.sampler

    def __hash__(self) -> int:
        return id(self.sampler)

    def __repr__(self) -> str:
        return type(self.sampler).__name__


class OptunaSampler(Strategy):
    """One of Optuna's samplers: it is asked for a batch of points and told their scores.

    The sampler draws in the unit cube: the position of a number on its own scale, the rank of an integer, the option of a choice.
    It is not asked for dimensions of an option that is not chosen. A diverged trial is reported with the worst score so far,
    and a trial stopped by halving as pruned.

    A class, such as `TPESampler`, is instantiated for every batch, with a seed made of the study's seed and the batch's first
    trial, and is told all trials. A study that is resumed, or shared by several processes, therefore repeats the proposals
    of an undisturbed one. A sampler passed as an object keeps its state instead. CMA-ES needs this, since its state is more
    than the trials. Its Optuna study lasts as long as this object; a resumed study makes other proposals, although it learns
    from every trial.

    Raises: FalllineError where Optuna is not installed, or for an object that is not a sampler.

    Source: Akiba et al., "Optuna: a next-generation hyperparameter optimization framework", 2019.

    >>> OptunaSampler("TPESampler")
    OptunaSampler(TPESampler)
    """

    name: ClassVar[str] = "optuna"
    sampler: Any = required(
        structure(
            help="of optuna.samplers: a class or its name, another function of `seed`, or a sampler, which a search copies"
        )
    )

    def __init__(self, sampler: object) -> None:
        self.sampler = _held(sampler)

    def __check_init__(self) -> None:
        if not isinstance(self.sampler, Made):
            self._made(0)

    def __repr__(self) -> str:
        shown = self.sampler if isinstance(self.sampler, str | Made) else None
        return f"OptunaSampler({shown or getattr(self.sampler, '__name__', type(self.sampler).__name__)})"

    @property
    def repeatable(self) -> bool:
        return not isinstance(self.sampler, Made)

    def propose(self, space: Space, trial_history: TrialHistory, numbers: range, seed: int) -> Float[np.ndarray, "n d"]:
        conversation = self._conversation(space, trial_history, numbers.start, seed)
        conversation.tell(trial_history)
        return space.snap(conversation.ask(numbers))

    def _conversation(self, space: Space, trial_history: TrialHistory, first: int, seed: int) -> Conversation:
        made = self.sampler
        if not isinstance(made, Made):
            return Conversation(space, seed, self._made(int(self.draws(seed, first, "seed").integers(2**31))))
        if made.conversation is None or not made.conversation.continues(space, seed, trial_history):
            made.conversation = Conversation(space, seed, copy.deepcopy(made.sampler))
        return made.conversation

    def _made(self, seed: int) -> Any:
        """A new sampler; raises FalllineError if none can be made from a seed alone."""
        kind = getattr(optuna().samplers, self.sampler) if isinstance(self.sampler, str) else self.sampler
        try:
            made = kind(seed=seed)
        except TypeError as error:
            raise FalllineError(
                f"{self!r} cannot be made from a seed alone ({error}): give it a function of `seed`, or a sampler"
            ) from None
        if not isinstance(made, optuna().samplers.BaseSampler):
            raise FalllineError(f"{self!r} makes a {type(made).__name__}: expected one of optuna.samplers")
        return made


def _held(sampler: Any) -> Any:
    """The sampler in the form that the field holds: an Optuna class by its name, an object as `Made`.

    Raises: FalllineError for anything else that cannot be called.
    """
    if isinstance(sampler, Made):
        return Made(sampler.sampler)
    samplers, known = optuna().samplers, _known()
    if isinstance(sampler, str):
        if sampler not in known:
            raise FalllineError(f"Optuna has no sampler {sampler!r}: {nearest(sampler, known)}")
        return sampler
    if isinstance(sampler, samplers.BaseSampler):
        return Made(sampler)
    if not callable(sampler):
        raise FalllineError(
            f"OptunaSampler({sampler!r}): expected one of optuna.samplers, such as TPESampler or CmaEsSampler(seed=0)"
        )
    return next((name for name, kind in known.items() if kind is sampler), sampler)


def _known() -> dict[str, type]:
    """Optuna's own sampler classes, by name."""
    base = optuna().samplers.BaseSampler
    found = {name: kind for name, kind in vars(optuna().samplers).items() if isinstance(kind, type)}
    return {name: kind for name, kind in found.items() if issubclass(kind, base) and kind is not base}
