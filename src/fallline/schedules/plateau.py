"""Reduce on plateau: the one schedule that sees the validation loss.

Its memory is part of the run's state, not of the schedule: `begun` makes it, `observed` updates it with the loss of an
epoch, and `remembered` applies it to the recipe before the schedules are resolved.
"""

from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, required
from fallline.core.schedule import Schedule, Time, at_time, reached_by
from fallline.core.tree import Tree


class PlateauMemory(NamedTuple):
    """The memory of one schedule: lowest loss, epochs since then, epochs left to rest, and the product of its drops."""

    best: Float[Array, ""]
    waited: Float[Array, ""]
    rest: Float[Array, ""]
    factor: Float[Array, ""]


class ReduceOnPlateau(Schedule):
    """A drop by a factor whenever the validation loss has not improved for some epochs.

        loss < best (1 - threshold):    best <- loss,  waited <- 0
        otherwise:                      waited <- waited + 1,  but 0 while it rests
        waited > patience:              f <- factor f,  waited <- 0,  rest for `cooldown` epochs
        value = max(peak f, floor)

    It drops when needed and does not depend on the length of the run. It reacts to noise in a small validation set, and
    waits `patience` epochs at each level. The peak may itself be a schedule, such as a warm-up.

    Source: PyTorch's ReduceLROnPlateau, mode "min" and a relative threshold.

    >>> recipe = {"learning_rate": ReduceOnPlateau(1.0, patience=1)}
    >>> memory, now = begun(recipe), Time(*map(jnp.float32, (0, 0, 0)))
    >>> for loss in (3.0, 2.0, 2.0, 2.0, 2.0):
    ...     memory = observed(recipe, memory, jnp.float32(loss), now)
    ...     print(round(float(at_time(remembered(recipe, memory), now)["learning_rate"]), 3))
    1.0
    1.0
    1.0
    0.1
    0.1
    """

    name: ClassVar[str] = "reduce_on_plateau"
    aliases: ClassVar[tuple[str, ...]] = ("plateau", "reduce_lr_on_plateau")
    peak: Number = number(
        1e-2, valid="[0, inf)", usual=(1e-4, 1.0), scale="log", size=True, help="the value before any fall"
    )
    factor: Number = number(0.1, valid="(0, 1]", usual=(0.1, 0.8), help="what the value is multiplied by")
    patience: Number = number(
        10,
        valid="[0, 1e9]",
        usual=(2, 20),
        integer=True,
        unit="epochs",
        help="epochs without improvement before a fall",
    )
    threshold: Number = number(
        1e-4,
        valid="[0, 1)",
        usual=(1e-5, 1e-2),
        scale="log",
        help="smallest relative decrease that counts as an improvement",
    )
    cooldown: Number = number(
        0, valid="[0, 1e9]", usual=(0, 10), integer=True, unit="epochs", help="epochs after a fall that are not counted"
    )
    floor: Number = number(0.0, valid="[0, inf)", usual=(0.0, 1e-4), help="the lowest value")

    def __call__(self, time: Time) -> Float[Array, ""]:
        raise FalllineError("reduce_on_plateau follows the validation loss, which only a run has: use another schedule")

    def reached(self) -> tuple[float, ...]:
        return reached_by(self.peak, self.floor)

    def observe(self, memory: PlateauMemory, loss: Float[Array, ""], time: Time) -> PlateauMemory:
        """The memory after an epoch with this loss."""
        here = (self.factor, self.patience, self.threshold, self.cooldown)
        factor, patience, threshold, cooldown = at_time(here, time)
        better = loss < memory.best * (1 - jnp.sign(memory.best) * threshold)
        rest = jnp.maximum(memory.rest - 1, 0)
        waited = jnp.where(better | (memory.rest > 0), 0, memory.waited + 1)
        falls = waited > patience
        return PlateauMemory(
            best=jnp.where(better, loss, memory.best).astype(memory.best.dtype),
            waited=jnp.where(falls, 0, waited).astype(memory.waited.dtype),
            rest=jnp.where(falls, cooldown, rest).astype(memory.rest.dtype),
            factor=jnp.where(falls, memory.factor * factor, memory.factor).astype(memory.factor.dtype),
        )


class Reduced(Schedule):
    """A value times a factor, not below a floor; it replaces a plateau schedule once its memory is known."""

    value: Number = required(number(help="the value before any fall"))
    factor: Number = required(number(help="the product of all falls"))
    floor: Number = required(number(help="the lowest value"))

    def __call__(self, time: Time) -> Float[Array, ""]:
        return jnp.maximum(self.value * self.factor, self.floor)


def _is_plateau(node: object) -> bool:
    return isinstance(node, ReduceOnPlateau)


def plateaus(tree: Tree) -> list[ReduceOnPlateau]:
    """The plateau schedules in a tree, in tree order."""
    return [node for node in jax.tree.leaves(tree, is_leaf=_is_plateau) if _is_plateau(node)]


def begun(tree: Tree) -> tuple[PlateauMemory, ...]:
    """The memories of a tree's plateau schedules before the first epoch; usually empty."""
    zero = jnp.zeros(())
    return tuple(PlateauMemory(jnp.full((), jnp.inf), zero, zero, jnp.ones(())) for _ in plateaus(tree))


def observed(
    tree: Tree, memories: tuple[PlateauMemory, ...], loss: Float[Array, ""], time: Time
) -> tuple[PlateauMemory, ...]:
    """The memories after an epoch with this loss."""
    return tuple(node.observe(each, loss, time) for node, each in zip(plateaus(tree), memories, strict=True))


def remembered(tree: Tree, memories: tuple[PlateauMemory, ...]) -> Any:
    """The tree with every plateau schedule replaced by one with its drops applied."""
    if not memories:
        return tree
    left = iter(memories)
    known = lambda node: Reduced(node.peak, next(left).factor, node.floor) if _is_plateau(node) else node  # noqa: E731
    return jax.tree.map(known, tree, is_leaf=_is_plateau)
