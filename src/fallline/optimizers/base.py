"""The base class of update rules."""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import number
from fallline.core.schedule import Schedule, Time, at_time
from fallline.core.tree import Tree

# What a run knows at a step, by name: value, objective, weight, time, key, anew, noting; see `Optimizer`.
Evidence: TypeAlias = Any


class Optimizer(Block):
    """An update rule: its hyperparameters are its fields, its memory is `state`, and `params + delta` is the new point.

    A rule defines `begin` and `step`; callers use `init` and `update`, which are Optax's protocol. In a run every field
    is a number by the time of the update. Elsewhere, a rule with schedules in its fields counts its own steps.

    A rule may use this evidence, passed by name: `value` (the loss at the params, penalty included), `objective` (the
    same as a function of the params), `weight` (of the minibatch), `time`, `key` (random, of the step). A rule that
    remembers evaluations (`fallline.optimizers.known`) also gets `anew` (whether value and gradient were evaluated for
    this step) and `noting` (the objective, returned with the notes to record).
    """

    family: ClassVar[str] = "optimizer"
    facts: ClassVar[tuple[str, ...]] = ("full_batch", "own_rate")
    full_batch: ClassVar[bool] = False  # whether the rule needs the gradient of all training rows
    own_rate: ClassVar[bool] = False  # whether the rule adapts its rate itself, so that no schedule should lower it
    line_search: ClassVar[bool] = False  # whether a step evaluates the objective at several points of a line
    skips: ClassVar[bool] = False  # whether the rule skips its step if the gradient is not finite
    # For a finite gradient whose square overflows: "taken" if the rule makes an ordinary step, otherwise "refused".
    large: ClassVar[str] = "refused"
    averages: ClassVar[tuple[str, ...]] = ()  # the fields of its memory that average or sum gradients
    shares: ClassVar[int] = 1  # equal parts of a population's lanes, by their place, that it moves in different ways

    @abstractmethod
    def begin(self, params: Tree) -> Any:
        """The memory at the start."""

    @abstractmethod
    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        """The step to add to the params, and the new memory."""

    def init(self, params: Tree) -> Any:
        """The memory at the start, with a count of the steps if the rule has a schedule in a field."""
        if not _scheduled(self):
            return self.begin(params)
        zero = jnp.zeros((), jnp.int32)
        return Counted(zero, at_time(self, Time(*(zero.astype(jnp.result_type(float)),) * 3)).begin(params))

    def update(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        """The step to add to the params, and the new memory.

        Raises: FalllineError if evidence that the rule needs is missing.
        """
        if not isinstance(state, Counted):
            return self.step(gradient, state, params, **evidence)
        now = at_time(self, evidence.get("time", StepsAlone(state.count.astype(jnp.result_type(float)))))
        delta, memory = now.step(gradient, state.memory, params, **evidence)
        return delta, Counted(state.count + 1, memory)

    def evaluation_params(self, params: Tree, state: Tree) -> Any:
        """The params for validation and prediction, if they differ from those of training."""
        return params

    def evaluations(self, state: Tree) -> Int[Array, ""] | None:
        """Number of gradient evaluations so far; None means one per step."""
        return None


class Counted(NamedTuple):
    """The memory of a rule that resolves its own schedules."""

    count: Int[Array, ""]
    memory: Any


class StepsAlone:
    """Time outside a run: the step is known, but the epoch and the progress are not."""

    def __init__(self, step: Array) -> None:
        self.step = step

    @property
    def epoch(self) -> Array:
        """Not known."""
        raise FalllineError(_NO_CLOCK.format("epoch"))

    @property
    def progress(self) -> Array:
        """Not known."""
        raise FalllineError(_NO_CLOCK.format("progress"))


_NO_CLOCK = (
    "a schedule asks for the {}, which an optimizer outside of a run does not know: wrap the rule as "
    "Clocked(rule, steps=..., steps_per_epoch=...), or pass time=Time(step, epoch, progress) to update"
)


def without_count(state: Tree) -> Any:
    """The rule's own memory, without the step count."""
    return state.memory if isinstance(state, Counted) else state


def _scheduled(rule: Optimizer) -> bool:
    return any(isinstance(each, Schedule) for each in jax.tree.leaves(rule, is_leaf=lambda n: isinstance(n, Schedule)))


def needed(name: str, rule: Optimizer, evidence: dict[str, Any]) -> Any:
    """One piece of evidence.

    Raises: FalllineError naming the rule and the evidence, if it was not given.
    """
    if evidence.get(name) is None:
        raise FalllineError(
            f"{type(rule).__name__} needs the evidence {name!r}: pass update(gradient, state, params, {name}=...)"
        )
    return evidence[name]


def per_leaf(rule: Callable[..., Any], *trees: Tree) -> tuple[Any, ...]:
    """Apply a rule that returns several arrays to every leaf, and return as many trees.

    >>> per_leaf(lambda a, b: (a + b, a - b), {"w": 3}, {"w": 1})
    ({'w': 4}, {'w': 2})
    """
    leaves, structure = jax.tree.flatten(trees[0])
    others = [structure.flatten_up_to(tree) for tree in trees[1:]]
    if not leaves:
        # A tree without leaves does not determine how many trees to return, so the rule is traced on one number.
        return (trees[0],) * len(jax.eval_shape(rule, *(jnp.zeros(()) for _ in trees)))
    columns = zip(*(rule(*each) for each in zip(leaves, *others, strict=True)), strict=True)
    return tuple(structure.unflatten(column) for column in columns)


def as_step(memory: Tree) -> Any:
    """A copy of a memory that is also the step, with the same numbers.

    If a step only duplicates another output, XLA's CPU backend adds it to the params at half the speed of a computed step
    (`benchmarks/update_cost.py`). The comparison makes it a computed step and keeps NaN as NaN.
    """
    return jax.tree.map(lambda v: jnp.where(v == v, v, jnp.nan), memory)


def zeros_like(params: Tree) -> Any:
    """A tree of zeros."""
    return jax.tree.map(jnp.zeros_like, params)


def rate(default: float, usual: tuple[float, float] = (1e-5, 1e-1), help: str = "a, the size of a step") -> Any:
    """The declaration of a learning rate."""
    return number(
        default, valid="[0, inf)", usual=usual, scale="log", unit="per step", searched=True, size=True, help=help
    )


def small(default: float, help: str = "keeps the division finite") -> Any:
    """The declaration of an epsilon."""
    return number(default, valid="[0, inf)", usual=(1e-10, 1e-4), scale="log", help=help)


def decay_rate(default: float | None, usual: tuple[float, float], help: str, *, searched: bool = False) -> Any:
    """The declaration of a decay rate: the share of a memory that is kept from step to step."""
    return number(default, valid="[0, 1)", usual=usual, optional=default is None, searched=searched, help=help)
