"""The contract of blocks of all families: complete declarations, a form in files, and numbers that are traced."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np

from fallline.core.block import Block, as_arrays, declared_fields, replace, walk
from fallline.core.errors import FalllineError
from fallline.core.field import Field
from fallline.core.plain import from_plain, to_plain
from fallline.core.tree import Tree
from fallline.testing import (
    activations,
    encodings,
    initializers,
    layers,
    losses,
    methods,
    optimizers,
    penalties,
    probes,
    scalers,
    schedules,
    surfaces,
)
from fallline.testing.base import demand, of
from fallline.testing.compare import close, same_bits

EXAMPLES: dict[str, Any] = {
    "activation": activations.example,
    "encoding": encodings.example,
    "initializer": initializers.example,
    "layer": layers.example,
    "loss": losses.example,
    "method": methods.example,
    "optimizer": optimizers.example,
    "penalty": penalties.example,
    "probe": probes.example,
    "scaler": scalers.example,
    "schedule": schedules.example,
    "surface": surfaces.example,
}


@of()
def declared(block: Block) -> None:
    """It has a docstring, and every field a declaration with a help, a default and a usual range within its interval."""
    demand((type(block).__doc__ or "").strip(), "it has no docstring of its own")
    known = declared_fields(type(block))
    for field in dataclasses.fields(block):
        demand(
            field.name in known,
            f"the field {field.name!r} is not declared: give it `number(...)`, `structure(...)` or `part(...)`",
        )
        each = known[field.name]
        demand(each.help, f"the field {field.name!r} has no help")
        if each.role == "number" and each.valid is not None:
            some = [field.default] if isinstance(field.default, int | float) else []
            for value in [*some, *(each.usual or ())]:
                demand(value in each.valid, f"{field.name} = {value:g} is outside of its interval {each.valid.text}")


@of(concerns=lambda block: block.name and getattr(block, "repeatable", True))
def written(block: Block) -> None:
    """A recipe file can hold it: written and read again, it is the same block."""
    again = from_plain(block.family, to_plain(block))
    demand(again == block, f"read again it is {again!r}")


@of(concerns=lambda block: any(_numbers(block)) and getattr(block, "traceable", True))
def traced(block: Block) -> None:
    """Other numbers need no other program and do something, and a population over them is the loop."""
    use, count = EXAMPLES[block.family], [0]

    def counted(block: Block) -> Any:
        count[0] += 1
        return use(block)

    named = variants(block)
    lanes = [as_arrays(each) for _, each in named]
    alone = jax.jit(counted)
    loop = [jax.tree.leaves(alone(lane)) for lane in lanes]
    demand(count[0] == 1, f"{len(lanes)} values of its numbers were compiled {count[0]} times")
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *lanes)
    together = jax.jit(jax.vmap(use))
    many = jax.tree.leaves(together(stacked))
    for i, (field, _) in enumerate(named):
        lane = [each[i] for each in many]
        beside_its_run(lane, alone, lanes[i], f"a lane ({field or 'as it is'}) beside its run alone")
    # A lane depends neither on the numbers of other lanes nor on its place among them.
    turned = jax.tree.leaves(together(jax.tree.map(lambda leaf: np.roll(leaf, 1, axis=0), stacked)))
    same_bits([np.roll(each, -1, axis=0) for each in turned], many, "a lane among other neighbours")
    if block.family != "optimizer":  # a bound on steps, for example, may not be reached in a few steps
        for field in dict.fromkeys(field for field, _ in named if field):
            own = [loop[i] for i, (name, _) in enumerate(named) if name == field]
            acts = any(not np.array_equal(a, b, equal_nan=True) for o in own for a, b in zip(o, loop[0], strict=True))
            demand(acts, f"the field {field!r} does nothing")


def beside_its_run(lane: list[Any], alone: Callable[[Any], Any], numbers: Tree, what: str) -> None:
    """Raises: AssertionError if a lane differs from the same run on its own by more than rounding explains.

    Two programs of one block round differently. The tolerance is 2e-4 of a number. If the run amplifies rounding errors,
    as a step from the difference of nearly equal values does, the tolerance is twice the change of the run when the
    block's numbers change in their last digits, and at most 1e-3 of the largest number.
    """
    run = jax.tree.leaves(alone(numbers))
    try:
        close(lane, run, what, 2e-4, 2e-5)
    except AssertionError:
        nearby = [jax.tree.leaves(alone(_nudged(numbers, digits))) for digits in (-2, -1, 1, 2)]
        for k, (found, expected) in enumerate(zip(lane, run, strict=True)):
            moved = max(_largest(each[k] - expected) for each in nearby)
            close(found, expected, what, 2e-4, 2e-5 + min(2 * moved, 1e-3 * _largest(expected)))


def _nudged(numbers: Tree, digits: int) -> Any:
    """A block whose numbers are changed by this many units of the last binary digit."""

    def nudge(x: np.ndarray) -> Any:
        return x * (1 + digits * np.finfo(x.dtype).eps) if x.dtype.kind == "f" else x

    return jax.tree.map(lambda x: np.asarray(nudge(x), x.dtype), numbers)


def _largest(values: object) -> float:
    """The largest finite absolute value."""
    sizes = np.abs(np.asarray(values, np.float64))
    return float(np.max(sizes, initial=0.0, where=np.isfinite(sizes)))


def variants(block: Block) -> list[tuple[str, Block]]:
    """The block itself and, for every number in it, the block with another value there, with the number's path."""
    found = [("", block)]
    for path, each, value in _numbers(block):
        for other in _others(each, value):
            try:
                found.append((path, replace(block, {path: other})))
            except FalllineError:  # another field forbids the value, as with moments out of order
                continue
    return found


def _numbers(block: Block) -> Iterator[tuple[str, Field, Any]]:
    for path, each, value in walk(block):
        if each.role == "number" and isinstance(value, int | float):
            yield path, each, value


def _others(each: Field, value: float) -> list[float]:
    """The ends of the usual range and a value far beyond it, if they are valid."""
    low, high = each.usual or (0.5 * value, 2 * value + 1)
    bound = each.valid.high if each.valid is not None and math.isfinite(each.valid.high) else 10 * max(high, 1.0)
    far = high + 0.9 * (min(bound, 10 * max(high, 1.0)) - high)
    some = [int(x) if each.integer else float(x) for x in (low, high, far)]
    return [x for x in dict.fromkeys(some) if x != value and (each.valid is None or x in each.valid)]
