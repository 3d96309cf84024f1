"""A traced function as one flat list of operations, with calls of functions inlined."""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

Jaxpr: TypeAlias = Any  # a program of JAX, open or closed

# JAX sometimes renames these. A call under an unlisted name counts as one operation, which is correct but slower.
CALLS = (
    *("pjit", "jit", "closed_call", "core_call", "remat", "remat2", "checkpoint"),
    *("custom_jvp_call", "custom_vjp_call", "custom_vmap_call"),
)


@dataclasses.dataclass(frozen=True)
class Operation:
    """One operation: from the values in its input slots to those in its output slots."""

    primitive: Any
    params: dict[str, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """The name of the primitive."""
        return str(self.primitive.name)

    def __call__(self, *values: Any) -> list[Any]:
        found = self.primitive.bind(*values, **self.primitive.get_bind_params(self.params))
        return list(found) if self.primitive.multiple_results else [found]


@dataclasses.dataclass(frozen=True)
class Operations:
    """A function as operations on numbered slots.

    Arguments:
        steps: the operations, in order of execution.
        constants: the initial values of some slots.
        inputs: the slots of the arguments.
        outputs: the slots of the results.
    """

    steps: tuple[Operation, ...]
    constants: dict[int, Any]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    def values(self, arguments: Sequence[Any]) -> dict[int, Any]:
        """The value of every slot."""
        values = {**self.constants, **dict(zip(self.inputs, arguments, strict=True))}
        for step in self.steps:
            found = step(*(values[slot] for slot in step.inputs))
            values.update(zip(step.outputs, found, strict=True))
        return values


def operations_of(traced: Jaxpr) -> Operations:
    """The operations of a traced function, from what `jax.make_jaxpr(f)(...)` returns.

    >>> import jax
    >>> square = jax.jit(lambda x: x * x)
    >>> [each.name for each in operations_of(jax.make_jaxpr(lambda x: square(square(x)))(2.0)).steps]
    ['mul', 'mul']
    """
    steps: list[Operation] = []
    constants: dict[int, Any] = {}
    slots = itertools.count()

    def constant(value: object) -> int:
        slot = next(slots)
        constants[slot] = value
        return slot

    def write(jaxpr: Jaxpr, values: Sequence[Any], arguments: Sequence[int]) -> list[int]:
        place = dict(zip(jaxpr.invars, arguments, strict=True))
        place.update((variable, constant(value)) for variable, value in zip(jaxpr.constvars, values, strict=True))

        def where(atom: Any) -> int:
            return constant(atom.val) if hasattr(atom, "val") else place[atom]

        for equation in jaxpr.eqns:
            inputs = [where(atom) for atom in equation.invars]
            called = _called(equation)
            if called is not None:
                outputs = write(*called, inputs)
            else:
                outputs = [next(slots) for _ in equation.outvars]
                steps.append(Operation(equation.primitive, equation.params, tuple(inputs), tuple(outputs)))
            place.update(zip(equation.outvars, outputs, strict=True))
        return [where(atom) for atom in jaxpr.outvars]

    inputs = [next(slots) for _ in traced.jaxpr.invars]
    outputs = write(traced.jaxpr, traced.consts, inputs)
    return Operations(tuple(steps), constants, tuple(inputs), tuple(outputs))


def depend(operations: Operations, inputs: Sequence[int]) -> bool:
    """Whether any result depends on any of these input slots.

    >>> import jax
    >>> steps = operations_of(jax.make_jaxpr(lambda x, y: (y + 1, x * 2)[1])(1.0, 1.0))
    >>> [depend(steps, [slot]) for slot in steps.inputs]
    [True, False]
    """
    reached = set(inputs)
    for step in operations.steps:
        if not reached.isdisjoint(step.inputs):
            reached.update(step.outputs)
    return not reached.isdisjoint(operations.outputs)


def _called(equation: Any) -> tuple[Any, Sequence[Any]] | None:
    """The function that an equation only calls, and its constants; None for any other equation."""
    if equation.primitive.name not in CALLS:
        return None
    inner = next((equation.params[name] for name in ("jaxpr", "call_jaxpr", "call") if name in equation.params), None)
    if inner is None:
        return None
    jaxpr, values = getattr(inner, "jaxpr", inner), getattr(inner, "consts", ())  # a closed jaxpr holds an open one
    # Before JAX 0.12 an open jaxpr has no values for its constants; it can only be inlined if it has no constants.
    same = len(getattr(jaxpr, "invars", ())) == len(equation.invars) and len(jaxpr.constvars) == len(values)
    return (jaxpr, values) if same else None


def equations(jaxpr: Jaxpr) -> Iterator[Any]:
    """Every equation of a program, including those of its inner programs."""
    for equation in jaxpr.eqns:
        yield equation
        for value in equation.params.values():
            for each in value if isinstance(value, tuple | list) else (value,):
                inner = getattr(each, "jaxpr", each)
                if hasattr(inner, "eqns"):
                    yield from equations(inner)


def work(jaxpr: Jaxpr) -> int:
    """Approximate number of arithmetic operations in a program; loops count as one iteration."""
    total = 0
    for each in equations(jaxpr):
        size = sum(math.prod(getattr(out.aval, "shape", ())) for out in each.outvars)
        if each.primitive.name == "dot_general":
            contracted, _ = each.params["dimension_numbers"][0]
            size *= int(np.prod([each.invars[0].aval.shape[axis] for axis in contracted], dtype=np.int64))
        total += size
    return total


def bytes_of(jaxpr: Jaxpr) -> int:
    """Bytes of all intermediate values of a program in float64."""
    return sum(8 * math.prod(getattr(out.aval, "shape", ())) for each in equations(jaxpr) for out in each.outvars)
